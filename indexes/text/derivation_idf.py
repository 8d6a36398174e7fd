"""How rare words are: a shipped table of many passages, and the index at hand beside it.

The table is read from public-domain books, speeches, songs and poems (`benchmarks.train_derivation` writes it). With it
alone a word weighs the same for every index; an index adds what is common in it, and has half a say at most.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text.tables import DATA

Hashes = NDArray[np.uint32]
Weights = NDArray[np.float64]

TABLE: Final = DATA / "passages.npz"
FREQUENT: Final = np.uint32(1)
"""The bit of a token hash that says that the word is on the frequent-word list."""


@dataclass(frozen=True, slots=True)
class Counted:
    """In how many of `passages` passages each word stands: `words` sorted and distinct, `found` beside it."""

    words: Hashes
    found: NDArray[np.int64]
    passages: int

    @classmethod
    def of(cls, passages: Iterable[Hashes]) -> "Counted":
        """Count passages, each given as its token hashes."""
        kinds = [np.unique(passage) for passage in passages]
        if not kinds:
            return cls(np.empty(0, np.uint32), np.empty(0, np.int64), 0)
        words, found = np.unique(np.concatenate(kinds), return_counts=True)
        return cls(words, found.astype(np.int64), len(kinds))

    def __call__(self, words: Hashes) -> NDArray[np.int64]:
        """In how many passages each of these words stands."""
        if not len(self.words):
            return np.zeros(len(words), np.int64)
        at = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        return np.where(self.words[at] == words, self.found[at], 0)


@dataclass(frozen=True, slots=True)
class Idf:
    """The weight of a word: the logarithm of how rare it is."""

    background: Counted
    index: Counted | None = None

    def __call__(self, words: Hashes) -> Weights:
        """The weight of each token, above 0."""
        found, passages = self.background(words).astype(np.float64), float(self.background.passages)
        if self.index is not None and self.index.passages:
            share = min(1.0, passages / self.index.passages)
            found += share * self.index(words)
            passages += share * self.index.passages
        return np.log((passages + 1) / (found + 0.5))

    def beside(self, index: Counted) -> "Idf":
        """The same with an index at hand."""
        return Idf(self.background, index)


@cache
def background() -> Idf:
    """The shipped table alone, read once a process."""
    with np.load(TABLE, allow_pickle=False) as data:
        return Idf(Counted(data["words"], data["found"].astype(np.int64), int(data["passages"])))
