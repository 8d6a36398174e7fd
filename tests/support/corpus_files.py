"""Files of a corpus, made with real libraries or byte by byte, and what reading them gives."""

import gzip
import io
import tarfile
import uuid
import zipfile
from pathlib import Path

from pypdf import PdfReader, PdfWriter

from indexes.corpora import Read, find

PROSE = "It was a bright cold day in April, and the clocks were striking thirteen.\n"
PAGE = f"<html><head><title>A Title</title></head><body><p>{PROSE}</p></body></html>"


def read(*paths, **defaults):
    """The works under some paths, and the lines for what gave none."""
    items = list(find(paths, defaults))
    return [item for item in items if isinstance(item, Read)], [item for item in items if not isinstance(item, Read)]


def one(path, **defaults):
    """The one work in a file, of which nothing else is said."""
    (item,), others = read(path, **defaults)
    assert others == []
    return item


def zipped(path: Path, entries: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, entries: dict[str, bytes | str | tarfile.TarInfo], mode: str = "w") -> Path:
    """A tar; an entry that is a TarInfo stands as it is, without content."""
    with tarfile.open(path, mode) as archive:
        for name, content in entries.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
                continue
            raw = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


def link(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def epub(path: Path, chapters: list[str], metadata: str = "", more: dict[str, bytes | str] | None = None) -> Path:
    """A book of these chapters; `metadata` stands in its package."""
    items = "".join(
        f'<item id="c{number}" href="text/c%20{number}.xhtml" media-type="application/xhtml+xml"/>'
        for number in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">' + metadata + "</metadata>"
        '<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="css" href="a.css" media-type="text/css"/>' + items + "</manifest>"
        '<spine><itemref idref="nav"/>' + spine + "</spine></package>"
    )
    entries: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/p.opf"/></rootfiles></container>',
        "OEBPS/p.opf": package,
        "OEBPS/nav.xhtml": "<html><body><p>Chapter one, chapter two</p></body></html>",
        **{
            f"OEBPS/text/c {number}.xhtml": f'<?xml version="1.0"?><html><body>{text}</body></html>'
            for number, text in enumerate(chapters)
        },
        **(more or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)
    return path


def pdf_bytes(pages: list[list[str]], info: str = "") -> bytes:
    """A PDF of pages of lines, byte by byte."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = "".join(f"({line}) Tj T* " for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown}ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    objects.append(f"<< {info} >>")
    raw, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(raw))
        raw += f"{number} 0 obj\n{each}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = (
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\nstartxref\n{len(raw)}\n%%EOF"
    )
    return raw + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode("latin-1")


def rewritten_pdf(raw: bytes, *, password: str | None = None, xmp: bytes | None = None) -> bytes:
    """A PDF written anew by a library, encrypted or with XMP."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(raw)))
    if xmp is not None:
        writer.xmp_metadata = xmp
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def record(url: str, kind: str, media: str, content: bytes) -> bytes:
    """One record of a WARC."""
    fields = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid4()}>",
        "WARC-Date": "2024-05-01T10:00:00Z",
        "WARC-Target-URI": url,
        "Content-Type": media,
        "Content-Length": str(len(content)),
    }
    head = "".join(["WARC/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"])
    return head.encode() + content + b"\r\n\r\n"


def warc(path: Path, answers: list[tuple[str, dict[str, str], bytes]], *, gz: bool = True) -> Path:
    """A crawl of these answers: address, headers, body; `:status` among the headers is another status than 200."""
    with path.open("wb") as file:
        for url, headers, body in answers:
            lines = [f"HTTP/1.1 {headers.get(':status', '200 OK')}"]
            lines += [
                f"{name}: {value}"
                for name, value in {"Content-Type": "text/html", **headers}.items()
                if name != ":status"
            ]
            raw = record(
                url, "response", "application/http; msgtype=response", "\r\n".join(lines).encode() + b"\r\n\r\n" + body
            )
            file.write(gzip.compress(raw) if gz else raw)
    return path


def wet(path: Path, pages: list[tuple[str, str]]) -> Path:
    """The plain texts of a crawl."""
    path.write_bytes(
        b"".join(gzip.compress(record(url, "conversion", "text/plain", text.encode())) for url, text in pages)
    )
    return path
