"""Web crawls: WARC (ISO 28500), also compressed, and the plain texts of WET files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit

from indexes.readers import site
from indexes.readers.bounds import DOCUMENT, BombError
from indexes.readers.compressed import FAULTS
from indexes.readers.document import Container, Document, Unread, UnreadableError
from indexes.readers.facts import Facts, joined, over, stated
from indexes.readers.rsl import LARGEST
from indexes.readers.site import Site

if TYPE_CHECKING:
    from warcio.recordloader import ArcWarcRecord

TEXTS: Final = (
    "text/html",
    "application/xhtml+xml",
    "text/plain",
    "application/pdf",
    "application/epub+zip",
    "text/markdown",
)
WARC_FAULTS: Final = (ValueError, LookupError, AttributeError, TypeError, *FAULTS)
"""What warcio raises for a damaged file, besides its own."""
TYPES: Final = ("response", "resource", "conversion")


@dataclass(slots=True)
class Crawl:
    """What the sites of a crawl say, by their addresses, and the pages that came already."""

    sites: dict[str, Site] = field(default_factory=dict)
    urls: set[str] = field(default_factory=set)

    def id_for(self, url: str, date: str | None) -> str:
        """The id of a page: its address, with the date if it came before."""
        if url in self.urls:
            return f"{url} {date}"
        self.urls.add(url)
        return url


def gather(stream: BinaryIO, crawl: Crawl) -> None:
    """Add what the sites of a crawl say: the files of a site may stand behind its pages, so they are read first."""
    from warcio.exceptions import ArchiveLoadFailed

    try:
        for record in records(stream):
            url = record.rec_headers.get_header("WARC-Target-URI") or ""
            base, path = site.split(url)
            if record.rec_type in TYPES and is_rule(path, media_of(record)[0]) and succeeded(record):
                raw = record.content_stream().read(LARGEST)
                crawl.sites.setdefault(base, Site(base)).take(path if path in site.FILES else "/rsl.xml", raw)
    except (ArchiveLoadFailed, *WARC_FAULTS):
        return  # said when the pages are read


def is_rule(path: str, media: str) -> bool:
    """Whether an answer says what its site allows."""
    return path in site.FILES or media == "application/rsl+xml"


def open_warc(container: Container, crawl: Crawl) -> Iterator[Document | Unread]:
    """The pages of a crawl, each under its address; answers that are no text are left out."""
    from warcio.exceptions import ArchiveLoadFailed

    where = container.document.where
    pages = others = 0
    try:
        for record in records(container.stream):
            container.budget.enter()
            found = page(container, record, crawl)
            if found is not None:
                pages += 1
                yield found
            elif record.rec_type in TYPES and not is_rule(path_of(record), media_of(record)[0]):
                others += 1
    except (ArchiveLoadFailed, *WARC_FAULTS) as error:
        words = " ".join(str(error).split())[:120].lower()
        raise UnreadableError(f"{where} is damaged after {pages} pages ({words}); get it anew") from error
    if not pages and not others:
        yield Unread(f"{where} holds no pages; passed over", fault=False)
    if others:
        yield Unread(f"{where} has {others} answers that are no text, or failed; passed over", fault=False)


def records(stream: BinaryIO) -> Iterator["ArcWarcRecord"]:
    """The records of a WARC."""
    from warcio.archiveiterator import ArchiveIterator

    yield from ArchiveIterator(Eager(stream))


class Eager:
    """A stream that gives what it has, so that what stands before a fault is not lost with it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)

    def read(self, size: int) -> bytes:
        """Some bytes; none at the end."""
        return self._read(size)


def path_of(record: "ArcWarcRecord") -> str:
    """The path of a record's page on its site."""
    return site.split(record.rec_headers.get_header("WARC-Target-URI") or "")[1]


def page(container: Container, record: "ArcWarcRecord", crawl: Crawl) -> Document | Unread | None:
    """The page that a record holds; None if it holds none. Raises BombError."""
    url = record.rec_headers.get_header("WARC-Target-URI")
    media, charset = media_of(record)
    base, path = site.split(url or "")
    if not url or record.rec_type not in TYPES or media not in TEXTS or is_rule(path, media) or not succeeded(record):
        return None
    where = f"{container.document.where} page `{url}`"
    try:
        raw = container.budget.read(record.content_stream())
    except BombError as error:
        raise BombError(f"{where} {error}") from error
    if raw is None:
        return Unread(
            f"{where} is larger than {DOCUMENT >> 20} MiB, too large for one work; add it by itself", fault=True
        )
    its = crawl.sites.get(base)
    above = container.document
    return Document(
        id=crawl.id_for(url, record.rec_headers.get_header("WARC-Date")),
        title="" if record.rec_type == "conversion" else PurePosixPath(urlsplit(url).path).stem,
        where=where,
        content=raw,
        said=over(above.said, {"url": url}),
        site=joined(headers_facts(record), its.facts(path) if its else {}),
        path=path,
        terms_known=True,
        media=media,
        charset=charset,
        depth=above.depth + 1,
    )


def succeeded(record: "ArcWarcRecord") -> bool:
    """Whether the server had the page."""
    return record.http_headers is None or record.http_headers.get_statuscode().startswith("2")


def media_of(record: "ArcWarcRecord") -> tuple[str, str | None]:
    """What a record was served as: media type and encoding."""
    headers = record.http_headers or record.rec_headers
    message = Message()
    message["content-type"] = headers.get_header("Content-Type") or "application/octet-stream"
    charset = message.get_content_charset()
    return message.get_content_type(), charset


def headers_facts(record: "ArcWarcRecord") -> Facts:
    """What the headers of an answer reserve."""
    if record.http_headers is None:
        return {}
    said = [(name.lower(), value.lower()) for name, value in record.http_headers.headers]
    return stated(opt_out=any(reserves(name, value) for name, value in said))


def reserves(name: str, value: str) -> bool:
    """Whether a header reserves a page from training."""
    if name == "x-robots-tag":
        return bool({"noai", "noml"} & {word.strip().rpartition(":")[2].strip() for word in value.split(",")})
    if name in ("content-usage", "content-signal"):
        return bool(site.NO_TRAINING.search(value))
    return name == "tdm-reservation" and value.strip() == "1"
