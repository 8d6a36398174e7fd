"""A run: what of one work was copied along one diagonal, bridging small gaps, as it grows token by token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from indexes.model import Match, Span, Stretch
from indexes.text.common import CommonGrams, Marker
from indexes.text.grounding import Grounding
from indexes.text.reading import Reading
from indexes.text.source import Source
from indexes.text.stretches import Found

GAP: Final = 5
"""Output tokens in a row that may differ from the source without ending a run."""


NEAR: Final = 16
"""Up to so many source tokens are stepped over one by one."""


class Layout(Protocol):
    """Where tokens stand; `measure[n]` is the units of the first `n` of them."""

    @property
    def starts(self) -> Sequence[int]:
        """Offset of the first code point of each token."""

    @property
    def ends(self) -> Sequence[int]:
        """Offset after the last."""

    @property
    def measure(self) -> Sequence[int]:
        """Units before each token."""


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Where a run lies: `shift` is source position less output token number, `short` the units of a short work."""

    source: Source
    work: int
    short: int
    shift: int

    @property
    def less(self) -> int:
        """Token number in the work less output token number."""
        return self.shift - self.source.texts.bounds(self.work)[0]


@dataclass(slots=True)
class Tally:
    """How many matches a channel's runs make, and how many of the runs are live."""

    matches: int = 0
    live: int = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """What the runs of one channel share. `crowded[short]` holds the tokens at which a gram in many places ended."""

    name: str
    reading: Reading
    grams: CommonGrams
    grounding: Grounding | None
    crowded: tuple[set[int], set[int]]
    tally: Tally


class Passage:
    """Part of a run that is grounded as a whole or not at all: one match. `units` counts all, `counted` not common."""

    __slots__ = ("_source", "_source_end", "counted", "grounded", "stretches", "units", "value")

    def __init__(self, *, grounded: bool) -> None:
        self.grounded = grounded
        self.stretches: list[Stretch] = []
        self.units = 0
        self.counted = 0
        self.value: Match | None = None
        self._source: Span | None = None
        self._source_end = 0

    @property
    def end(self) -> int:
        """One past its last output token."""
        last = self.stretches[-1]
        return last.output + last.tokens

    def add(self, stretch: Stretch) -> None:
        """Grow by a stretch; joined to the last one where it goes on alike."""
        units = stretch.units * stretch.tokens
        self.units += units
        if not stretch.common:
            self.counted += units
        last = self.stretches[-1] if self.stretches else None
        if last and self.end == stretch.output and (last.units, last.common) == (stretch.units, stretch.common):
            tokens = last.tokens + stretch.tokens
            self.stretches[-1] = Stretch(last.output, last.source, tokens, last.units, last.common)
        else:
            self.stretches.append(stretch)
        self.value = None

    def grow(self, output: int, source: int, units: Literal[1, 2], *, common: bool) -> None:
        """Grow by one token."""
        last = self.stretches[-1] if self.stretches else None
        if last and last.units == units and last.common == common and last.output + last.tokens == output:
            self._lengthen(last, 1)
        else:
            self.add(Stretch(output, source, 1, units, common))

    def lengthen(self, tokens: int) -> None:
        """Grow by tokens that go on just as the last one."""
        self._lengthen(self.stretches[-1], tokens)

    def _lengthen(self, last: Stretch, tokens: int) -> None:
        self.stretches[-1] = Stretch(last.output, last.source, last.tokens + tokens, last.units, last.common)
        units = tokens * last.units
        self.units += units
        self.counted += 0 if last.common else units
        self.value = None

    def spoil(self, first: int) -> None:
        """Tokens from `first` on are not common after all."""
        tail = []
        while self.stretches and self.end > first:
            last = self.stretches.pop()
            tail.append(last)
            units = last.units * last.tokens
            self.units -= units
            if not last.common:
                self.counted -= units
        for stretch in reversed(tail):
            for part in parted(stretch, first):
                self.add(part)

    def source(self, diagonal: "Diagonal") -> Span:
        """Its span in the source; where it has grown by little since last asked, only that is read."""
        segment, end = diagonal.source.segment, self.end + diagonal.shift
        if self._source is not None and end - self._source_end <= NEAR:
            more = sum([segment.step(position) for position in range(self._source_end, end)])
            self._source = Span(self._source.start, self._source.end + more)
        else:
            self._source = Span(*segment.char_span(self.stretches[0].output + diagonal.shift, end))
        self._source_end = end
        return self._source


def parted(stretch: Stretch, first: int) -> Iterator[Stretch]:
    """A stretch whose tokens from `first` on are not common."""
    before = min(max(0, first - stretch.output), stretch.tokens) if stretch.common else 0
    if before:
        yield Stretch(stretch.output, stretch.source, before, stretch.units, common=True)
    if before < stretch.tokens:
        yield Stretch(stretch.output + before, stretch.source + before, stretch.tokens - before, stretch.units)


