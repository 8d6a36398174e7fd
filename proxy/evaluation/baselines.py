"""Plain ways to tell copies, run beside fairgate's own on the same pairs: what a figure has to beat."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text.normalize import tokenize
from proxy.evaluation.metrics import rouge_l

GRAM: Final = 4
QUIP: Final = 25
READ: Final = 4096
"""Texts that are kept as read; pairs that share a text come one after another."""
K1: Final = 1.2
B: Final = 0.75


class Reader:
    """The tokens of texts, those of late kept."""

    def __init__(self) -> None:
        self._tokens = lru_cache(READ)(tokens_of)

    def __call__(self, text: str) -> list[int]:
        """Token hashes of a text, in order."""
        return self._tokens(text)


def tokens_of(text: str) -> list[int]:
    """Token hashes of a text, in order."""
    hashes: list[int] = tokenize(text).hashes.tolist()
    return hashes


class RougeL:
    """ROUGE-L, F1."""

    name = "ROUGE-L"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def score(self, output: str, source: str) -> float:
        """From 0 to 1."""
        return rouge_l(self._reader(output), self._reader(source))


class Containment:
    """The share of the output's word grams of one size that stand in the source."""

    def __init__(self, reader: Reader, size: int = GRAM) -> None:
        self.name = f"{size}-gram containment"
        self._reader = reader
        self._size = size
        self._grams = lru_cache(READ)(self._read)

    def score(self, output: str, source: str) -> float:
        """From 0 to 1."""
        held = self._grams(output)
        return len(held & self._grams(source)) / len(held) if held else 0.0

    def _read(self, text: str) -> frozenset[tuple[int, ...]]:
        words = self._reader(text)
        return frozenset(zip(*(words[at:] for at in range(self._size)), strict=False))


class Winnowing:
    """Word winnowing: of 4 grams of 3 words in a row the least is kept; the share of the output's in the source."""

    name = "word winnowing"

    def __init__(self, reader: Reader, size: int = 3, window: int = 4) -> None:
        self._reader = reader
        self._size = size
        self._window = window
        self._kept = lru_cache(READ)(self._read)

    def score(self, output: str, source: str) -> float:
        """From 0 to 1."""
        held = self._kept(output)
        return len(held & self._kept(source)) / len(held) if held else 0.0

    def _read(self, text: str) -> frozenset[int]:
        words = self._reader(text)
        grams = [hash(gram) for gram in zip(*(words[at:] for at in range(self._size)), strict=False)]
        ends = range(max(1, len(grams) - self._window + 1)) if grams else range(0)
        return frozenset(min(grams[at : at + self._window]) for at in ends)


class Quip:
    """QUIP (Weller and others, 2023): the share of the output's grams of 25 characters that stand in the source."""

    name = "QUIP-25"

    def __init__(self) -> None:
        self._grams = lru_cache(READ)(quips)

    def score(self, output: str, source: str) -> float:
        """From 0 to 1."""
        held = self._grams(output)
        return len(held & self._grams(source)) / len(held) if held else 0.0


def quips(text: str) -> frozenset[str]:
    """The grams of 25 characters of a text; a shorter text is one."""
    said = " ".join(text.lower().split())
    return frozenset(said[at : at + QUIP] for at in range(max(1, len(said) - QUIP + 1)))


class TfIdf:
    """The cosine of words weighted by tf-idf, idf from the set's own texts."""

    name = "tf-idf cosine"

    def __init__(self, reader: Reader, texts: Iterable[str]) -> None:
        self._reader = reader
        kinds = [set(reader(text)) for text in texts]
        self._found = Counter(word for each in kinds for word in each)
        self._texts = len(kinds)
        self._weights = lru_cache(READ)(self._read)

    def score(self, output: str, source: str) -> float:
        """From 0 to 1."""
        here, there = sorted((self._weights(output), self._weights(source)), key=len)
        return sum(weight * there[word] for word, weight in here.items() if word in there)

    def _read(self, text: str) -> dict[int, float]:
        counts = Counter(self._reader(text))
        found = {word: (1 + log(count)) * self._rarity(word) for word, count in counts.items()}
        length = sqrt(sum(weight * weight for weight in found.values())) or 1.0
        return {word: weight / length for word, weight in found.items()}

    def _rarity(self, word: int) -> float:
        return log((1 + self._texts) / (1 + self._found[word])) + 1


class Bm25:
    """BM25 over a list of sources (Robertson and others): which of them a text most likely comes from."""

    name = "BM25"

    def __init__(self, reader: Reader, sources: Sequence[str]) -> None:
        self._reader = reader
        counts = [Counter(reader(source)) for source in sources]
        sizes = np.array([each.total() for each in counts], np.float64)
        self._size = len(sources)
        norm = K1 * (1 - B + B * sizes / max(1.0, float(sizes.mean())))
        places: dict[int, list[tuple[int, int]]] = {}
        for number, each in enumerate(counts):
            for word, count in each.items():
                places.setdefault(word, []).append((number, count))
        self._postings = {word: self._weigh(np.array(found), norm) for word, found in places.items()}

    def ranked(self, output: str) -> NDArray[np.float64]:
        """The score of each source."""
        scores = np.zeros(self._size)
        for word in set(self._reader(output)):
            if word in self._postings:
                at, weight = self._postings[word]
                scores[at] += weight
        return scores

    def _weigh(
        self, found: NDArray[np.int64], norm: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        at, counts = found[:, 0], found[:, 1].astype(np.float64)
        rarity = log(1 + (self._size - len(found) + 0.5) / (len(found) + 0.5))
        return at, rarity * counts * (K1 + 1) / (counts + norm[at])
