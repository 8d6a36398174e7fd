"""Which format a document has, by its first bytes before its name; and who reads it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from indexes.readers.compressed import kind_of
from indexes.readers.document import Reader
from indexes.readers.epub import read_epub
from indexes.readers.html import read_html
from indexes.readers.pdf import read_pdf
from indexes.readers.plain import read_plain

HEAD: Final = 1024
"""Bytes by which a format is told."""
LINES: Final = (".jsonl", ".ndjson")
CONTAINERS: Final = frozenset({"lines", "zip", "tar", "parquet", "warc"})
COMPRESSED: Final = frozenset({"gz", "bz2", "xz", "zst"})
MAGIC: Final = (
    (0, b"PAR1", "parquet"),
    (0, b"WARC/", "warc"),
    (257, b"ustar", "tar"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (0, b"{\\rtf", "office"),
    (0, b"AT&TFORM", "djvu"),
    (60, b"BOOKMOBI", "kindle"),
)
"""Formats by what stands at a place in their first bytes."""
OFFICE: Final = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".doc")
HTML: Final = (".html", ".htm", ".xhtml", ".xht")
ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "7z": "is a 7z archive; unpack it and add the folder",
        "rar": "is a rar archive; unpack it and add the folder",
        "office": "is a document of a word processor; save it as text, PDF or EPUB and add that",
        "djvu": "is DjVu; run `djvutxt` over it and add the text",
        "kindle": "is a Kindle book; save it as EPUB and add that",
    }
)


def format_of(name: str, head: bytes, media: str | None = None) -> str:
    """The format of a document: one that is read, one that is opened, one that is not known, or `plain`."""
    lower = name.lower()
    return binary_format(lower, head) or text_format(lower, head, media)


def binary_format(name: str, head: bytes) -> str | None:
    """The format that the first bytes prove."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return zip_format(name, head)
    if compressed := kind_of(head):
        return compressed
    if head.lstrip().startswith(b"%PDF-") or (name.endswith(".pdf") and b"%PDF-" in head):
        return "pdf"
    return next((kind for start, magic, kind in MAGIC if head.startswith(magic, start)), None)


def zip_format(name: str, head: bytes) -> str:
    """What a zip is: a book, a document of an office, or an archive."""
    kind = head[38:100] if head[30:38] == b"mimetype" else b""
    if kind.startswith(b"application/epub+zip") or name.endswith(".epub"):
        return "epub"
    if kind.startswith(b"application/vnd.oasis") or name.endswith(OFFICE):
        return "office"
    return "zip"


def text_format(name: str, head: bytes, media: str | None) -> str:
    """The format of a text, by its name and how it begins."""
    if name.endswith(LINES):
        return "lines"
    if name.endswith(".tar"):
        return "tar"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    marked = start.startswith((b"<!doctype html", b"<html")) or (
        start.startswith(b"<?xml") and b"<html" in head.lower()
    )
    if media in ("text/html", "application/xhtml+xml") or name.endswith(HTML) or (marked and media is None):
        return "html"
    return "plain"


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "plain": read_plain,
        "html": read_html,
        "epub": read_epub,
        "pdf": read_pdf,
    }
)
