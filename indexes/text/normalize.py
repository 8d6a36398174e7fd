"""Text to tokens, with where each stands: words, and single characters in scripts without spaces.

Each code point has a class and a fold of its own (`tables`), so that cutting a text anywhere changes nothing. A token
reaches from its first code point to its last; what vanishes (diacritics, zero-width marks) directly after extends it.
`tokenize` reads a whole text with numpy; `Tokenizer` reads it piece by piece; both give the same tokens.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text import tables, vocabulary
from indexes.text.tables import ALONE, MARK, SEPARATOR, UNSPACED, VANISHING, WORD
from indexes.text.vocabulary import Vocabulary

BLOCK: Final = 1 << 16
UNITS: Final = (0, 0, 2, 1, 1, 2)
"""Units of a token by the class of its first code point: 2 for a word, 1 for a character of an unspaced script."""

ASCII: Final = bytes(code | 32 if chr(code).isalpha() else code if chr(code).isdigit() else 32 for code in range(128))
LOWERED: Final = ASCII + b" " * 128


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text: `hashes` uint32, `starts` and `ends` int64 (code points, half-open), `units` uint8."""

    hashes: NDArray[np.uint32]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    units: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def words(self) -> int:
        """Words as limits count them: two characters of a script without spaces make one."""
        return int(self.units.sum(dtype=np.int64)) // 2


def tokenize(text: str) -> Tokens:
    """All tokens of a whole text."""
    words, table = vocabulary.shared(), tables.load()
    parts: list[Tokens] = []
    start = 0
    while start < len(text):
        end = cut(text, start, table.classes)
        parts.append(tokenize_block(text[start:end], start, words, table.array))
        start = end
    return join(parts)


def cut(text: str, start: int, classes: bytes) -> int:
    """Where the block that begins at `start` may end: just before a code point that ends every token."""
    end = start + BLOCK
    while end < len(text):
        if classes[ord(text[end])] in (SEPARATOR, UNSPACED, ALONE):
            return end
        end += 1
    return len(text)


def join(parts: list[Tokens]) -> Tokens:
    """Token lists one after another."""
    if len(parts) == 1:
        return parts[0]
    return Tokens(
        np.concatenate([np.empty(0, np.uint32), *(part.hashes for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.starts for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.ends for part in parts)]),
        np.concatenate([np.empty(0, np.uint8), *(part.units for part in parts)]),
    )


def tokenize_block(text: str, offset: int, words: Vocabulary, classes: NDArray[np.uint8]) -> Tokens:
    """The tokens of a text cut where no token goes on; `offset` is added to where they stand."""
    if text.isascii():
        return tokenize_ascii(text.encode("ascii"), offset, words)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    sorts = classes[codes]
    foreign = codes >= 128
    if not sorts[foreign].any():
        return tokenize_ascii(np.where(foreign, 32, codes).astype(np.uint8).tobytes(), offset, words)
    return tokenize_codes(text, sorts, offset, words)


def tokenize_ascii(raw: bytes, offset: int, words: Vocabulary) -> Tokens:
    """The tokens of ASCII text."""
    lowered = raw.translate(LOWERED)
    found = lowered.decode("ascii").split()
    padded = np.frombuffer(b" " + lowered + b" ", np.uint8) != 32
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return Tokens(
        np.fromiter(map(words.__getitem__, found), np.uint32, len(found)),
        edges[0::2] + offset,
        edges[1::2] + offset,
        np.full(len(found), 2, np.uint8),
    )


def tokenize_codes(text: str, sorts: NDArray[np.uint8], offset: int, words: Vocabulary) -> Tokens:
    """The tokens of any text, given the class of each code point."""
    seen = np.flatnonzero(sorts != VANISHING)
    sort = sorts[seen]
    before = np.concatenate((np.array([SEPARATOR], np.uint8), sort[:-1]))
    begins = (sort == UNSPACED) | (sort == ALONE) | ((sort == WORD) & (before != WORD))
    begins |= (sort == MARK) & (before == SEPARATOR)
    holds = sort != SEPARATOR
    after = np.append(begins[1:] | ~holds[1:], True)
    following = np.append(seen[1:], len(text))
    first = np.flatnonzero(begins)
    starts = seen[first]
    ends = following[holds & after]
    raw = [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return Tokens(
        np.fromiter(map(words.__getitem__, raw), np.uint32, len(raw)),
        starts + offset,
        ends + offset,
        np.array(UNITS, np.uint8)[sort[first]],
    )
