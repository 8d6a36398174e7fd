"""Words and their hashes. The lowest bit of a token hash says whether the word is on the shipped frequent-word list."""

from functools import cache
from typing import Final

from xxhash import xxh3_64_intdigest

from indexes.text.tables import DATA, SEPARATOR, Tables, load

FREQUENT_VERSION: Final = 1
"""Version of the frequent-word list; it decides bits of every token hash, so an index names it."""

MASK: Final = 0xFFFFFFFE
ENTRIES: Final = 1 << 18
LONGEST: Final = 48


class Vocabulary(dict[str, int]):
    """Remembers the token hash of each raw word looked up; forgets all of them when it has grown too large.

    `vocabulary[raw]` is the 32-bit hash of the folded word; `raw` must be one token's text, without separators.
    """

    __slots__ = ("_frequent", "_tables")

    def __init__(self, tables: Tables, frequent: frozenset[str]) -> None:
        super().__init__()
        self._tables = tables
        self._frequent = frequent

    def __missing__(self, raw: str) -> int:
        folded = self._tables.fold(raw)
        found = xxh3_64_intdigest(folded.encode()) & MASK | (folded in self._frequent)
        if len(raw) <= LONGEST:
            if len(self) >= ENTRIES:
                self.clear()
            self[raw] = found
        return found


@cache
def shared() -> Vocabulary:
    """The vocabulary of this process, over the shipped tables and frequent words."""
    tables = load()
    return Vocabulary(tables, frequent_words(tables))


def frequent_words(tables: Tables) -> frozenset[str]:
    """The shipped frequent words, folded."""
    lines = (DATA / "frequent.txt").read_text("utf-8").splitlines()
    raw = " ".join(line for line in lines if not line.startswith("#"))
    spaced = "".join(" " if tables.classes[ord(char)] == SEPARATOR else char for char in raw)
    return frozenset(tables.fold(word) for word in spaced.split())
