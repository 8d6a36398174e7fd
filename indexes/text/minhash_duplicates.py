"""Near-duplicate works of an index: the same text twice, or one within another.

Passages are compared through their signatures, so that cost grows with the passages and not with the pairs of works.
Where the index keeps tokens of both works, what is told is exact; else it is estimated.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexes.model import Work
from indexes.text.fingerprint import gram_hashes
from indexes.text.minhash import SHINGLE, Family, Signatures, jaccard, permuter, shingle_hashes
from indexes.text.minhash_index import LEAST
from indexes.text.minhash_passages import Fresh, Held, Passages, signed
from indexes.text.segment import TextSegment

TOGETHER: Final = 1 << 20
"""Tokens signed together."""
ASKED: Final = 1 << 12
"""Passages looked up together."""
SLACK: Final = 0.5
"""Pairs estimated to be over so much of the threshold are counted exactly, where they can be."""
SETS: Final = 64
"""Works whose shingles are remembered while pairs are counted."""
Integers = NDArray[np.int64]
Told: TypeAlias = Callable[[int, int], None]
"""Told how many passages of how many are done."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two works are by their sets of five-word shingles, 0 to 1: `a_in_b` is the share of a's that b has."""

    jaccard: float
    a_in_b: float
    b_in_a: float

    @property
    def most(self) -> float:
        """The largest of the three: that of the same text, or of a text within another."""
        return max(self.jaccard, self.a_in_b, self.b_in_a)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two works that are alike; `exact` is None where the index does not keep the tokens of both."""

    a: Work
    b: Work
    estimated: Likeness
    exact: Likeness | None

    @property
    def likeness(self) -> Likeness:
        """The best that is known."""
        return self.exact or self.estimated


@dataclass(frozen=True, slots=True)
class Member:
    """A work where it stands; two are the same if they stand in the same place."""

    segment: TextSegment = field(repr=False)
    ordinal: int

    @property
    def work(self) -> Work:
        """The work."""
        return self.segment.works[self.ordinal]


def duplicates(segments: Sequence[TextSegment], threshold: float, told: Told) -> list[Pair]:
    """All pairs of works of which one is alike the other, or within it, at least so much; most alike first.

    Works held by signatures of different families cannot be compared with each other. A text shorter than a passage
    within a longer one may be missed.
    """
    families = {each.passages.family for each in segments if each.passages is not None} or {"affine32"}
    found: dict[tuple[str, str], Pair] = {}
    for family in sorted(families):
        crowd = Crowd(segments, family)
        for pair in crowd.pairs(threshold, told):
            found.setdefault((pair.a.id, pair.b.id), pair)
    return sorted(found.values(), key=lambda pair: (-pair.likeness.most, -pair.likeness.jaccard, pair.a.id, pair.b.id))


def clusters(pairs: Iterable[Pair]) -> list[list[str]]:
    """The ids of works that hang together by pairs, largest cluster first."""
    homes: dict[str, list[str]] = {}
    for pair in pairs:
        one, other = homes.setdefault(pair.a.id, [pair.a.id]), homes.setdefault(pair.b.id, [pair.b.id])
        if one is not other:
            one += other
            homes.update(dict.fromkeys(other, one))
    groups = {id(home): sorted(home) for home in homes.values()}
    return sorted(groups.values(), key=lambda group: (-len(group), group))


class Crowd:
    """The works of an index that can be compared by one family of signatures."""

    def __init__(self, segments: Sequence[TextSegment], family: Family) -> None:
        self._members: list[Member] = []
        held: list[Held] = []
        for segment in segments:
            if segment.passages is None or segment.passages.family == family:
                alive = [each for each in range(len(segment.works)) if segment.alive(each)]
                self._members += [Member(segment, each) for each in alive]
                held += of_segment(segment, alive, family)
        self._passages = Passages.of(held, family)
        self._shingles = lru_cache(SETS)(shingles_of)

    def pairs(self, threshold: float, told: Told) -> Iterator[Pair]:
        """The pairs alike at least so much, in order of adding."""
        a, b, estimates = self._estimated(*self._met(told))
        likely = estimates.max(axis=0) >= SLACK * threshold
        for one, other, row in zip(a[likely].tolist(), b[likely].tolist(), estimates.T[likely].tolist(), strict=True):
            estimated = Likeness(*row)
            exact = self._exact(self._members[one], self._members[other])
            if (exact or estimated).most >= threshold:
                yield Pair(self._members[one].work, self._members[other].work, estimated, exact)

    def _met(self, told: Told) -> tuple[Integers, Integers, Integers]:
        """Works and others of which some passage is alike, and how many passages of the work are."""
        bands, works = self._passages.bands, len(self._members)
        seen = [np.empty(0, np.int64)]
        for first in range(0, self._passages.count, ASKED):
            told(first, self._passages.count)
            asked = bands.low[first : first + ASKED]
            query, passage = bands.candidates(asked)
            own, other = self._passages.works_of(query + first), self._passages.works_of(passage)
            met = (own != other) & (jaccard(bands.alike(asked, query, passage)) >= LEAST)
            lines = np.unique((query + first)[met] * works + other[met])
            seen.append(self._passages.works_of(lines // max(1, works)) * works + lines % max(1, works))
        told(self._passages.count, self._passages.count)
        pairs, counts = np.unique(np.concatenate(seen), return_counts=True)
        return *np.divmod(pairs, max(1, works)), counts.astype(np.int64)

    def _estimated(
        self, works: Integers, others: Integers, counts: Integers
    ) -> tuple[Integers, Integers, NDArray[np.float64]]:
        """Each pair once, and what `Likeness` says of it, in three rows.

        By the signatures of whole works, and for a part of a work by the passages that were met.
        """
        met = counts / np.diff(self._passages.edges)[works]
        first = works < others
        keys = np.where(first, works, others) * len(self._members) + np.where(first, others, works)
        pairs, place = np.unique(keys, return_inverse=True)
        a, b = np.divmod(pairs, max(1, len(self._members)))
        parts = np.zeros((2, len(pairs)))
        parts[np.where(first, 0, 1), place] = met
        whole, sizes = self._passages.whole, np.maximum(self._passages.tokens.astype(np.int64) - SHINGLE + 1, 1)
        alike = np.concatenate([np.empty(0), *(each_alike(whole, a[at], b[at]) for at in slices(len(pairs)))])
        shared = alike / (1 + alike) * (sizes[a] + sizes[b])
        parts = np.minimum(1.0, np.maximum(parts, shared / np.stack((sizes[a], sizes[b]))))
        return a, b, np.concatenate((alike[None], parts))

    def _exact(self, a: Member, b: Member) -> Likeness | None:
        """By the shingles themselves, if the index keeps the tokens of both."""
        if a.segment.passages is not None or b.segment.passages is not None:
            return None
        one, other = self._shingles(a), self._shingles(b)
        shared = len(np.intersect1d(one, other, assume_unique=True))
        return Likeness(shared / (len(one) + len(other) - shared), shared / len(one), shared / len(other))


def slices(count: int) -> Iterator[slice]:
    """Numbers up to `count`, some at a time."""
    return (slice(first, first + ASKED) for first in range(0, count, ASKED))


def each_alike(whole: Signatures, a: Integers, b: Integers) -> NDArray[np.float64]:
    """The share of equal values in the signatures of each pair."""
    found: NDArray[np.float64] = (whole[a] == whole[b]).mean(axis=1)
    return found


def of_segment(segment: TextSegment, alive: Sequence[int], family: Family) -> Iterator[Held]:
    """What signatures there are of these works of a segment, made of their tokens where the segment holds none."""
    if segment.passages is not None:
        yield from map(segment.passages.held, alive)
        return
    fresh: list[Fresh] = []
    size = 0
    for ordinal in alive:
        tokens = tokens_of(segment, ordinal)
        fresh.append(Fresh(shingle_hashes(tokens), np.empty((0, 2), np.uint32), len(tokens)))
        size += len(tokens)
        if size >= TOGETHER:
            yield from signed(fresh, permuter(family))
            fresh, size = [], 0
    yield from signed(fresh, permuter(family))


def tokens_of(segment: TextSegment, ordinal: int) -> NDArray[np.uint32]:
    """The token hashes of a work."""
    first, end = segment.work_bounds(ordinal)
    return segment.array[first:end]


def shingles_of(member: Member) -> NDArray[np.uint64]:
    """The shingles of a work, each once."""
    return np.unique(gram_hashes(tokens_of(member.segment, member.ordinal), SHINGLE)[SHINGLE - 1 :])
