"""Runs in a whole text, followed with arrays instead of token by token, from the grams that text and sources share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from indexes.text.fingerprint import SHORT_K
from indexes.text.runs import GAP, Diagonal
from indexes.text.source import Source
from indexes.text.stretches import Integers
from indexes.text.tracks import Flags, Output, Track

BLOCK: Final = 1 << 16
"""Output tokens looked up at a time, which bounds the memory for grams that stand in very many places."""
REACH: Final = 16
"""Tokens looked at on either side of a gram found; more than any stretch needs to open a match."""
STRIDE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Seeds:
    """Places at which output and source share a gram: output token numbers, and shifts (source less output)."""

    tokens: Integers
    shifts: Integers

    def keep(self, chosen: Flags) -> "Seeds":
        """Those chosen."""
        return Seeds(self.tokens[chosen], self.shifts[chosen])


def tracks_of(output: Output, source: Source, heed: Callable[[Seeds], None]) -> Iterator[Track]:
    """Every run of a source in the output; `heed` is told of the grams of long works that are found on the way."""
    follower = Follower(output, source)
    for short in (False, True) if source.brief else (False,):
        size = np.full(len(output), SHORT_K) if short else output.size
        for first in range(0, len(output), BLOCK):
            seeds = looked_up(output, source, first, short=short)
            if not short:
                heed(seeds)
            yield from follower.follow(seeds, size)


class Follower:
    """Follows each seed of a source along its diagonal, once."""

    def __init__(self, output: Output, source: Source) -> None:
        self._output = output
        self._source = source
        self._done: dict[tuple[int, int], int] = {}

    def follow(self, seeds: Seeds, size: Integers) -> Iterator[Track]:
        """The runs that hold these seeds, and no seed of before."""
        texts = self._source.texts
        seeds = self._heads(seeds, size)
        numbers = texts.texts_at(seeds.tokens + seeds.shifts)
        if texts.dead:
            alive = ~np.isin(numbers, texts.gone)
            seeds, numbers = seeds.keep(alive), numbers[alive]
        firsts = self._reach(seeds, texts.edges[numbers], -1)
        lasts = self._reach(seeds, texts.edges[numbers + 1] - 1, 1)
        shorts = texts.shorts[numbers]
        opens = np.zeros(len(firsts), np.bool_)
        for short in np.unique(shorts).tolist():
            opens |= (shorts == short) & (firsts <= self._output.floors(short)[lasts])
        rows = (seeds.shifts[opens], firsts[opens], seeds.tokens[opens], numbers[opens])
        for shift, first, at, number in zip(*(row.tolist() for row in rows), strict=True):
            if first >= self._done.get((number, shift), 0):
                yield self._track(shift, first, at, number)

    def _heads(self, seeds: Seeds, size: Integers) -> Seeds:
        """Seeds that are no mere hash collisions, but those that another one before them already leads to."""
        array, hashes = self._source.texts.array, self._output.hashes
        sizes = size[seeds.tokens]
        true = np.ones(len(seeds.tokens), np.bool_)
        for back in range(int(sizes.max(initial=0))):
            at = seeds.tokens - np.minimum(back, sizes - 1)
            true &= array[at + seeds.shifts] == hashes[at]
        seeds, sizes = seeds.keep(true), sizes[true]
        order = np.lexsort((seeds.tokens, seeds.shifts))
        seeds, sizes = seeds.keep(order), sizes[order]  # type: ignore[arg-type]
        apart = np.ones(len(seeds.tokens), np.bool_)
        apart[1:] = (np.diff(seeds.shifts) != 0) | (np.diff(seeds.tokens) >= sizes[1:])
        return seeds.keep(apart)

    def _reach(self, seeds: Seeds, bounds: Integers, way: Literal[-1, 1]) -> Integers:
        """The last token alike on one side of each seed, up to `REACH` tokens away and within its text."""
        array, hashes = self._source.texts.array, self._output.hashes
        reached = seeds.tokens.copy()
        going = np.arange(len(reached))
        for _ in range(REACH):
            at = reached[going] + way
            inside = (at >= 0) & (at < len(hashes))
            inside &= (at + seeds.shifts[going]) * way <= bounds[going] * way
            going, at = going[inside], at[inside]
            alike = array[at + seeds.shifts[going]] == hashes[at]
            going = going[alike]
            if not len(going):
                break
            reached[going] += way
        return reached

    def _track(self, shift: int, first: int, at: int, number: int) -> Track:
        low, high = self._source.texts.bounds(number)
        short = self._source.texts.short(number)
        first = self._begin(shift, first, low)
        end = min(len(self._output), high - shift)
        begins, ends, closed = self._stretches(shift, first, end)
        self._done[number, shift] = closed
        opened = int(np.searchsorted(self._output.floors(short), first))
        return Track(Diagonal(self._source, number, short, shift), opened, begins, ends)

    def _begin(self, shift: int, first: int, low: int) -> int:
        """Where the stretch that holds output token `first` really begins."""
        array, hashes = self._source.texts.array, self._output.hashes
        low = max(0, low - shift)
        while first > low:
            before = max(low, first - STRIDE)
            differ = np.flatnonzero(array[before + shift : first + shift] != hashes[before:first])
            if len(differ):
                return before + int(differ[-1]) + 1
            first = before
        return first

    def _stretches(self, shift: int, first: int, end: int) -> tuple[Integers, Integers, int]:
        """First tokens and ends of the stretches of the run that begins at `first`, and the token that closes it."""
        array, hashes = self._source.texts.array, self._output.hashes
        differ = np.empty(0, np.int64)
        at, stride, closed = first, REACH, end
        while at < end:
            ahead = min(end, at + stride)
            unlike = np.flatnonzero(array[at + shift : ahead + shift] != hashes[at:ahead]) + at
            differ = np.concatenate([differ, unlike])
            # The gap is too wide where the differing token GAP places further on is GAP tokens away.
            wide = np.flatnonzero(differ[GAP:] - differ[:-GAP] == GAP)
            if len(wide):
                closed = int(differ[wide[0] + GAP])
                end = int(differ[wide[0]])
                differ = differ[: wide[0]]
            at, stride = ahead, min(STRIDE, stride * 4)
        begins = np.concatenate([np.array([first]), differ + 1])
        ends = np.concatenate([differ, np.array([end])])
        held = ends > begins
        return begins[held], ends[held], closed


def looked_up(output: Output, source: Source, first: int, *, short: bool) -> Seeds:
    """The places where the source keeps the grams that end at output token `first` and the next ones."""
    queries, positions = source.lookup(output.values(short=short)[first : first + BLOCK], short=short)
    tokens = queries + first
    output.crowd[int(short)] += np.bincount(tokens, minlength=len(output))
    return Seeds(tokens, positions - tokens)
