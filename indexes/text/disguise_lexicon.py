"""The words that an index holds, with how often: what tells a disguised word from one that is merely odd."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from math import log
from typing import Final

import numpy as np

from indexes.text.source import Source
from indexes.text.tables import load
from indexes.text.vocabulary import Vocabulary, frequent_words

MOST: Final = 1 << 22
"""Tokens counted at most, in blocks spread over the index; of a large one the rarest words may be unknown."""
BLOCK: Final = 1 << 14
LETTERS: Final = {
    "0": "o", "1": "li", "2": "z", "3": "e", "4": "a", "5": "s", "6": "gb", "7": "tl", "8": "b", "9": "gq", "@": "a",
    "$": "s", "§": "s", "|": "li", "!": "il", "+": "t", "€": "e", "£": "l", "¢": "c",
}  # fmt: skip
"""What digits and signs are read as, the likelier first."""
PLAIN: Final = str.maketrans({sign: letters[0] for sign, letters in LETTERS.items()})
ENDING: Final = "!|+"
"""Signs that, at the end of a word, are punctuation."""
CHOICES: Final = 64
LONGEST: Final = 24
"""Letters of a word at most, where words must be told apart by the letters alone."""


class Lexicon:
    """How often the words of an index stand in it; counted when first asked."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._counts: dict[int, int] = {}
        self._words = Vocabulary(load(), frequent_words(load()))
        self.total = 0
        self.read: Callable[[str], tuple[str, int]] = lru_cache(1 << 15)(self._read)

    def count(self, word: str) -> int:
        """How often a word stands in the index. It must hold no separators."""
        if not self.total:
            self._load()
        return self._counts.get(self._words[word], 0)

    def cost(self, word: str) -> float:
        """How unlikely a word is; one that the index does not hold is far more so, the more the longer."""
        found = self.read(word)[1]
        return log(self.total / found) if found else 12.0 + 3.0 * len(word)

    def _read(self, word: str) -> tuple[str, int]:
        """The likeliest word that is meant by letters, digits and signs, and how often the index holds it."""
        if word.isalpha():
            return word, self.count(word)
        body = word.rstrip(ENDING) or word
        choices = [LETTERS.get(char, "") + (char if char.isalnum() else "") or char for char in body]
        size = 1
        for number, choice in enumerate(choices):
            size *= len(choice)
            if size > CHOICES:
                choices[number:] = [each[0] for each in choices[number:]]
                break
        best, most = body.translate(PLAIN) if not body.isdigit() else body, 0
        for letters in product(*choices):
            found = "".join(letters)
            if found.isalnum() and (count := self.count(found)) > most:
                best, most = found, count
        return best, most

    def parted(self, units: Sequence[str]) -> list[int]:
        """Where the likeliest words end that these units make one after another, as counts of units."""
        best: list[tuple[float, int]] = [(0.0, 0)]
        for end in range(1, len(units) + 1):
            word, found = "", (float("inf"), end - 1)
            for begin in range(end - 1, -1, -1):
                word = units[begin] + word
                if len(word) > LONGEST and begin < end - 1:
                    break
                found = min(found, (best[begin][0] + self.cost(word), begin))
            best.append(found)
        ends, end = [], len(units)
        while end:
            ends.append(end)
            end = best[end][1]
        return ends[::-1]

    def _load(self) -> None:
        arrays = [source.texts.array for source in self._sources if len(source.texts.array)]
        step = max(1, sum(len(array) for array in arrays) // MOST)
        some = [array[at : at + BLOCK] for array in arrays for at in range(0, len(array), BLOCK * step)]
        words, counts = np.unique(np.concatenate([np.zeros(1, np.uint32), *some]), return_counts=True)
        self._counts = dict(zip(words.tolist(), counts.tolist(), strict=True))
        self.total = int(counts.sum())
