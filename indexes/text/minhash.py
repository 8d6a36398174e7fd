"""MinHash signatures of passages (Broder 1997): how alike two sets of shingles are, from 128 numbers each.

A shingle is 5 tokens. A passage is up to 120 shingles in a row (124 tokens), and begins every 60: passages overlap by
half. Signatures are least values over blocks of shingles, so that what passages share is worked out once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from indexes.text.fingerprint import MULTIPLIER, K, gram_hashes

Family: TypeAlias = Literal["affine32", "densified", "legacy"]
"""How shingles are permuted: as `datasketch` does since 2.0, in one pass of our own, as `datasketch` did before 2.0."""
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)
Hashes: TypeAlias = NDArray[np.uint32]
Signatures: TypeAlias = NDArray[np.uint32]
"""One row of `PERMUTATIONS` values each."""
Low: TypeAlias = NDArray[np.uint8]
"""Signatures of which the lowest byte of each value is kept (b-bit minwise hashing: Li and König 2010)."""

PERMUTATIONS: Final = 128
SEED: Final = 1
SHINGLE: Final = K
STRIDE: Final = 60
"""Shingles from the beginning of a passage to that of the next."""
PASSAGE: Final = 2 * STRIDE
"""Shingles of a passage, unless the work ends before."""
STEP: Final = 4
"""Shingles from one window of a text that is looked up to the next."""
EMPTY: Final = np.uint32(0xFFFFFFFF)
CELLS: Final = 1 << 17
"""Permuted values worked on at once; they stay in a core's cache."""
ROWS: Final = 2048
"""Rows worked on at once."""
PRIME: Final = np.uint64((1 << 61) - 1)
TRIES: Final = 24
CHANCE: Final = 1 / 256
"""How often the lowest bytes of two other values are equal."""


class Permuter(Protocol):
    """A family at work."""

    def least(self, blocks: Hashes) -> Signatures:
        """For each row of shingle hashes the least value under each permutation, not finished."""

    def finish(self, least: Signatures) -> Signatures:
        """Signatures of sets, from the least values of all that belongs to each."""


def shingle_hashes(tokens: NDArray[np.uint32]) -> Hashes:
    """The hash of each shingle, first to last, of a row of token hashes; empty where there are fewer than five."""
    found = gram_hashes(tokens, SHINGLE)[SHINGLE - 1 :]
    return (found * np.uint64(MULTIPLIER) >> np.uint64(32)).astype(np.uint32)


def shingle_hash(shingle: bytes) -> int:
    """The hash of one shingle, its token hashes as 20 bytes, little-endian: a `hashfunc` for `datasketch.MinHash`."""
    return int(shingle_hashes(np.frombuffer(shingle, "<u4").astype(np.uint32))[0])


def permuter(family: Family, seed: int = SEED) -> Permuter:
    """The permutations of a family that belong to a seed."""
    return _PERMUTERS[family](seed)


