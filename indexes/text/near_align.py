"""Equal tokens of two passages in order: between two anchors, and outward from one as far as it pays."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from rapidfuzz.distance import LCSseq

Pair: TypeAlias = tuple[int, int, int]
"""A stretch alike: where it begins in the one passage, where in the other, and how many tokens it has."""

BAND: Final = 12
"""An extension strays so far from its diagonal at most."""
MATCH: Final = 5
UNLIKE: Final = -3
GIVE_UP: Final = 25
"""An extension ends where it has lost so much since its best place."""


def between(one: Sequence[int], other: Sequence[int]) -> list[Pair]:
    """The longest common subsequence of two passages, as stretches in order."""
    if not one or not other:
        return []
    return [
        (code.src_start, code.dest_start, code.src_end - code.src_start)
        for code in LCSseq.opcodes(one, other)
        if code.tag == "equal"
    ]


def outward(one: Sequence[int], other: Sequence[int]) -> list[Pair]:
    """The best alignment of a beginning of each passage, as stretches in order; empty where none pays.

    An equal token earns `MATCH`, one left over or replaced costs `UNLIKE`; of equal scores the shortest one counts.
    """
    scores: list[dict[int, int]] = [{at: at * UNLIKE for at in range(min(BAND, len(other)) + 1)}]
    best, place = 0, (0, 0)
    for row, token in enumerate(one, 1):
        before = scores[-1]
        here: dict[int, int] = {}
        for at in range(max(0, row - BAND), min(len(other), row + BAND) + 1):
            here[at] = score = _score(before, here, at, alike=at > 0 and other[at - 1] == token)
            if score > best:
                best, place = score, (row, at)
        scores.append(here)
        if not here or max(here.values()) < best - GIVE_UP:
            break
    return between(one[: place[0]], other[: place[1]])


def _score(before: dict[int, int], here: dict[int, int], at: int, *, alike: bool) -> int:
    lost = -1 << 30
    return max(
        before.get(at - 1, lost) + (MATCH if alike else UNLIKE),
        before.get(at, lost) + UNLIKE,
        here.get(at - 1, lost) + UNLIKE,
    )


def backward(one: Sequence[int], other: Sequence[int]) -> list[Pair]:
    """As `outward`, for the ends of two passages; counted from their beginnings."""
    found = outward(one[::-1], other[::-1])
    return [(len(one) - at - tokens, len(other) - to - tokens, tokens) for at, to, tokens in reversed(found)]
