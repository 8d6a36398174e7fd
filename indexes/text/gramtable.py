"""A table from gram to the places where it stands: a filter that answers nearly every no, buckets, sorted postings.

Grams are scattered by a multiplication, so that the top bits depend on every token. The top `b` bits name the bucket,
the next 32 are kept; what is equal in both counts as the same gram, so a caller compares tokens before it believes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SCATTER: Final = 0xD6E8FEB86659FD93
MASK: Final = (1 << 64) - 1
BLOCK: Final = 1 << 20
"""Grams put into a filter at a time, which bounds the memory for it."""
EMPTY: Final = memoryview(b"").cast("I")

Grams = NDArray[np.uint64]
Integers = NDArray[np.int64]


def build_table(grams: Grams, positions: Integers | NDArray[np.uint32]) -> dict[str, NDArray[np.generic]]:
    """The arrays of a table of these grams, each ending at the token at the same index of `positions` (ascending)."""
    bits = max(1, (len(grams) // 8).bit_length())
    keys = (grams * np.uint64(SCATTER)) >> np.uint64(32 - bits)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    edges = np.arange((1 << bits) + 1, dtype=np.uint64) << np.uint64(32)
    return {
        "buckets": np.searchsorted(keys, edges).astype(np.uint32),
        "remainders": keys.astype(np.uint32),
        "positions": positions.astype(np.uint32)[order],
        "filter": build_filter(grams),
    }


def build_filter(grams: Grams) -> NDArray[np.uint8]:
    """One bit for each gram among 8 to 16 bits a gram, a power of two of bytes."""
    size = 1 << max(0, len(grams) - 1).bit_length()
    filled = np.zeros(size, np.uint8)
    for first in range(0, len(grams), BLOCK):
        some = grams[first : first + BLOCK]
        places = (some >> np.uint64(4) & np.uint64(size - 1)).astype(np.int64)
        np.bitwise_or.at(filled, places, np.uint8(1) << (some >> np.uint64(1) & np.uint64(7)).astype(np.uint8))
    return filled


def probe(filled: memoryview) -> Callable[[int], bool]:
    """The test of one gram against a filter, as quick as plain Python makes it."""
    mask = len(filled) - 1
    bits = tuple(1 << (low >> 1) for low in range(16))

    def maybe(gram: int) -> bool:
        return filled[gram >> 4 & mask] & bits[gram & 15] != 0

    return maybe


class GramTable:
    """Says where grams stand. `maybe(gram)` is false only if the gram stands nowhere."""

    __slots__ = ("_arrays", "_bits", "_buckets", "_positions", "_remainders", "maybe")

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        self._arrays = arrays
        self._buckets = arrays["buckets"].data
        self._remainders = arrays["remainders"].data
        self._positions = arrays["positions"].data
        self._bits = (len(self._buckets) - 1).bit_length() - 1
        self.maybe: Callable[[int], bool] = probe(arrays["filter"].data)

    def __len__(self) -> int:
        return len(self._positions)

    def positions(self, gram: int) -> Sequence[int]:
        """Positions in the segment of the last tokens of a gram, ascending."""
        key = (gram * SCATTER & MASK) >> 32 - self._bits
        bucket, remainder = key >> 32, key & 0xFFFFFFFF
        low, high = self._buckets[bucket], self._buckets[bucket + 1]
        low = bisect_left(self._remainders, remainder, low, high)
        if low == high or self._remainders[low] != remainder:
            return EMPTY
        return self._positions[low : bisect_right(self._remainders, remainder, low, high)]

    def lookup(self, grams: Grams) -> tuple[Integers, Integers]:
        """Where many grams stand: indices into `grams`, ascending, and for each a position, ascending within one."""
        asked = self._nominate(grams)
        keys = (grams[asked] * np.uint64(SCATTER)) >> np.uint64(32 - self._bits)
        bucket, remainder = (keys >> np.uint64(32)).astype(np.int64), keys.astype(np.uint32)
        buckets = self._arrays["buckets"]
        low, high = buckets[bucket].astype(np.int64), buckets[bucket + 1].astype(np.int64)
        first = self._bound(remainder, low, high, upper=False)
        last = self._bound(remainder, first, high, upper=True)
        counts = last - first
        ends = np.cumsum(counts)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + counts, counts)
        return np.repeat(asked, counts), self._arrays["positions"][places].astype(np.int64)

    def _nominate(self, grams: Grams) -> Integers:
        """Indices of the grams that pass the filter."""
        filled = self._arrays["filter"]
        places = (grams >> np.uint64(4) & np.uint64(len(filled) - 1)).astype(np.int64)
        bits = filled[places] >> (grams >> np.uint64(1) & np.uint64(7)).astype(np.uint8)
        return np.flatnonzero(bits & 1)

    def _bound(self, wanted: NDArray[np.uint32], low: Integers, high: Integers, *, upper: bool) -> Integers:
        """Binary search of each wanted remainder between its bounds; all at once."""
        low, high = low.copy(), high.copy()
        remainders = self._arrays["remainders"]
        open_ = np.flatnonzero(low < high)
        while len(open_):
            middle = (low[open_] + high[open_]) >> 1
            found, sought = remainders[middle], wanted[open_]
            right = found <= sought if upper else found < sought
            low[open_[right]] = middle[right] + 1
            high[open_[~right]] = middle[~right]
            open_ = open_[low[open_] < high[open_]]
        return low
