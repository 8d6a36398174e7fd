"""Near matches: copies with edits, found as chains of grams that output and source share, and aligned between them.

A gram found is an anchor. It joins the best chain of its work that is near enough (minimap2's score, Li 2018), and the
tokens between the two are aligned, once: what a chain holds never changes, it only grows. A chain that holds enough
opens a match; it ends when no anchor joins it for `REACH` tokens, and is then aligned outward a little.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import Final

from indexes.model import NEAR_REACH as REACH
from indexes.text.fingerprint import T, is_frequent
from indexes.text.near_align import Pair, backward, between, outward
from indexes.text.runs import GAP, Layout
from indexes.text.source import Source

BAND: Final = 32
"""Diagonals of two anchors that follow one another are so far apart at most."""
SIDE: Final = 48
"""Tokens looked at beyond the first and the last anchor of a chain."""
SEEDS: Final = 2
"""Anchors that do not overlap, which a match takes."""
LEAST: Final = 40
"""Half-words that a match holds at least."""
LOOSE: Final = 16
"""Of these, half-words outside of what a verbatim match holds."""
ALIKE: Final = 0.5
"""Share of the tokens between two anchors, and of a whole match, that are alike at least."""
UNSPACED_T: Final = 13
SWEEP: Final = 1 << 12
NEVER: Final = 1 << 60
"""Beyond every token number."""


@dataclass(slots=True)
class Piece:
    """A stretch of a chain; `source` is a position in the segment."""

    output: int
    source: int
    tokens: int
    common: bool

    @property
    def shift(self) -> int:
        """Source position less output token number."""
        return self.source - self.output


@dataclass(slots=True)
class Chain:
    """Anchors of one work in order, and what was aligned between them. `last` and `source` are its last pair."""

    work: int
    last: int
    source: int
    score: float
    pieces: list[Piece]
    seeds: int = 1
    seeded: int = 0
    """The output token that the last counted anchor ends at."""
    headed: bool = False
    opened: bool = False
    live: bool = True
    version: int = 0
    grew: int = 0
    """By how many tokens it grew at last."""

    def gain(self, at: int, position: int, size: int) -> float:
        """What an anchor would add to its score; negative where it does not fit."""
        ahead, along = at - self.last, position - self.source
        if not (0 < ahead <= REACH and 0 < along <= REACH):
            return -1.0
        apart = abs(along - ahead)
        if apart > BAND:
            return -1.0
        return min(ahead, along, size) - (0.01 * size * apart + 0.5 * log2(apart) if apart else 0.0)

    def add(self, piece: Piece) -> None:
        """Take a stretch behind all others."""
        end = self.pieces[-1] if self.pieces else None
        if end and (end.output + end.tokens, end.shift, end.common) == (piece.output, piece.shift, piece.common):
            end.tokens += piece.tokens
        else:
            self.pieces.append(piece)


@dataclass(slots=True)
class Events:
    """What came of one token: chains that opened, and by how many tokens some open one grew at most."""

    opened: list[Chain] = field(default_factory=list)
    grown: int = 0


class Hunt:
    """The chains of one source in one channel.

    `hashes` are the output's tokens, `output` says where they stand; both may run ahead of what is being looked at.
    `due` is the output token at which `end` is to be called next, before that token's anchors are told.
    """

    def __init__(self, source: Source, hashes: Sequence[int], output: Layout) -> None:
        self.source = source
        self.due = NEVER
        self._hashes = hashes
        self._output = output
        self._buckets: dict[int, list[Chain]] = {}
        self._watched: list[Chain] = []
        self._swept = SWEEP

    def anchors(self, at: int, size: int, positions: Iterable[int]) -> Events:
        """A gram of `size` tokens that ends at output token `at` ends at these positions of the source."""
        events = Events()
        if at >= self._swept:
            self._sweep(at)
        fits: list[tuple[float, int, Chain]] = []
        fresh: list[int] = []
        for position in self._true(at, size, positions):
            best, chosen = 0.0, None
            for chain in self._near(position - at):
                gain = chain.gain(at, position, size)
                if gain > 0 and chain.score + gain > best and self._holds(chain, position):
                    best, chosen = chain.score + gain, chain
            if chosen is None:
                fresh.append(position)
            else:
                fits.append((best, position, chosen))
        fits.sort(key=lambda fit: (-fit[0], fit[1]))
        taken: set[int] = set()
        for score, position, chain in fits:
            if id(chain) in taken or not self._join(chain, at, position, size):
                fresh.append(position)
                continue
            taken.add(id(chain))
            chain.score = score
            self._look(chain, at + 1, events)
        for position in fresh:
            self._begin(at, position, size)
        return events

    def end(self, at: int) -> Events:
        """Output token `at` is the next: end the chains that no anchor can join any more."""
        events = Events()
        over = [chain for chain in self._watched if chain.last + REACH < at]
        if over:
            self._watched = [chain for chain in self._watched if chain.last + REACH >= at]
            for chain in over:
                self._finish(chain, at, events)
        self.due = min([chain.last + REACH + 1 for chain in self._watched], default=NEVER)
        return events

    def close(self, count: int) -> Events:
        """The output ends after `count` tokens: end all chains."""
        events = Events()
        for chain in self._watched:
            self._finish(chain, count, events)
        self._watched, self.due = [], NEVER
        self._buckets.clear()
        return events

    def _true(self, at: int, size: int, positions: Iterable[int]) -> Iterator[int]:
        """The positions that are no mere collisions of hashes, and lie in a work that may match."""
        texts, gram = self.source.texts, list(self._hashes[at - size + 1 : at + 1])
        for position in positions:
            if position + 1 < size or texts.tokens[position - size + 1 : position + 1].tolist() != gram:
                continue
            work = texts.text_at(position)
            if work not in texts.dead and position - size + 1 >= texts.bounds(work)[0]:
                yield position

    def _near(self, shift: int) -> Iterator[Chain]:
        """The chains that end near a diagonal."""
        bucket = shift // BAND
        for number in (bucket - 1, bucket, bucket + 1):
            yield from self._buckets.get(number, ())

    def _holds(self, chain: Chain, position: int) -> bool:
        low, high = self.source.texts.bounds(chain.work)
        return low <= position < high

    def _begin(self, at: int, position: int, size: int) -> None:
        piece = Piece(at - size + 1, position - size + 1, size, common=False)
        chain = Chain(self.source.texts.text_at(position), at, position, size, [piece], seeded=at)
        self._buckets.setdefault((position - at) // BAND, []).append(chain)

    def _join(self, chain: Chain, at: int, position: int, size: int) -> bool:
        """Add an anchor and what lies before it to a chain, unless too little of that is alike."""
        ahead, along = at - chain.last, position - chain.source
        kept = min(size, ahead, along)
        if ahead == along <= size:
            pieces: list[Pair] = []
        else:
            one = self._hashes[chain.last + 1 : at - kept + 1]
            other = self.source.texts.tokens[chain.source + 1 : position - kept + 1]
            pieces = between(list(one), other.tolist())
            alike = sum(tokens for _, _, tokens in pieces)
            if alike + size < ALIKE * (max(len(one), len(other)) + size):
                return False
        first, begin = chain.last + 1, chain.source + 1
        before = (chain.source - chain.last) // BAND
        pieces.append((ahead - kept, along - kept, kept))
        self._add(chain, pieces, first, begin)
        if at - chain.seeded >= size:
            chain.seeds += 1
            chain.seeded = at
            if chain.seeds == SEEDS:
                self._watched.append(chain)
                self.due = min(self.due, at + REACH + 1)
        after = (position - at) // BAND
        if after != before:
            self._buckets[before].remove(chain)
            self._buckets.setdefault(after, []).append(chain)
        return True

    def _add(self, chain: Chain, pieces: Sequence[Pair], first: int, begin: int) -> None:
        """Add stretches to a chain, counted from output token `first` and source position `begin`."""
        last = chain.last
        for at, to, tokens in pieces:
            chain.add(self._piece(first + at, begin + to, tokens, chain.pieces[-1]))
            chain.last, chain.source = first + at + tokens - 1, begin + to + tokens - 1
        chain.grew = chain.last - last
        chain.version += 1

    def _piece(self, output: int, source: int, tokens: int, before: Piece | None = None) -> Piece:
        """A stretch; common if all its words are frequent, and it does not go on one that is not common."""
        goes_on = before is not None and (before.output + before.tokens, before.shift) == (output, source - output)
        plain = goes_on and before is not None and not before.common
        common = not plain and all(is_frequent(token) for token in self._hashes[output : output + tokens])
        return Piece(output, source, tokens, common)

    def _look(self, chain: Chain, count: int, events: Events) -> None:
        """A chain has grown, `count` tokens being known: note it where it is open, or open it if it is enough now."""
        if chain.opened:
            events.grown = max(events.grown, chain.grew)
        elif chain.seeds >= SEEDS and self._loose(chain) > 0:
            self._head(chain)
            self._open(chain, events)

    def _open(self, chain: Chain, events: Events) -> None:
        if self._units_of(chain.pieces) >= LEAST and self._alike(chain) and self._loose(chain) >= LOOSE:
            chain.opened = True
            events.opened.append(chain)

    def _finish(self, chain: Chain, count: int, events: Events) -> None:
        """A chain ends: align it outward, and open it if that makes it enough."""
        chain.live = False
        high = self.source.texts.bounds(chain.work)[1]
        first, begin = chain.last + 1, chain.source + 1
        one = self._hashes[first : min(count, first + SIDE)]
        other = self.source.texts.tokens[begin : min(high, begin + SIDE)]
        chain.version += 1
        if pieces := outward(list(one), other.tolist()):
            self._add(chain, pieces, first, begin)
        else:
            chain.grew = 0
        self._look(chain, count, events)

    def _head(self, chain: Chain) -> None:
        """Align a chain outward before its first anchor; done once."""
        if chain.headed:
            return
        chain.headed = True
        first, low = chain.pieces[0], self.source.texts.bounds(chain.work)[0]
        start, begin = max(0, first.output - SIDE), max(low, first.source - SIDE)
        one, other = self._hashes[start : first.output], self.source.texts.tokens[begin : first.source]
        pieces = backward(list(one), other.tolist())
        head = [self._piece(start + at, begin + to, tokens) for at, to, tokens in pieces]
        rest, chain.pieces = chain.pieces, head
        for piece in rest:
            chain.add(piece)

    def _units_of(self, pieces: Iterable[Piece]) -> int:
        measure = self._output.measure
        return sum(measure[each.output + each.tokens] - measure[each.output] for each in pieces)

    def _alike(self, chain: Chain) -> bool:
        """Whether enough of a chain's span is alike, on both sides."""
        alike = sum(each.tokens for each in chain.pieces)
        first = chain.pieces[0]
        return alike >= ALIKE * max(chain.last - first.output, chain.source - first.source)

    def _loose(self, chain: Chain) -> int:
        """Half-words of a chain outside of long enough stretches, and of what verbatim matches bridge from these to."""
        measure = self._output.measure
        ends: dict[int, int] = {}
        loose = []
        for piece in _whole(chain.pieces):
            end = ends.get(piece.shift, -NEVER)
            long = T if measure[piece.output + 1] - measure[piece.output] == 2 else UNSPACED_T
            if piece.tokens >= long or piece.output - end <= GAP:
                ends[piece.shift] = piece.output + piece.tokens
            else:
                loose.append(piece)
        return self._units_of(loose)

    def _sweep(self, at: int) -> None:
        """Forget the chains that nothing can join any more."""
        self._swept = at + SWEEP
        kept = (
            (number, [each for each in chains if each.last + REACH >= at]) for number, chains in self._buckets.items()
        )
        self._buckets = {number: chains for number, chains in kept if chains}


def _whole(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Stretches, however they are told apart by what is common."""
    held: Piece | None = None
    for piece in pieces:
        if held and (held.output + held.tokens, held.shift) == (piece.output, piece.shift):
            held = Piece(held.output, held.source, held.tokens + piece.tokens, common=False)
            continue
        if held:
            yield held
        held = piece
    if held:
        yield held
