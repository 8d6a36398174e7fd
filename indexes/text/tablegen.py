"""Makes the shipped table of characters from Python's Unicode data: `python -m indexes.text.tablegen`.

Each code point is mapped on its own (class and folded characters), so that cutting a text anywhere changes nothing.
The table is shipped so that an index does not depend on the Unicode version of the Python that reads it.
"""

import sys
import unicodedata
from pathlib import Path

import numpy as np

from indexes.text.tables import ALONE, DATA, MARK, NORMALISER, SEPARATOR, TABLE, UNSPACED, VANISHING, WORD

# Default_Ignorable_Code_Point of DerivedCoreProperties.txt, which Python's unicodedata does not hold.
IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
TATWEEL = 0x0640  # stretches a word without changing it

# Scripts written without spaces between words.
UNSPACED_RANGES = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x1B00, 0x1B7F),
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C), (0x3041, 0x312F),
    (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0xA4CF), (0xA980, 0xA9FF), (0xAA60, 0xAADF),
    (0xF900, 0xFAFF), (0x16FE0, 0x18DFF), (0x1AFF0, 0x1B2FF), (0x20000, 0x3FFFD),
)  # fmt: skip

# Modifier letters that are typed for an apostrophe or a prime: they separate, as those do.
APOSTROPHES = frozenset((*range(0x02B9, 0x02C0), 0x02C8, 0x02EE, 0xA78B, 0xA78C))

# Letters in filled circles and squares, which have no compatibility mapping.
BADGES = {base + i: chr(ord("a") + i) for base in (0x1F150, 0x1F170) for i in range(26)}


def in_ranges(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    """Whether a code point lies in one of the closed ranges."""
    return any(first <= code <= last for first, last in ranges)


def vanishes(char: str) -> bool:
    """Whether a character leaves no trace: ignorable, a reordering mark (diacritic), an enclosing mark."""
    code = ord(char)
    if code == TATWEEL or in_ranges(code, IGNORABLE):
        return True
    return unicodedata.combining(char) != 0 or unicodedata.category(char) == "Me"


def lookalikes() -> dict[str, str]:
    """The map of one folded letter to the Latin letters it is read as."""
    lines = (DATA / "lookalikes.txt").read_text("utf-8").splitlines()
    return {pair[0]: pair[1:] for line in lines if line[0] != "#" for pair in line.split()}


def fold(char: str, alike: dict[str, str]) -> str:
    """All folded characters of one code point, separators among them included."""
    if vanishes(char):
        return ""
    if badge := BADGES.get(ord(char)):
        return badge
    text = strip(unicodedata.normalize("NFKD", char))
    text = strip(unicodedata.normalize("NFKD", text.casefold()))
    return "".join(alike.get(c, digit(c)) for c in text)


def strip(text: str) -> str:
    """The text without what vanishes."""
    return "".join(c for c in text if not vanishes(c))


def digit(char: str) -> str:
    """A decimal digit of any script as its ASCII digit; anything else as it is."""
    return str(unicodedata.decimal(char)) if unicodedata.category(char) == "Nd" else char


def sort_of(char: str) -> int:
    """The class of one folded character."""
    code, category = ord(char), unicodedata.category(char)
    if code in APOSTROPHES:
        return SEPARATOR
    if category[0] not in "LM" and category != "Nd" and code not in (0x3007, *range(0x3021, 0x302A)):
        return SEPARATOR
    if not in_ranges(code, UNSPACED_RANGES):
        return WORD
    return MARK if category[0] == "M" else UNSPACED


def classify(char: str, alike: dict[str, str]) -> tuple[int, str]:
    """Class and folded text of one code point.

    A code point that unfolds into letters and separators (`½`, `⑴`) is a word of its own, without the separators.
    """
    if unicodedata.category(char) in ("Cc", "Cn", "Co", "Cs") and not vanishes(char):
        return SEPARATOR, ""
    folded = fold(char, alike)
    if not folded:
        return VANISHING, ""
    kept = "".join(c for c in folded if sort_of(c) != SEPARATOR)
    sorts = {sort_of(c) for c in folded}
    if not kept:
        return SEPARATOR, ""
    if UNSPACED in sorts:
        return UNSPACED, kept
    if MARK in sorts:
        return MARK, kept
    return (ALONE if SEPARATOR in sorts else WORD), kept


def build(path: Path) -> None:
    """Write the table: runs of classes, and the folds of every code point that does not fold to itself."""
    alike = lookalikes()
    classes = np.zeros(0x110000, np.uint8)
    changed: list[int] = []
    folds: list[str] = []
    for code in range(0x110000):
        classes[code], folded = classify(chr(code), alike)
        if folded and folded != chr(code):
            changed.append(code)
            folds.append(folded)
    starts = np.flatnonzero(np.diff(classes, prepend=255)).astype(np.uint32)
    np.savez_compressed(
        path,
        normaliser=np.array(NORMALISER, np.uint32),
        unicode=np.array([int(part) for part in unicodedata.unidata_version.split(".")], np.uint32),
        starts=starts,
        classes=classes[starts],
        codes=np.array(changed, np.uint32),
        lengths=np.array([len(f) for f in folds], np.uint8),
        folds=np.array([ord(c) for f in folds for c in f], np.uint32),
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else TABLE)
