"""The reference every index of text must equal: runs found by plain comparison of every token with every other.

Nothing here knows of grams looked up, filters, candidates or machines; it is slow and meant to be obviously right.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from indexes.model import Match, Span, Stretch, Work
from indexes.text.normalize import Tokens, tokenize

GRAM = {2: 5, 1: 10}
SHORT_GRAM = 3
WINDOW = 4
SHORT_UNITS = 32
GAP = 5
MULTIPLIER = 0x9E3779B97F4A7C15
MANY = 100


@dataclass(frozen=True)
class Text:
    """Tokens as plain lists."""

    hashes: list[int]
    starts: list[int]
    ends: list[int]
    units: list[int]

    @classmethod
    def of(cls, tokens: Tokens) -> "Text":
        return cls(tokens.hashes.tolist(), tokens.starts.tolist(), tokens.ends.tolist(), tokens.units.tolist())

    def head(self, count: int) -> "Text":
        return Text(self.hashes[:count], self.starts[:count], self.ends[:count], self.units[:count])

    def gram(self, last: int, size: int) -> tuple[int, ...] | None:
        """The `size` tokens that end at token `last`, if there are so many."""
        return tuple(self.hashes[last - size + 1 : last + 1]) if last - size + 1 >= 0 else None

    def full(self, last: int) -> int:
        """Where the gram that ends at token `last` begins; below 0 where there is none."""
        return last - GRAM[self.units[last]] + 1


class Indexed:
    """A work as the reference holds it."""

    def __init__(self, work: Work, text: str) -> None:
        self.work = work
        self.text = Text.of(tokenize(text))
        self.units = sum(self.text.units)
        self.short = self.units < SHORT_UNITS

    @cached_property
    def kept(self) -> set[int]:
        """The numbers of the last tokens of the grams that the index keeps."""
        return set(range(SHORT_GRAM - 1, len(self.text.hashes))) if self.short else winnowed(self.text)

    def size(self, units: int) -> int:
        """Tokens of the gram by which this work is looked up, where it ends in a token of so many units."""
        return SHORT_GRAM if self.short else GRAM[units]

    def opens(self, text: Text, begin: int, last: int) -> bool:
        """Whether a stretch of tokens `begin` to `last` is long enough to open a match."""
        if not self.short:
            window = range(last - WINDOW + 1, last + 1)
            return window[0] >= 0 and all(text.full(token) >= begin for token in window)
        units = sum(text.units[begin : last + 1])
        most = 16 if text.units[last] == 2 else 13
        return last - begin + 1 >= SHORT_GRAM and units >= min(most, self.units / 2)


def winnowed(text: Text) -> set[int]:
    """Of every four grams in a row the least: not of frequent words alone, then by hash; of equal ones the last."""
    orders: dict[int, tuple[bool, int]] = {}
    for last in range(len(text.hashes)):
        gram = text.gram(last, GRAM[text.units[last]])
        if gram is not None:
            value = 0
            for token in gram:
                value = (value * MULTIPLIER + token) % 2**64
            orders[last] = all(token & 1 for token in gram), value >> 1
    windows = [range(last - WINDOW + 1, last + 1) for last in range(WINDOW - 1, len(text.hashes))]
    whole = [window for window in windows if all(last in orders for last in window)]
    if not whole:
        return set(orders)
    return {min(reversed(window), key=lambda last: orders[last]) for window in whole}


@dataclass
class Run:
    """Output tokens matched on one diagonal (source number less output number)."""

    diagonal: int
    opened: int
    tokens: list[int]
    live: bool = True

    def stretches(self) -> Iterator[tuple[int, int]]:
        """First and last token of each unbroken stretch."""
        first = before = self.tokens[0]
        for token in self.tokens[1:]:
            if token != before + 1:
                yield first, before
                first = token
            before = token
        yield first, before


class Reference:
    """What a set of works finds in a text, by plain comparison. `negative` holds common grams as token tuples."""

    def __init__(self, works: Sequence[Indexed], negative: Iterable[tuple[int, ...]] = ()) -> None:
        self.works = works
        self.negative = frozenset(negative)
        self.holders: dict[tuple[bool, tuple[int, ...]], int] = {}
        for work in works:
            grams = {work.text.gram(last, work.size(work.text.units[last])) for last in work.kept}
            for gram in grams:
                if gram is not None:
                    self.holders[work.short, gram] = self.holders.get((work.short, gram), 0) + 1

    def scan(self, text: str, grounding: Sequence[str] = (), channel: str = "content") -> tuple[Match, ...]:
        """All matches of a whole text."""
        return self.judge(Text.of(tokenize(text)), grounding, channel, closed=True)

    def judge(self, text: Text, grounding: Sequence[str], channel: str, *, closed: bool) -> tuple[Match, ...]:
        """All matches in the tokens of a text, which has ended (`closed`) or may go on."""
        requests = [Text.of(tokenize(request)) for request in grounding]
        found = [
            (run.opened, number, run.tokens[0] + run.diagonal, run)
            for number, work in enumerate(self.works)
            for run in runs(text, work)
        ]
        found.sort(key=lambda entry: entry[:3])
        return tuple(
            match
            for _, number, _, run in found
            for match in self.matches(text, self.works[number], run, requests, channel, closed=closed)
        )

    def matches(
        self, text: Text, work: Indexed, run: Run, requests: Sequence[Text], channel: str, *, closed: bool
    ) -> Iterator[Match]:
        """The matches of one run: split where the passage also stands in the request."""
        common = self.common(text, work, run)
        grounded = ground(text, work, run, requests)
        pieces: list[list[int]] = []
        for before, token in zip([None, *run.tokens], run.tokens, strict=False):
            if before is None or (before in grounded) != (token in grounded):
                pieces.append([])
            pieces[-1].append(token)
        for number, piece in enumerate(pieces):
            first, last = piece[0], piece[-1]
            source = work.text
            yield Match(
                detector="verbatim",
                work=work.work,
                channel=channel,
                output=Span(text.starts[first], text.ends[last]),
                source=Span(source.starts[first + run.diagonal], source.ends[last + run.diagonal]),
                stretches=tuple(split(text, piece, run.diagonal, common)),
                words=sum(text.units[token] for token in piece) // 2,
                counted=sum(text.units[token] for token in piece if token not in common) // 2,
                span_words=sum(text.units[first : last + 1]) // 2,
                grounded=first in grounded,
                live=run.live and not closed and number == len(pieces) - 1,
            )

    def common(self, text: Text, work: Indexed, run: Run) -> set[int]:
        """Output tokens of a run that only common grams cover.

        Each token has the gram that ends at it, cut where it would reach before its stretch. A cut gram is common if
        all its words are frequent, or if the nearest whole gram at or before it in the match (else the first after)
        is common.
        """
        grams = [
            (max(first, last - work.size(text.units[last]) + 1), last, last - work.size(text.units[last]) + 1 >= first)
            for first, end in run.stretches()
            for last in range(first, end + 1)
        ]
        many = self.many(text, work, run.diagonal, [gram for gram in grams if gram[2]])
        states: dict[int, bool] = {}
        for begin, last, whole in grams:
            gram = tuple(text.hashes[begin : last + 1])
            states[last] = all(token & 1 for token in gram) or (whole and (many[last] or gram in self.negative))
        spoiled: set[int] = set()
        for begin, last, whole in grams:
            state = states[last] or (not whole and nearest(last, [(g[1], states[g[1]]) for g in grams if g[2]]))
            if not state:
                spoiled.update(range(begin, last + 1))
        return set(run.tokens) - spoiled

    def many(self, text: Text, work: Indexed, diagonal: int, grams: Sequence[tuple[int, int, bool]]) -> dict[int, bool]:
        """Whether the gram that ends at each token stands in too many works, as far as the index can know."""
        known = [
            (last, self.holders.get((work.short, tuple(text.hashes[begin : last + 1])), 0) > MANY)
            for begin, last, _ in grams
            if last + diagonal in work.kept
        ]
        return {last: nearest(last, known) for _, last, _ in grams}


def nearest(token: int, known: Sequence[tuple[int, bool]]) -> bool:
    """The state known at or before a token, else the first one after it."""
    before = [state for at, state in known if at <= token]
    if before:
        return before[-1]
    return known[0][1] if known else False


def runs(text: Text, work: Indexed) -> Iterator[Run]:
    """Every run of a work in a text, on every diagonal."""
    output, source = np.array(text.hashes), np.array(work.text.hashes)
    if not len(output) or not len(source):
        return
    equal = output[:, None] == source[None, :]
    for diagonal in range(1 - len(output), len(source)):
        if np.count_nonzero(equal.diagonal(diagonal)) >= SHORT_GRAM:
            yield from along(text, work, diagonal)


def along(text: Text, work: Indexed, diagonal: int) -> Iterator[Run]:
    """The runs of one diagonal, token by token."""
    source = work.text.hashes
    begin: int | None = None
    run: Run | None = None
    gap = 0
    for token in range(max(0, -diagonal), min(len(text.hashes), len(source) - diagonal)):
        if text.hashes[token] == source[token + diagonal]:
            begin = token if begin is None else begin
            gap = 0
            if run is not None:
                run.tokens.append(token)
            elif work.opens(text, begin, token):
                run = Run(diagonal, token, list(range(begin, token + 1)))
        else:
            begin = None
            gap += 1
            if run is not None and gap > GAP:
                run.live = False
                yield run
                run = None
    if run is not None:
        run.live = len(text.hashes) < len(source) - diagonal
        yield run


def ground(text: Text, work: Indexed, run: Run, requests: Sequence[Text]) -> set[int]:
    """Output tokens of a run that stand in the request too, in a stretch as long as would open a match."""
    found: set[int] = set()
    for request in requests:
        for diagonal in range(1 - len(text.hashes), len(request.hashes)):
            for first, last in equal_stretches(text, request, diagonal):
                shown = [token for token in range(first, last + 1) if work.opens(text, first, token)]
                if shown:
                    found.update(range(first if first <= run.tokens[0] else shown[0], last + 1))
    return found & set(run.tokens)


def equal_stretches(text: Text, request: Text, diagonal: int) -> Iterator[tuple[int, int]]:
    """First and last token of each unbroken stretch common to two texts on one diagonal."""
    first: int | None = None
    end = min(len(text.hashes), len(request.hashes) - diagonal)
    for token in range(max(0, -diagonal), end):
        if text.hashes[token] == request.hashes[token + diagonal]:
            first = token if first is None else first
        elif first is not None:
            yield first, token - 1
            first = None
    if first is not None:
        yield first, end - 1


def split(text: Text, piece: Sequence[int], diagonal: int, common: set[int]) -> Iterator[Stretch]:
    """Stretches of tokens one after another, of the same units and equally common."""
    first = 0
    for number, token in enumerate(piece):
        after = piece[number + 1] if number + 1 < len(piece) else None
        goes_on = (
            after == token + 1 and text.units[after] == text.units[token] and (after in common) == (token in common)
        )
        if not goes_on:
            units = 2 if text.units[token] == 2 else 1
            yield Stretch(piece[first], piece[first] + diagonal, number - first + 1, units, token in common)
            first = number + 1