class Run:
    """An open match and what became of it: one or more matches, split where grounding begins or ends.

    `shift` names its diagonal; the last token of its work faces output token `limit - 1`; `last` is its last equal
    output token. It is `live` while the next token may still extend it. Tokens by which it grew wait unmarked until
    somebody asks for its matches, so that a long copy costs little more than to compare its words.
    """

    __slots__ = (
        "_begin",
        "_channel",
        "_common_end",
        "_diagonal",
        "_grounded",
        "_less",
        "_marked",
        "_marker",
        "_passages",
        "_short",
        "_values",
        "last",
        "limit",
        "live",
        "shift",
    )

    def __init__(self, source: Source, found: Found, at: int, channel: Channel) -> None:
        work = source.texts.text_at(found.start + found.shift)
        self._channel = channel
        self._diagonal = Diagonal(source, work, found.short, found.shift)
        self._less = self._diagonal.less
        self._short = found.short
        self._marker = Marker(source, channel.reading, channel.grams, channel.crowded[bool(found.short)])
        self._begin = found.start
        self._common_end = 0
        self._grounded = False
        self._passages: list[Passage] = []
        self._values: tuple[Match, ...] | None = None
        self.shift = found.shift
        self.limit = found.limit
        self.last = at
        self.live = at + 1 < found.limit
        channel.tally.live += self.live
        self._open(at)

    def _open(self, at: int) -> None:
        first = self._begin
        self._marker.begin(self.shift, self._short, first, at)
        grounding = self._channel.grounding
        grounded = grounding.opening(first, at, self._short) if grounding else [False] * (at + 1 - first)
        for token, flag in zip(range(first, at + 1), grounded, strict=True):
            self._split(grounded=flag)
            self._add(token)
        self._marked = at + 1

    def extend(self, at: int) -> None:
        """Output token `at` stands in the source too."""
        if at != self.last + 1:
            self._mark()
            self._begin = self._marked = at
        grounding = self._channel.grounding
        if grounding is not None and grounding.grounds(at, self._short) != self._grounded:
            self._mark()
            self._split(grounded=not self._grounded)
        self.last = at
        self._values = None
        if at + 1 >= self.limit:
            self.close()

    def differ(self, at: int) -> None:
        """Output token `at` is not that of the source."""
        if at - self.last > GAP or at + 1 >= self.limit:
            self.close()

    def close(self) -> None:
        """The run ends."""
        self._channel.tally.live -= self.live
        self.live = False
        self._passages[-1].value = None
        self._values = None

    def _split(self, *, grounded: bool) -> None:
        """From the next token on the run is grounded, or no longer so."""
        if not self._passages or self._grounded != grounded:
            if self._passages:
                self._passages[-1].value = None
            self._passages.append(Passage(grounded=grounded))
            self._channel.tally.matches += 1
            self._grounded = grounded

    def _mark(self) -> None:
        """Find of each token that waits whether it is common: one by one, but together where plainly none is."""
        at, end = self._marked, self.last + 1
        self._marked = max(at, end)
        while at < end:
            common = self._add(at)
            at += 1
            if at < end and not common:
                plain = self._marker.plain(at, end, self._begin)
                if plain > at:
                    self._passages[-1].lengthen(plain - at)
                    at = plain

    def _add(self, at: int) -> bool:
        """Add one token to the last passage; returns whether it is common."""
        first, common = self._marker.common(at, self._begin)
        if common:
            self._common_end = at + 1
        elif first < self._common_end:
            for passage in reversed([each for each in self._passages if each.stretches]):
                if passage.end <= first:
                    break
                passage.spoil(first)
            self._common_end = first
        units: Literal[1, 2] = 2 if self._channel.reading.units[at] == 2 else 1
        self._passages[-1].grow(at, at + self._less, units, common=common)
        return common

    @property
    def matches(self) -> tuple[Match, ...]:
        """The matches of the run with their present extent."""
        if self._values is None:
            self._mark()
            channel, last = self._channel, self._passages[-1]
            for passage in self._passages:
                if passage.value is None:
                    live = self.live and passage is last
                    passage.value = describe(passage, self._diagonal, channel.reading, channel.name, live=live)
            self._values = tuple([passage.value for passage in self._passages if passage.value])
        return self._values


def describe(passage: Passage, diagonal: Diagonal, output: Layout, channel: str, *, live: bool) -> Match:
    """The match that a passage of a run makes."""
    first, end = passage.stretches[0].output, passage.end
    return Match(
        detector="verbatim",
        work=diagonal.source.segment.works[diagonal.work],
        channel=channel,
        output=Span(output.starts[first], output.ends[end - 1]),
        source=passage.source(diagonal),
        stretches=tuple(passage.stretches),
        words=passage.units // 2,
        counted=passage.counted // 2,
        span_words=(output.measure[end] - output.measure[first]) // 2,
        grounded=passage.grounded,
        live=live,
    )
