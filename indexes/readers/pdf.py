"""PDF: the text of its pages, and what its document information and XMP say. Scans hold no text and are refused."""

import io
import logging
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from indexes.readers.document import Document, Reading, UnreadableError
from indexes.readers.epub import reason
from indexes.readers.facts import Facts, clean, names, stated, year
from indexes.readers.licences import licence, rights

if TYPE_CHECKING:
    from pypdf import PdfReader

SECONDS: Final = 300.0
"""How long the pages of one file may take."""
PAGES: Final = 20_000
SCAN: Final = 16
"""Letters a page on the average under which a file is taken for a scan."""


def read_pdf(raw: bytes, document: Document) -> Reading:
    """The text of a PDF and the facts it states."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError(f"{document.where} is encrypted; add a copy without a password")
        pages = text_of_pages(reader, document)
        facts = stated_facts(reader)
    except DependencyError as error:
        raise UnreadableError(f"{document.where} is encrypted; add a copy without a password") from error
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, OSError) as error:
        raise UnreadableError(f"{document.where} is a damaged PDF ({reason(error)}); get it anew") from error
    except (RecursionError, MemoryError, ZeroDivisionError, NotImplementedError, AssertionError) as error:
        raise UnreadableError(f"{document.where} is a damaged PDF ({type(error).__name__}); get it anew") from error
    letters = sum(char.isalpha() for page in pages for char in page)
    if letters < SCAN * max(1, len(pages)):
        why = f"{document.where} has {len(pages)} pages and no text, so it is a scan; run OCR over it, then add it"
        raise UnreadableError(why)
    return Reading("\n".join(without_running_lines(pages)) + "\n", facts)


def text_of_pages(reader: "PdfReader", document: Document) -> list[str]:
    """The text of each page. Raises UnreadableError when it takes too long."""
    end = time.monotonic() + SECONDS
    pages: list[str] = []
    for page in reader.pages:
        pages.append(page.extract_text())
        if time.monotonic() > end or len(pages) > PAGES:
            raise UnreadableError(f"{document.where} takes longer than {SECONDS:.0f} s to read; save it as text")
    return pages


def stated_facts(reader: "PdfReader") -> Facts:
    """What XMP says of a file, and its document information where XMP is silent."""
    about: dict[str, Any] = dict(reader.metadata or {})
    said = xmp_facts(reader)
    author = clean(about.get("/Author"))
    return {
        **stated(
            title=clean(about.get("/Title")),
            creators=names(re.split(r"\s*;\s*", author)) if author else [],
            year=year(str(about.get("/CreationDate", "")).removeprefix("D:")[:4]),
        ),
        **said,
    }


def xmp_facts(reader: "PdfReader") -> Facts:
    """Dublin Core, rights and the TDM reservation protocol in a file's XMP."""
    xmp = reader.xmp_metadata
    if xmp is None:
        return {}
    statements = [words for each in (xmp.dc_rights or {}).values() if (words := clean(each))]
    page = clean(xmp.xmp_rights_web_statement) if hasattr(xmp, "xmp_rights_web_statement") else None
    named = next((name for each in statements if (name := rights(each)[0])), None)
    dates = list(xmp.dc_date or [])
    packet = packet_of(reader)
    return stated(
        title=next((words for each in (xmp.dc_title or {}).values() if (words := clean(each))), None),
        creators=names(xmp.dc_creator or []),
        holder=next((name for each in statements if (name := rights(each)[1])), None),
        license=named or (licence(page) if page else None) or licence_in(packet),
        year=year(str(dates[0])) if dates else None,
        opt_out=bool(re.search(r"reservation(?:>|\s*=\s*[\"'])\s*1\s*[<\"']", packet) and "tdmrep" in packet),
    )


def packet_of(reader: "PdfReader") -> str:
    """A file's XMP as it stands."""
    stream: Any = reader.root_object.get("/Metadata")
    return str(stream.get_object().get_data().decode("utf-8", "replace")) if stream is not None else ""


def licence_in(packet: str) -> str | None:
    """The licence that an XMP packet names for Creative Commons."""
    found = re.search(r"https?://creativecommons\.org/[a-z]+/[a-z0-9./-]+", packet)
    return licence(found[0]) if found else None


def without_running_lines(pages: list[str]) -> list[str]:
    """Pages without the lines at their top and bottom that come again, page numbers set aside, and without numbers."""
    edges = Counter(key for page in pages for key in {bare(line) for line in edge_lines(page)})
    often = {key for key, count in edges.items() if not key or (count > 2 and count > len(pages) / 4)}
    return [without(page, often) for page in pages]


def edge_lines(page: str) -> list[str]:
    """The first and the last line of a page that are not blank."""
    lines = [line for line in page.splitlines() if line.strip()]
    return [lines[0], lines[-1]] if len(lines) > 2 else []


def bare(line: str) -> str:
    """A line without its numbers, roman ones too."""
    return re.sub(r"[\d\W_]+|\b[ivxlc]{1,7}\b", "", line.lower())


def without(page: str, often: set[str]) -> str:
    """A page without its first or last line if it is one of these."""
    lines = page.splitlines()
    kept = [number for number, line in enumerate(lines) if line.strip()]
    if len(kept) > 2:
        drop = {number for number in (kept[0], kept[-1]) if bare(lines[number]) in often}
        lines = [line for number, line in enumerate(lines) if number not in drop]
    return "\n".join(lines)
