"""Banded locality-sensitive hashing over the lowest bytes of signatures, as flat arrays that are probed where they lie.

Two signatures are candidates if all bytes of a band are equal. Of each band the arrays hold the passages in the order
of the band's hash, and where each bucket of that order begins.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text.fingerprint import MULTIPLIER
from indexes.text.minhash import PERMUTATIONS, Low

FEW: Final = 4
"""Passages of a bucket, about."""
MOST: Final = 256
"""Passages of a bucket that are looked at; more of them are copies of one another."""
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bands:
    """The table of some signatures (`low`, uint8 rows): `ids` and `starts` uint32, a row a band of `rows` bytes."""

    low: Low
    rows: int
    ids: NDArray[np.uint32]
    starts: NDArray[np.uint32]

    @classmethod
    def build(cls, low: Low, bands: int, rows: int) -> "Bands":
        """The table of these signatures."""
        bits = max(1, (len(low) // FEW).bit_length())
        ids = np.empty((bands, len(low)), np.uint32)
        starts = np.zeros((bands, (1 << bits) + 1), np.uint32)
        for band in range(bands):
            buckets = buckets_of(low, band, rows, bits)
            ids[band] = np.argsort(buckets, kind="stable")
            np.cumsum(np.bincount(buckets, minlength=1 << bits), out=starts[band, 1:])
        return cls(low, rows, ids, starts)

    @property
    def bits(self) -> int:
        """Bits of a bucket's number."""
        return int(self.starts.shape[1] - 1).bit_length() - 1

    def candidates(self, queries: Low) -> tuple[Integers, Integers]:
        """Pairs of a query and a passage that share a band, each once, in order."""
        pairs = [np.empty(0, np.int64)]
        for band in range(len(self.ids)):
            buckets = buckets_of(queries, band, self.rows, self.bits)
            first = self.starts[band, buckets].astype(np.int64)
            counts = np.minimum(self.starts[band, buckets + 1] - first, MOST)
            query = np.repeat(np.arange(len(queries)), counts)
            place = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts) + first[query]
            passage = self.ids[band, place].astype(np.int64)
            within = slice(band * self.rows, (band + 1) * self.rows)
            alike = (self.low[passage, within] == queries[query, within]).all(axis=1)
            pairs.append(query[alike] * len(self.low) + passage[alike])
        found = np.unique(np.concatenate(pairs))
        return np.divmod(found, max(1, len(self.low)))

    def alike(self, queries: Low, query: Integers, passage: Integers) -> Integers:
        """How many of the 128 lowest bytes are equal, of each pair."""
        equal: Integers = np.count_nonzero(queries[query] == self.low[passage], axis=1)
        return equal


def buckets_of(low: Low, band: int, rows: int, bits: int) -> Integers:
    """The bucket of each signature in a band."""
    key = np.full(len(low), band + 1, np.uint64)
    for row in range(band * rows, (band + 1) * rows):
        key *= np.uint64(MULTIPLIER)
        key += low[:, row]
    key *= np.uint64(MULTIPLIER)
    return (key >> np.uint64(64 - bits)).astype(np.int64)


def shaped(flat: NDArray[np.uint8]) -> Low:
    """Rows of signatures from a flat array."""
    return flat.reshape(-1, PERMUTATIONS)