class Affine:
    """`datasketch`'s permutations since 2.0: a * mixed(hash) + b modulo 2**32, a odd."""

    def __init__(self, seed: int) -> None:
        chance = np.random.RandomState(seed)
        self._factors = chance.randint(0, 1 << 31, PERMUTATIONS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        self._terms = chance.randint(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)

    def least(self, blocks: Hashes) -> Signatures:
        """For each row of shingle hashes the least value under each permutation."""
        return in_parts(blocks, self._least)

    def _least(self, blocks: Hashes) -> Signatures:
        mixed = np.ascontiguousarray(mix(blocks).T)
        found = np.empty((PERMUTATIONS, len(blocks)), np.uint32)
        step = max(1, CELLS // max(1, mixed.size))
        for first in range(0, PERMUTATIONS, step):
            some = slice(first, first + step)
            values = self._factors[some, None, None] * mixed
            values += self._terms[some, None, None]
            np.minimum.reduce(values, axis=1, out=found[some])
        return found.T

    def finish(self, least: Signatures) -> Signatures:
        """The same: least values are signatures."""
        return least


class Legacy:
    """`datasketch`'s permutations before 2.0: (a * hash + b) modulo 2**61 - 1, of which 32 bits are kept."""

    def __init__(self, seed: int) -> None:
        chance = np.random.RandomState(seed)
        pairs = [
            (chance.randint(1, PRIME, dtype=np.uint64), chance.randint(0, PRIME, dtype=np.uint64))
            for _ in range(PERMUTATIONS)
        ]
        self._factors, self._terms = np.array(pairs, np.uint64).T

    def least(self, blocks: Hashes) -> Signatures:
        """For each row of shingle hashes the least value under each permutation."""
        return in_parts(blocks, self._least)

    def _least(self, blocks: Hashes) -> Signatures:
        wide = np.ascontiguousarray(blocks.T).astype(np.uint64)
        found = np.empty((PERMUTATIONS, len(blocks)), np.uint32)
        for number, (factor, term) in enumerate(zip(self._factors, self._terms, strict=True)):
            values = (wide * factor + term) % PRIME & np.uint64(EMPTY)
            found[number] = np.minimum.reduce(values, axis=0)
        return found.T

    def finish(self, least: Signatures) -> Signatures:
        """The same: least values are signatures."""
        return least


class Densified:
    """One permutation (Li, Owen and Zhang 2012), its empty bins filled by optimal densification (Shrivastava 2017).

    A shingle falls into one of 128 bins and counts there alone, so that a signature costs one step a shingle. An empty
    bin takes the value of the first other bin, in an order of its own, that is not empty.
    """

    def __init__(self, seed: int) -> None:
        chance = np.random.RandomState(seed)
        self._salt = np.uint32(chance.randint(0, 1 << 32, dtype=np.uint32))
        self._others = chance.randint(0, PERMUTATIONS, (TRIES, PERMUTATIONS)).astype(np.int32)

    def least(self, blocks: Hashes) -> Signatures:
        """For each row of shingle hashes the least value in each bin; `EMPTY` where there is none."""
        mixed = mix(blocks ^ self._salt)
        bins = (mixed & np.uint32(PERMUTATIONS - 1)) + np.arange(len(blocks))[:, None] * PERMUTATIONS
        found = np.full(len(blocks) * PERMUTATIONS, EMPTY, np.uint32)
        np.minimum.at(found, bins.ravel(), mixed.ravel() >> np.uint32(7))
        return found.reshape(-1, PERMUTATIONS)

    def finish(self, least: Signatures) -> Signatures:
        """Fill the empty bins of each row; a row without any shingle stays empty."""
        return in_parts(np.ascontiguousarray(least), self._fill)

    def _fill(self, least: Signatures) -> Signatures:
        found = least.copy()
        given, filled = least.ravel(), found.ravel()
        places = np.flatnonzero(given == EMPTY).astype(np.int32)
        for others in self._others:
            bins = places & (PERMUTATIONS - 1)
            values = given[places - bins + others[bins]]
            filled[places] = values
            places = places[values == EMPTY]
            if not len(places):
                return found
        for row in np.flatnonzero((found == EMPTY).any(axis=1) & (least != EMPTY).any(axis=1)):
            held = np.flatnonzero(least[row] != EMPTY)
            empty = np.flatnonzero(found[row] == EMPTY)
            found[row, empty] = least[row, held[np.searchsorted(held, empty) % len(held)]]
        return found


_PERMUTERS: Final[Mapping[Family, Callable[[int], Permuter]]] = MappingProxyType(
    {"affine32": cache(Affine), "densified": cache(Densified), "legacy": cache(Legacy)}
)


def in_parts(rows: Hashes, work: Callable[[Hashes], Signatures]) -> Signatures:
    """A row of values for each row that is given, worked out for some at a time."""
    if len(rows) <= ROWS:
        return work(rows)
    found = np.empty((len(rows), PERMUTATIONS), np.uint32)
    for first in range(0, len(rows), ROWS):
        found[first : first + ROWS] = work(rows[first : first + ROWS])
    return found


def mix(hashes: Hashes) -> Hashes:
    """The last steps of MurmurHash3: each bit of a hash moves all."""
    hashes = hashes ^ hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    hashes ^= hashes >> np.uint32(16)
    return hashes


def signatures(sets: Hashes, using: Permuter) -> Signatures:
    """The signature of each row of shingle hashes, a set; a shingle that comes twice counts once."""
    return np.ascontiguousarray(using.finish(using.least(sets)))


@dataclass(frozen=True, slots=True)
class Signed:
    """The signatures of the passages of some works, `edges` where those of each begin, and one of each whole work."""

    passages: Signatures
    edges: NDArray[np.int64]
    works: Signatures


def sign(works: list[Hashes], using: Permuter) -> Signed:
    """The signatures of works, each given as the hashes of its shingles. One without shingles has no passage."""
    blocks = np.array([-(-len(work) // STRIDE) for work in works], np.int64)
    rows = np.concatenate([np.empty(0, np.uint32), *(padded(work, STRIDE) for work in works)]).reshape(-1, STRIDE)
    least = np.ascontiguousarray(using.least(rows)) if len(rows) else np.empty((0, PERMUTATIONS), np.uint32)
    firsts = np.concatenate((np.zeros(1, np.int64), np.cumsum(blocks)))
    counts = np.where(blocks > 1, blocks - 1, blocks)
    edges = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    numbers = np.repeat(np.arange(len(works)), counts)
    first = np.arange(edges[-1]) - edges[numbers] + firsts[numbers]
    second = np.minimum(first + 1, firsts[numbers + 1] - 1)
    whole = np.full((len(works), PERMUTATIONS), EMPTY, np.uint32)
    held = np.flatnonzero(blocks)
    if len(held):
        whole[held] = np.minimum.reduceat(least, firsts[held], axis=0)
    return Signed(using.finish(np.minimum(least[first], least[second])), edges, using.finish(whole))


def windows(hashes: Hashes, using: Permuter, size: int = PASSAGE) -> Signatures:
    """The signature of each window of `size` shingles (a multiple of `STEP`), one begun every `STEP`."""
    if not len(hashes):
        return np.empty((0, PERMUTATIONS), np.uint32)
    least = using.least(padded(hashes, STEP).reshape(-1, STEP))
    width = min(size // STEP, len(least))
    reach = 1
    while reach * 2 <= width:
        least = np.minimum(least[:-reach], least[reach:])
        reach *= 2
    if reach < width:
        least = np.minimum(least[: reach - width], least[width - reach :])
    return using.finish(least)


def padded(hashes: Hashes, size: int) -> Hashes:
    """Hashes up to a multiple of `size`, the last one again and again; least values stay as they are."""
    missing = -len(hashes) % size
    return np.concatenate((hashes, np.full(missing, hashes[-1]))) if missing else hashes


def low(signed: Signatures) -> Low:
    """The lowest byte of each value."""
    return signed.astype(np.uint8)


def jaccard(equal: NDArray[np.int64]) -> NDArray[np.float64]:
    """The Jaccard similarity that so many equal lowest bytes of 128 speak for, 0 to 1."""
    return np.clip((equal / PERMUTATIONS - CHANCE) / (1 - CHANCE), 0.0, 1.0)


@cache
def bands_for(threshold: float, permutations: int = PERMUTATIONS) -> tuple[int, int]:
    """Bands and rows with the least false positives and negatives around a similarity: `datasketch.MinHashLSH`'s b, r.

    Sets of similarity s share a band with probability 1 - (1 - s**rows)**bands; what is summed is the area on the
    wrong side of the threshold, as there.
    """
    nodes, weights = np.polynomial.legendre.leggauss(96)
    nodes = (nodes + 1) / 2
    best = (np.inf, 0, 0)
    for bands in range(1, permutations + 1):
        rows = np.arange(1, permutations // bands + 1)[:, None]
        missed = (1 - (threshold + nodes * (1 - threshold)) ** rows) ** bands @ weights / 2 * (1 - threshold)
        wrong = (1 - (1 - (threshold * nodes) ** rows) ** bands) @ weights / 2 * threshold
        errors = (missed + wrong) / 2
        least = int(errors.argmin())
        best = min(best, (float(errors[least]), bands, least + 1))
    return best[1], best[2]
