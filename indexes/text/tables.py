"""The shipped table of characters: what each code point is, and what it folds to."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NORMALISER = 1
"""Version of the normalisation; an index names the one it was made with."""

SEPARATOR = 0
"""Ends a token and belongs to none."""
VANISHING = 1
"""Leaves no trace: zero-width marks, diacritics."""
WORD = 2
"""A letter, mark or digit of a script with spaces: runs of them make words."""
UNSPACED = 3
"""A character of a script without spaces: a token of its own."""
MARK = 4
"""A mark of a script without spaces: belongs to the token before it, if there is one."""
ALONE = 5
"""One code point that stands for a whole word (a fraction, a digit in brackets)."""

DATA = Path(__file__).parent / "data"
TABLE = DATA / "characters.npz"


@dataclass(frozen=True, slots=True)
class Tables:
    """`classes` holds the class of each code point (as bytes for one look, as array for many); `folds` what changes."""

    classes: bytes
    array: NDArray[np.uint8]
    folds: dict[str, str]

    def fold(self, raw: str) -> str:
        """The folded characters of a piece of text that holds no separators."""
        if raw.isascii():
            return raw.lower()
        get = self.folds.get
        return "".join([get(char, char) for char in raw])


@cache
def load() -> Tables:
    """The shipped table, read once a process."""
    with np.load(TABLE, allow_pickle=False) as data:
        array = np.repeat(data["classes"], np.diff(data["starts"], append=0x110000))
        folds = read_folds(data["codes"], data["lengths"], data["folds"])
    array.flags.writeable = False
    vanishing = np.flatnonzero(array == VANISHING).tolist()
    folds.update((chr(code), "") for code in vanishing)
    return Tables(array.tobytes(), array, folds)


def read_folds(codes: NDArray[np.uint32], lengths: NDArray[np.uint8], folds: NDArray[np.uint32]) -> dict[str, str]:
    """The map of code point to folded characters, from its three arrays."""
    text = folds.astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    found: dict[str, str] = {}
    start = 0
    for code, end in zip(codes.tolist(), ends, strict=True):
        found[chr(code)] = text[start:end]
        start = end
    return found
