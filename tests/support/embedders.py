"""An encoder that knows groups of words that mean the same, and counts what it is given."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

GROUPS = (
    ("dog", "hound", "cur"),
    ("ate", "devoured", "consumed"),
    ("bread", "loaf", "crust"),
    ("king", "monarch", "sovereign"),
    ("slept", "slumbered", "dozed"),
    ("sea", "ocean", "deep"),
)


class WordEncoder:
    """A vector is the sum of its words' vectors; words of one group have the same. `salt` makes another model of it."""

    dimensions = 32

    def __init__(self, name: str = "words", salt: str = "") -> None:
        self.name = name
        self.checksum = sha256(salt.encode()).hexdigest()[:32]
        self.given: list[list[str]] = []
        self._salt = salt
        self._meaning = {word: group[0] for group in GROUPS for word in group}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.given.append(list(texts))
        rows = np.array([self._sum(text.lower().split()) for text in texts], np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def _sum(self, words: Iterable[str]) -> NDArray[np.float64]:
        return np.sum([np.zeros(self.dimensions), *map(self._vector, words)], axis=0)

    def _vector(self, word: str) -> NDArray[np.float64]:
        meant = self._meaning.get(word.strip(".,"), word.strip(".,"))
        seed = int(sha256((self._salt + meant).encode()).hexdigest()[:8], 16)
        return np.random.default_rng(seed).normal(size=self.dimensions)
