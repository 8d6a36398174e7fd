"""Common expression: grams that weigh nothing, because frequent words alone or far too many works use them."""

from bisect import bisect_left
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from indexes.text.fingerprint import K
from indexes.text.reading import Reading
from indexes.text.source import Source

MANY = 100
"""A gram kept from more works of the index than this is common."""
_FREQUENT = b"\1" * K


class CommonGrams:
    """Says which grams are common in a snapshot of an index. `negative` is the shipped list of common grams."""

    __slots__ = ("_known", "_leading", "_sorted", "_sources", "negative")

    def __init__(self, sources: Sequence[Source], negative: frozenset[int]) -> None:
        self._sources = sources
        self._known: dict[tuple[int, bool], bool] = {}
        self._sorted = np.array(sorted(negative) or [0], np.uint64)
        self._leading = np.zeros(1 << 16, np.bool_)
        self._leading[self._sorted >> np.uint64(48)] = True
        self.negative = negative

    def negatives(self, grams: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these grams are on the shipped list."""
        found: NDArray[np.bool_] = self._leading[grams >> np.uint64(48)]
        asked = grams[found]
        places = np.minimum(np.searchsorted(self._sorted, asked), len(self._sorted) - 1)
        found[found] = self._sorted[places] == asked
        return found

    def many(self, gram: int, *, short: bool) -> bool:
        """Whether the gram is kept from more than a hundred works."""
        known = self._known.get((gram, short))
        if known is None:
            known = self._known[gram, short] = self._count(gram, short=short) > MANY
        return known

    def _count(self, gram: int, *, short: bool) -> int:
        works = 0
        for source in self._sources:
            positions = np.asarray(source.positions(gram, short=short), np.int64)
            numbers = np.unique(source.texts.texts_at(positions))
            works += len(np.setdiff1d(numbers, source.texts.gone, assume_unique=True))
        return works


class Marker:
    """Says of each token of one run whether the gram that ends at it is common.

    A gram that would reach before its stretch is cut there: it is common if all its words are frequent, or if the
    nearest whole gram before it in the run is (for the first tokens of a run, the first whole one). A gram that the
    index did not keep at this place stands in as many works as the nearest one that it kept. Therefore a token once
    found not to be common never becomes so while the text grows.
    """

    __slots__ = ("_common", "_crowded", "_grams", "_many", "_reading", "_shift", "_short", "_source")

    def __init__(self, source: Source, reading: Reading, grams: CommonGrams, crowded: Collection[int]) -> None:
        self._source = source
        self._reading = reading
        self._grams = grams
        self._crowded = crowded
        self._shift = 0
        self._short = 0
        self._many = False
        self._common = False

    def begin(self, shift: int, short: int, first: int, last: int) -> None:
        """A run on this diagonal opens with a stretch of output tokens `first` to `last`."""
        self._shift = shift
        self._short = short
        size = self._reading.size
        whole = [at for at in range(first, last + 1) if at - size(at, short) + 1 >= first]
        many = [at for at in whole if self._stands_in_many(at)]
        self._many = bool(many) and next((at in many for at in whole if self._kept(at)), False)
        before = self._many
        self.common(whole[0], first)
        self._many = before

    def common(self, at: int, begin: int) -> tuple[int, bool]:
        """First token of the gram that ends at `at`, in a stretch that began at `begin`, and whether it is common."""
        reading, short = self._reading, self._short
        first = at - reading.size(at, short) + 1
        if first < begin:
            return begin, self._common or reading.frequent(begin, at)
        many = self._stands_in_many(at)
        if many != self._many and self._kept(at):
            self._many = many
        gram = reading.triple(at) if short else reading.gram(at)
        self._common = self._many or gram in self._grams.negative or reading.frequent(first, at)
        return first, self._common

    def plain(self, first: int, end: int, begin: int) -> int:
        """Up to which token, `end` at most, the grams that end at `first` and after are plainly not common.

        Asked after a token that is not common, about tokens of the same stretch, which began at `begin`.
        """
        reading = self._reading
        if self._short or self._many or self._crowded or first - begin < K or reading.mixed:
            return first
        if not self._grams.negative.isdisjoint(reading.fives[first:end]):
            return first
        flags = bytes([token & 1 for token in reading.hashes[first - K + 1 : end]])
        frequent = flags.find(_FREQUENT)
        return end if frequent < 0 else first + frequent

    def _gram(self, at: int) -> int:
        return self._reading.triple(at) if self._short else self._reading.gram(at)

    def _kept(self, at: int) -> bool:
        """Whether the index keeps the gram that ends at output token `at` at this very place of the source."""
        positions = self._source.positions(self._gram(at), short=bool(self._short))
        place = at + self._shift
        index = bisect_left(positions, place)
        return index < len(positions) and positions[index] == place

    def _stands_in_many(self, at: int) -> bool:
        return at in self._crowded and self._grams.many(self._gram(at), short=bool(self._short))
