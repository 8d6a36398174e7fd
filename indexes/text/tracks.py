"""Runs found in a whole text, and the matches they make: the array form of `runs` and `common`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexes.model import Match, Stretch
from indexes.text.common import MANY, CommonGrams
from indexes.text.fingerprint import K_UNSPACED, SHORT_K, K, W, grams, short_grams
from indexes.text.grounding import Grounding
from indexes.text.normalize import Tokens
from indexes.text.reading import Reading, short_need
from indexes.text.runs import Diagonal, Passage, describe
from indexes.text.stretches import Integers

Flags: TypeAlias = NDArray[np.bool_]


class Output:
    """The tokens of a whole text, as arrays. `crowd[short]` counts where the gram that ends at each token was found."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.hashes = tokens.hashes
        self.units = tokens.units
        self.starts = tokens.starts.data
        self.ends = tokens.ends.data
        self.total = np.concatenate([np.zeros(1, np.int64), np.cumsum(tokens.units, dtype=np.int64)])
        self.measure = self.total.data
        self.rare = np.concatenate([np.zeros(1, np.int64), np.cumsum(1 - (tokens.hashes & 1), dtype=np.int64)])
        self._grams, _ = grams(tokens.hashes, tokens.units)
        self.size = np.where(tokens.units == 2, K, K_UNSPACED)
        self._threes = short_grams(tokens.hashes)
        self.crowd = np.zeros((2, len(tokens)), np.int64)
        self._floors: dict[int, Integers] = {}

    def __len__(self) -> int:
        return len(self.hashes)

    def values(self, *, short: bool) -> NDArray[np.uint64]:
        """The gram that ends at each token, as short works are indexed where `short`; 0 where there is none."""
        return self._threes if short else self._grams

    def floors(self, short: int) -> Integers:
        """For each token the latest start of a stretch that has opened a match at or before it, else below 0."""
        if short not in self._floors:
            self._floors[short] = self._short_floors(short) if short else self._long_floors()
        return self._floors[short]

    def _long_floors(self) -> Integers:
        begins = np.arange(len(self)) - self.size + 1
        floors = np.full(len(self), -1, np.int64)
        if len(self) >= W:
            floors[W - 1 :] = np.lib.stride_tricks.sliding_window_view(begins, W).min(axis=1)
        return np.maximum.accumulate(floors)

    def _short_floors(self, short: int) -> Integers:
        need = np.where(self.units == 2, short_need(2, short), short_need(1, short))
        # The latest start with enough units up to each token, at least three tokens back.
        latest = np.searchsorted(self.total, self.total[1:] - (need + 1) // 2, "right") - 1
        return np.maximum.accumulate(np.minimum(latest, np.arange(len(self)) - SHORT_K + 1))


@dataclass(frozen=True, slots=True)
class Track:
    """A run that has ended: the output token at which it opened, first tokens of its stretches and their ends."""

    diagonal: Diagonal
    opened: int
    begins: Integers
    ends: Integers


@dataclass(frozen=True, slots=True)
class Grams:
    """The gram that ends at each matched token of a run: the first token it covers, and whether it is whole.

    It is cut where it would reach before its stretch.
    """

    lasts: Integers
    firsts: Integers
    whole: Flags


class Judge:
    """Turns runs into matches: which tokens are common, which grounded."""

    def __init__(self, output: Output, common: CommonGrams, channel: str, grounding: Sequence[str]) -> None:
        self._output = output
        self._common = common
        self._channel = channel
        self._grounding: Grounding | None = None
        if len(grounding):
            self._grounding = Grounding(grounding, Reading.of(output.tokens))

    def matches(self, track: Track) -> Iterator[Match]:
        """The matches of a run: split where the passage also stands in the request."""
        lengths = track.ends - track.begins
        begins = np.repeat(track.begins, lengths)
        lasts = np.arange(len(begins)) + np.repeat(track.begins - np.cumsum(lengths) + lengths, lengths)
        common = self._common_tokens(track, self._grams(track, lasts, begins))
        grounded = self._grounded(track, lasts)
        units = self._output.units[lasts]
        edges = np.flatnonzero(
            (np.diff(lasts) != 1) | (np.diff(units) != 0) | (np.diff(common) != 0) | (np.diff(grounded) != 0)
        )
        firsts = np.concatenate([np.zeros(1, np.int64), edges + 1])
        less = track.diagonal.less
        passages: list[Passage] = []
        columns = (
            lasts[firsts].tolist(),
            np.diff(firsts, append=len(lasts)).tolist(),
            units[firsts].tolist(),
            common[firsts].tolist(),
            grounded[firsts].tolist(),
        )
        for first, tokens, unit, weightless, ground in zip(*columns, strict=True):
            if not passages or passages[-1].grounded != ground:
                passages.append(Passage(grounded=ground))
            passages[-1].add(Stretch(first, first + less, tokens, unit, weightless))
        for passage in passages:
            yield describe(passage, track.diagonal, self._output, self._channel, live=False)

    def _grams(self, track: Track, lasts: Integers, begins: Integers) -> Grams:
        size = SHORT_K if track.diagonal.short else self._output.size[lasts]
        firsts = lasts - size + 1
        return Grams(lasts, np.maximum(firsts, begins), firsts >= begins)

    def _common_tokens(self, track: Track, run: Grams) -> Flags:
        """Which matched tokens only common grams cover; see `common.Marker`."""
        values = self._output.values(short=bool(track.diagonal.short))[run.lasts]
        rare = self._output.rare
        frequent = rare[run.lasts + 1] == rare[run.firsts]
        state = frequent | (run.whole & (self._many(track, run, values) | self._common.negatives(values)))
        state |= ~run.whole & carried(state, run.whole)
        start = int(run.lasts[0])
        cover = np.zeros(int(run.lasts[-1]) - start + 2, np.int64)
        np.add.at(cover, run.firsts[~state] - start, 1)
        np.add.at(cover, run.lasts[~state] + 1 - start, -1)
        alone: Flags = np.cumsum(cover)[run.lasts - start] == 0
        return alone

    def _many(self, track: Track, run: Grams, values: NDArray[np.uint64]) -> Flags:
        """Whether the gram that ends at each token stands in too many works, as far as the index can know."""
        short = bool(track.diagonal.short)
        many: Flags = (self._output.crowd[int(short)][run.lasts] > MANY) & run.whole
        if many.any():
            grams, places = np.unique(values[many], return_inverse=True)
            many[many] = np.array([self._common.many(gram, short=short) for gram in grams.tolist()], np.bool_)[places]
        if not many.any():
            return many
        queries, positions = track.diagonal.source.lookup(values, short=short)
        kept = np.zeros(len(values), np.bool_)
        kept[queries[positions - run.lasts[queries] == track.diagonal.shift]] = True
        return carried(many, kept & run.whole)

    def _grounded(self, track: Track, lasts: Integers) -> Flags:
        if self._grounding is None:
            return np.zeros(len(lasts), np.bool_)
        opening = track.opened + 1 - int(lasts[0])
        flags = self._grounding.opening(int(lasts[0]), track.opened, track.diagonal.short)
        flags.extend(self._grounding.grounds(at, track.diagonal.short) for at in lasts[opening:].tolist())
        return np.array(flags, np.bool_)


def carried(state: Flags, known: Flags) -> Flags:
    """At each place the state of the nearest known one at or before it, else of the first known; False without any."""
    if not known.any():
        return np.zeros(len(state), np.bool_)
    nearest = np.maximum.accumulate(np.where(known, np.arange(len(state)), np.argmax(known)))
    found: Flags = state[nearest]
    return found
