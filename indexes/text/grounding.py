"""The request's own texts, and how much of the output also stands there."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text.fingerprint import SHORT_K, short_grams
from indexes.text.normalize import tokenize
from indexes.text.reading import Reading
from indexes.text.stretches import Integers, Stretches, Texts
from indexes.text.tokenizer import Tokenizer

MARGIN: Final = 32
"""Tokens read before a match; more than any stretch needs to open one, so that earlier ones need not be known."""

BRIEF: Final = 512
"""Code points of a text that is read by the piece."""


class Grounding:
    """Says which tokens of the output also stand in the request. Reads the request only when first asked."""

    __slots__ = ("_grams", "_next", "_order", "_reading", "_requests", "_since", "_stretches", "_texts", "_vocabulary")

    def __init__(self, requests: Sequence[str], reading: Reading) -> None:
        self._requests = requests
        self._reading = reading
        self._texts: Texts | None = None
        self._next = 0
        self._since: dict[int, int] = {}

    def opening(self, first: int, last: int, short: int) -> list[bool]:
        """Which of the output tokens `first` to `last`, at the last of which a match opens, are grounded.

        All up to the end of a long enough request stretch that begins no later than they do; of one that begins among
        them, those at which it is already long enough.
        """
        self._follow(first, last)
        floor = self._reading.floor
        grounded = [self._since[at] <= floor(at, short) for at in range(first, last + 1)]
        for at in range(last, first - 1, -1):
            if grounded[at - first] and self._since[at] <= first:
                grounded[: at - first] = [True] * (at - first)
                break
        return grounded

    def grounds(self, at: int, short: int) -> bool:
        """Whether output token `at`, by which a match grows, is grounded."""
        if at == self._next and not self._stretches and not self._may_begin(at):
            self._next = at + 1
            self._since[at] = at + 1
            return False
        self._follow(at, at)
        return self._since[at] <= self._reading.floor(at, short)

    def _may_begin(self, at: int) -> bool:
        """Whether a stretch of three tokens may reach token `at`: each of them stands somewhere in the request."""
        if at < SHORT_K - 1:
            return False
        hashes, vocabulary = self._reading.hashes, self._vocabulary
        return hashes[at] in vocabulary and hashes[at - 1] in vocabulary and hashes[at - 2] in vocabulary

    def _follow(self, first: int, last: int) -> None:
        """Know of each token from `first` to `last` where the longest request stretch that ends there begins."""
        if self._texts is None:
            self._read()
        begin = max(0, first - MARGIN)
        if self._next < begin:
            self._stretches.clear()
            self._next = begin
        reading, stretches = self._reading, self._stretches
        for at in range(self._next, last + 1):
            if stretches:
                stretches.advance(at, reading.hashes[at])
            if self._may_begin(at) and len(positions := self._positions(reading.triple(at))):
                stretches.add(reading.hashes, at, SHORT_K, positions, ())
            self._since[at] = stretches.earliest(at + 1) if stretches else at + 1
        self._next = max(self._next, last + 1)

    def _read(self) -> None:
        tokens = [_hashes(request) for request in self._requests]
        edges = np.cumsum([0, *(len(each) for each in tokens)], dtype=np.int64)
        row = np.concatenate([np.empty(0, np.uint32), *tokens])
        self._texts = Texts(row, edges, np.zeros(len(tokens), np.uint8))
        self._vocabulary = frozenset(row.tolist())
        self._stretches = Stretches(self._texts)
        self._grams, self._order = _sorted_grams(row)

    def _positions(self, gram: int) -> Integers:
        """Where a gram of three tokens ends in the request."""
        low = bisect_left(self._grams, gram)
        return self._order[low : bisect_right(self._grams, gram, low)]


def _sorted_grams(row: NDArray[np.uint32]) -> tuple[memoryview, Integers]:
    """The grams of three tokens of a row, ascending, and where each ends."""
    grams = short_grams(row)[SHORT_K - 1 :]
    order = np.argsort(grams, kind="stable")
    return grams[order].data, order + (SHORT_K - 1)


def _hashes(text: str) -> NDArray[np.uint32]:
    """The tokens of a text; a short one is not worth numpy's trouble."""
    if len(text) > BRIEF:
        return tokenize(text).hashes
    tokenizer = Tokenizer()
    tokenizer.read_all(text)
    tokenizer.close()
    return np.array(tokenizer.hashes, np.uint32)
