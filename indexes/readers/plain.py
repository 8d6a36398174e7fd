"""Plain text."""

import re
from typing import Final

from indexes.readers.charset import decode
from indexes.readers.document import Document, Reading, UnreadableError

PEEK: Final = 1 << 13
WIDE: Final = re.compile(rb"(?:[\x09\x0a\x0d\x20-\x7e]\x00){8}|(?:\x00[\x09\x0a\x0d\x20-\x7e]){8}")
"""UTF-16 without a mark, in scripts whose letters are mostly plain ones."""


def read_plain(raw: bytes, document: Document) -> Reading:
    """The text as it stands, line ends included, so that offsets stay true."""
    if isinstance(document.content, str):
        return Reading(document.content)
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in raw[:PEEK] and not marked:
        if WIDE.match(raw):
            name = "utf-16-be" if raw[0] == 0 else "utf-16-le"
            return Reading(raw.decode(name, "replace"), {}, ("is UTF-16 without a mark; read as that",))
        raise UnreadableError(f"{document.where} is not text; passed over", fault=False)
    found = decode(raw, document.charset)
    if found is None:
        raise UnreadableError(f"{document.where} is in no encoding that could be told; save it as UTF-8")
    return Reading(found[0], {}, found[1])
