"""Chains of a whole text: the same ones that a scanner finds, from the grams that were looked up with arrays."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np

from indexes.model import NEAR_REACH
from indexes.text.common import MANY, CommonGrams
from indexes.text.fingerprint import common_grams
from indexes.text.follower import Seeds, tracks_of
from indexes.text.near import BAND, Chain, Events, Hunt
from indexes.text.source import Source
from indexes.text.stretches import Integers
from indexes.text.tracks import Flags, Output, Track

Place: TypeAlias = tuple[int, int, int, int]
"""The output token at which a match opened, and its place among those that opened there."""
Opened: TypeAlias = tuple[Place, Source, Chain]
"""Where a chain opened, its source, and itself."""

MARGIN: Final = 2 * BAND


def found_in(output: Output, sources: Sequence[Source], common: CommonGrams) -> tuple[list[Track], list[Opened]]:
    """The runs and the open chains of all sources in a text."""
    seedable = ~common_grams(output.hashes, output.units) & ~common.negatives(output.values(short=False))
    anchors = [Anchors(output, source, seedable) for source in sources]
    tracks = [track for each in anchors for track in tracks_of(output, each.source, each.add)]
    return tracks, [found for each in anchors for found in each.chains()]


class Anchors:
    """The grams of one source found in a text that may seed a chain."""

    def __init__(self, output: Output, source: Source, seedable: Flags) -> None:
        self.source = source
        self._output = output
        self._seedable = seedable
        self._found: list[Seeds] = []

    def add(self, seeds: Seeds) -> None:
        """Take more of them."""
        self._found.append(seeds.keep(self._seedable[seeds.tokens] & self._few(seeds)))

    def _few(self, seeds: Seeds) -> Flags:
        few: Flags = self._output.crowd[0][seeds.tokens] <= MANY
        return few

    def chains(self) -> list[Opened]:
        """The chains that opened; to be asked when the grams of all sources were looked up."""
        seeds = [seeds.keep(self._few(seeds)) for seeds in self._found]
        tokens = np.concatenate([np.empty(0, np.int64), *[each.tokens for each in seeds]])
        shifts = np.concatenate([np.empty(0, np.int64), *[each.shifts for each in seeds]])
        kept = neighbours(tokens, shifts)
        tokens, shifts = tokens[kept], shifts[kept]
        if not len(tokens):
            return []
        return self._follow(tokens, tokens + shifts)

    def _follow(self, tokens: Integers, positions: Integers) -> list[Opened]:
        opened: list[Opened] = []

        def note(at: int, events: Events, *, found: bool = False) -> None:
            for chain in events.opened:
                opened.append(((at, int(found), self.source.number, len(opened)), self.source, chain))

        output = self._output
        hunt = Hunt(self.source, output.hashes.tolist(), output)
        firsts = np.flatnonzero(np.diff(tokens, prepend=-1))
        groups = np.split(positions, firsts[1:])
        for at, size, group in zip(tokens[firsts].tolist(), output.size[tokens[firsts]].tolist(), groups, strict=True):
            while hunt.due <= at:
                due = hunt.due
                note(due, hunt.end(due))
            note(at, hunt.anchors(at, size, group.tolist()), found=True)
        while hunt.due < len(output):
            due = hunt.due
            note(due, hunt.end(due))
        note(len(output), hunt.close(len(output)))
        return opened


def neighbours(tokens: Integers, shifts: Integers) -> Flags:
    """Which anchors have another one that may lie in the same chain; those without cannot matter."""
    kept = np.zeros(len(tokens), np.bool_)
    for offset in (0, BAND):
        buckets = (shifts + offset) // MARGIN
        order = np.lexsort((tokens, buckets))
        near = (np.diff(buckets[order]) == 0) & (np.diff(tokens[order]) <= NEAR_REACH)
        kept[order[1:]] |= near
        kept[order[:-1]] |= near
    return kept
