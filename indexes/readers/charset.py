"""Bytes to text, whatever they were written in, with a word on what had to be mended."""

import codecs
import re
from collections.abc import Iterator
from typing import Final

MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LATIN: Final = ("cp1252", "cp1250", "cp1254", "cp1257", "mac_roman", "cp850")
"""Encodings for text whose letters are mostly plain ones, the likeliest first."""
SLACK: Final = 0.1
"""How much messier than the tidiest guess text may look: `déjà` in English does, beside the `déją` of Windows-1257."""
SAMPLE: Final = 1 << 18
HIGH: Final = re.compile(rb"[\x80-\xff]")
LETTER: Final = re.compile(rb"[A-Za-z]")
CP1252_HIGH: Final = "".join(bytes([value]).decode("cp1252", "ignore") for value in range(0x80, 0xC0))
GARBLED: Final = re.compile(f"[\u00c2-\u00f4\u0413-\u0452][{re.escape(CP1252_HIGH)}\x80-\xbf]")
"""What UTF-8 looks like when it is read as Windows-1252 or -1251, and what happens to look like it."""


def decode(raw: bytes, declared: str | None = None) -> tuple[str, tuple[str, ...]] | None:
    """The text of these bytes, and notes on what was mended; None if no encoding could be told.

    `declared` is the encoding that the document or its server names; UTF-8 goes before it where it fits.
    """
    shifted = (declared or "").lower().startswith(("iso-2022", "iso2022", "hz"))  # written in plain bytes, as UTF-8 is
    found = (as_declared(raw, declared) if shifted else None) or plainly(raw) or as_declared(raw, declared)
    found = found or mostly_utf8(raw) or guessed(raw)
    if found is None:
        return None
    text, note = found
    mended, lines = mend(text)
    notes = [note] if note else []
    if lines:
        notes.append(f"had {lines} {'line' if lines == 1 else 'lines'} of UTF-8 read as another encoding; mended")
    return mended, tuple(notes)


def plainly(raw: bytes) -> tuple[str, str] | None:
    """Text with a byte order mark, or UTF-8."""
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace"), f"is {encoding.upper()}; read as that"
    try:
        return raw.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return None


def as_declared(raw: bytes, declared: str | None) -> tuple[str, str] | None:
    """Text in the encoding that it says it has, if that is so."""
    if not declared or declared.lower().replace("_", "-") in ("utf-8", "utf8"):
        return None
    name = "cp1252" if declared.lower() in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii") else declared
    try:
        return raw.decode(name), ""
    except (LookupError, UnicodeError):
        return None


def mostly_utf8(raw: bytes) -> tuple[str, str] | None:
    """UTF-8 with a few bytes of Windows-1252 in it, as editing by many hands leaves it."""
    text = raw.decode("utf-8-sig", "surrogateescape")
    stray = sum(1 for char in text if "\udc80" <= char <= "\udcff")
    whole = sum(1 for char in text if char >= "\x80") - stray
    if whole <= 2 * stray:
        return None
    mended = re.sub("[\udc80-\udcff]", lambda found: from_stray(found[0]), text)
    return mended, f"is UTF-8 with {stray} stray {'byte' if stray == 1 else 'bytes'}; read as Windows-1252"


def from_stray(char: str) -> str:
    """The character of Windows-1252 that a stray byte is."""
    return bytes([ord(char) - 0xDC00]).decode("cp1252", "replace")


def guessed(raw: bytes) -> tuple[str, str] | None:
    """Text in the encoding that makes most sense of it."""
    from charset_normalizer import from_bytes

    sample = raw[:SAMPLE]
    latin = len(LETTER.findall(sample)) > 2 * len(HIGH.findall(sample))
    matches = from_bytes(sample, cp_isolation=list(LATIN) if latin else None)
    best = matches.best()
    if best is None:
        return None
    messiest = best.chaos + (SLACK if latin else 0)
    equal = [each for each in matches if each.chaos <= messiest and each.coherence >= best.coherence]
    same = {name for each in equal for name in each.could_be_from_charset}
    name = next((name for name in LATIN if name in same), best.encoding)
    line = raw.count(b"\n", 0, first_fault(raw)) + 1
    return raw.decode(name, "replace"), f"is not UTF-8 (line {line}); read as {name}"


def first_fault(raw: bytes) -> int:
    """Where bytes stop being UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(raw)


def mend(text: str) -> tuple[str, int]:
    """Text whose garbled lines are mended, and how many there were."""
    parts: list[str] = []
    done = count = 0
    for start, end in garbled_lines(text):
        line = text[start:end]
        better = unscrambled(line)
        if better != line:
            parts += [text[done:start], better]
            done = end
            count += 1
    return "".join([*parts, text[done:]]) if count else text, count


def garbled_lines(text: str) -> Iterator[tuple[int, int]]:
    """Where lines begin and end that look garbled."""
    at = 0
    while not text.isascii() and (found := GARBLED.search(text, at)):
        start = text.rfind("\n", 0, found.start()) + 1
        end = text.find("\n", found.end())
        at = len(text) if end < 0 else end
        yield start, at


def unscrambled(line: str) -> str:
    """A line, read as what it was written in if all of it is plainly garbled; one that quotes garbled words is not."""
    from ftfy import TextFixerConfig, fix_encoding

    return fix_encoding(line, TextFixerConfig(decode_inconsistent_utf8=False, restore_byte_a0=False))
