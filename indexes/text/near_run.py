"""The matches that an open chain makes: split where what the request itself holds begins or ends."""

from collections.abc import Iterator
from typing import Literal

from indexes.model import Match, Span, Stretch
from indexes.text.near import Chain, Piece
from indexes.text.near_ground import RequestCopies
from indexes.text.runs import Layout, Passage, Tally
from indexes.text.source import Source


class NearRun:
    """An open chain as one or more matches; `update` is to be called when the chain has grown or ended."""

    __slots__ = (
        "_begin", "_chain", "_channel", "_copies", "_live", "_output", "_passages", "_pieces", "_source", "_tally",
        "_tokens", "_values",
    )  # fmt: skip

    def __init__(
        self, chain: Chain, source: Source, output: Layout, copies: RequestCopies, tally: Tally, channel: str
    ) -> None:
        self._chain = chain
        self._source = source
        self._output = output
        self._copies = copies
        self._tally = tally
        self._channel = channel
        self._begin = source.texts.bounds(chain.work)[0]
        self._passages: list[Passage] = []
        self._pieces = self._tokens = 0
        self._values: tuple[Match, ...] | None = None
        self._live = True
        tally.live += 1
        self.update()

    @property
    def live(self) -> bool:
        """Whether a token to come may still extend it."""
        return self._live

    def update(self) -> None:
        """Take what the chain has grown by, and whether it has ended."""
        if self._live and not self._chain.live:
            self._live = False
            self._tally.live -= 1
            if self._passages:
                self._passages[-1].value = None
            self._values = None
        for stretch, source in self._news():
            self._add(stretch, grounded=self._copies.holds(self._source.number, source))

    @property
    def matches(self) -> tuple[Match, ...]:
        """The matches of the chain with their present extent."""
        if self._values is None:
            last = self._passages[-1]
            for passage in self._passages:
                if passage.value is None:
                    passage.value = self._describe(passage, live=self._live and passage is last)
            self._values = tuple([passage.value for passage in self._passages if passage.value])
        return self._values

    def _news(self) -> Iterator[tuple[Stretch, int]]:
        """The stretches of the chain that were not taken yet, with their position in the segment."""
        pieces = self._chain.pieces
        while self._pieces < len(pieces):
            piece = pieces[self._pieces]
            if piece.tokens > self._tokens:
                for first, tokens, units in self._alike(piece):
                    at = piece.output + first
                    source = piece.source + first
                    yield Stretch(at, source - self._begin, tokens, units, piece.common), source
                self._tokens = piece.tokens
            if self._pieces + 1 == len(pieces):
                return
            self._pieces, self._tokens = self._pieces + 1, 0

    def _alike(self, piece: Piece) -> Iterator[tuple[int, int, Literal[1, 2]]]:
        """The new tokens of a piece: together where all are words and nothing is grounded, else one by one."""
        measure, first, tokens = self._output.measure, self._tokens, piece.tokens - self._tokens
        at = piece.output + first
        if measure[at + tokens] - measure[at] == 2 * tokens and not self._copies.asked:
            yield first, tokens, 2
            return
        for step in range(tokens):
            yield first + step, 1, 2 if measure[at + step + 1] - measure[at + step] == 2 else 1

    def _add(self, stretch: Stretch, *, grounded: bool) -> None:
        if not self._passages or self._passages[-1].grounded != grounded:
            if self._passages:
                self._passages[-1].value = None
            self._passages.append(Passage(grounded=grounded))
            self._tally.matches += 1
        self._passages[-1].add(stretch)
        self._values = None

    def _describe(self, passage: Passage, *, live: bool) -> Match:
        output, segment = self._output, self._source.segment
        first, last, end = passage.stretches[0], passage.stretches[-1], passage.end
        source = segment.char_span(self._begin + first.source, self._begin + last.source + last.tokens)
        return Match(
            detector="near",
            work=segment.works[self._chain.work],
            channel=self._channel,
            output=Span(output.starts[first.output], output.ends[end - 1]),
            source=Span(*source),
            stretches=tuple(passage.stretches),
            words=passage.units // 2,
            counted=passage.counted // 2,
            span_words=(output.measure[end] - output.measure[first.output]) // 2,
            grounded=passage.grounded,
            live=live,
        )
