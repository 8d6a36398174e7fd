"""The streaming scanner: reads a channel once, token by token, and follows what it copies along the sources."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from indexes.model import Match
from indexes.text.common import MANY, CommonGrams
from indexes.text.grounding import Grounding
from indexes.text.near_ground import RequestCopies
from indexes.text.near_run import NearRun
from indexes.text.near_scan import NearScan
from indexes.text.reading import NO_GRAM, Reading
from indexes.text.runs import Channel, Run, Tally
from indexes.text.source import Source
from indexes.text.stretches import Stretches
from indexes.text.tokenizer import Tokenizer

UNSETTLED: Final = 13
"""A match that opens at the next token began at most so many tokens before it."""


class Pursuit:
    """What of one source is being followed: stretches too short yet, and runs that are live, one a diagonal."""

    __slots__ = ("live", "source", "stretches")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stretches = Stretches(source.texts)
        self.live: dict[int, Run] = {}

    def advance(self, at: int, token: int) -> tuple[bool, bool]:
        """Output token `at` is `token`: whether a run grew, and whether one ended.

        A run that ends is kept for this one token, so that the gram that ends here does not start it anew.
        """
        if self.stretches:
            self.stretches.advance(at, token)
        grew = ended = False
        over: list[int] = []
        tokens = self.source.texts.tokens
        for run in self.live.values():
            if not run.live:
                over.append(run.shift)
                continue
            if tokens[run.shift + at] == token:
                run.extend(at)
                grew = True
            else:
                run.differ(at)
            ended |= not run.live
        for shift in over:
            del self.live[shift]
        return grew, ended


Places: TypeAlias = tuple[Pursuit, int, Sequence[int]]
"""A gram found: by what it is to be followed, of how many tokens it is, and where the source keeps it."""


class TextScanner:
    """Scans one channel against a snapshot's sources; see `indexes.base.Scanner` for what it promises.

    It turns all the text of a step into tokens at once, and remembers those behind a stop until the caller goes on.
    """

    def __init__(self, sources: Sequence[Source], grams: CommonGrams, channel: str, grounding: Sequence[str]) -> None:
        self._tokenizer = Tokenizer()
        self._reading = Reading(self._tokenizer)
        self._pursuits = [Pursuit(source) for source in sources]
        self._probes = [pursuit.source.segment.main.maybe for pursuit in self._pursuits]
        self._brief = [pursuit for pursuit in self._pursuits if pursuit.source.brief]
        self._brief_probes = [pursuit.source.segment.short_grams.maybe for pursuit in self._brief]
        ground = Grounding(grounding, self._reading) if len(grounding) else None
        self._tally = Tally()
        self._grams = grams
        self._channel = Channel(channel, self._reading, grams, ground, (set(), set()), self._tally)
        self._near = NearScan(sources, self._channel, RequestCopies(grounding, sources, grams), self._add_near)
        self._active = self._waiting = False
        self.spare = 0
        self._runs: list[Run | NearRun] = []
        self._over = 0
        self._past: list[Match] = []
        self._matches: tuple[Match, ...] | None = ()
        self._text = ""
        self._stop: int | None = None

    @property
    def matches(self) -> tuple[Match, ...]:
        """Every match opened so far, in order of opening, each with its present extent."""
        if self._matches is None:
            while self._over < len(self._runs) and not self._runs[self._over].live:
                self._past += self._runs[self._over].matches
                self._over += 1
            self._matches = (*self._past, *[match for run in self._runs[self._over :] for match in run.matches])
        return self._matches

    @property
    def opened(self) -> int:
        """How many matches there are so far."""
        return self._tally.matches

    @property
    def live(self) -> int:
        """How many runs the next token may still extend."""
        return self._tally.live

    @property
    def words_ended(self) -> Sequence[int]:
        """End offset of each finished token so far."""
        return self._reading.ended

    @property
    def hashes(self) -> Sequence[int]:
        """The hash of each finished token so far, and maybe of some that are read ahead."""
        return self._reading.hashes

    @property
    def words(self) -> int:
        """Words of the finished tokens, as limits count them."""
        return self._reading.measure[-1] // 2

    @property
    def settled(self) -> int:
        """Offset in code points before which no match that is still to open begins."""
        count = self._reading.count
        return self._reading.starts[max(0, count - UNSETTLED)] if count else 0

    def step(self, text: str, start: int = 0) -> int:
        """Read `text[start:]`, stopping early right after a token at which a match opened, or grew unspared."""
        if self._stop is None or not self._goes_on(text, start):
            self._tokenizer.read_all(text, start)
        reading, opened = self._reading, self._tally.matches
        finished = len(reading.hashes)
        while reading.count < finished:
            if grew := self._take():
                if self.spare >= grew and self._tally.matches == opened:
                    self.spare -= grew
                    continue
                if self._tally.matches == opened:
                    self.spare = 0
                self._text = text
                self._stop = reading.ends[reading.count - 1] - self._tokenizer.offset + len(text)
                return self._stop
        self._stop = None
        return len(text)

    def close(self) -> None:
        """The text ends here: finish the last token; `matches` is final and none is live."""
        if self._stop is not None:
            self._forget()
        self._tokenizer.close()
        if len(self._reading.hashes) != self._reading.count:
            self._take()
        for run in self._runs:
            if run.live and isinstance(run, Run):
                run.close()
        for pursuit in self._pursuits:
            pursuit.live.clear()
            pursuit.stretches.clear()
        self._near.close()
        self._matches = None

    def _goes_on(self, text: str, start: int) -> bool:
        """Whether the tokens behind the stop are those of `text[start:]`; if not, they are forgotten."""
        if (text is self._text and start == self._stop) or text[start:] == self._text[self._stop :]:
            return True
        self._forget()
        return False

    def _forget(self) -> None:
        """Go back to the last stop, which is right after a token."""
        before, reading = self._tokenizer, self._reading
        for column in (before.hashes, before.starts, before.ends, before.units):
            del column[reading.count :]
        self._tokenizer = Tokenizer()
        self._tokenizer.hashes, self._tokenizer.starts = before.hashes, before.starts
        self._tokenizer.ends, self._tokenizer.units = before.ends, before.units
        self._tokenizer.offset = before.ends[-1]
        self._stop = None

    def _take(self) -> int:
        """Take the token just finished; return by how many tokens a match grew at most, at least 1 if one opened."""
        reading = self._reading
        at = reading.count
        gram = reading.take()
        found: list[Places] = []
        if gram != NO_GRAM:
            for probe in self._probes:
                if probe(gram):
                    found = self._places(at, gram, self._pursuits, short=False)
                    break
        seeds = found
        if self._brief and (triple := reading.triple(at)) != NO_GRAM:
            for probe in self._brief_probes:
                if probe(triple):
                    found = found + self._places(at, triple, self._brief, short=True)
                    break
        if not found and not self._active and at < self._near.due:
            return 0
        grew = self._pursue(at) if self._active else False
        if found or self._waiting:
            grew |= self._nominate(at, found)
        if seeds or at >= self._near.due:
            return max(grew, self._approach(at, gram, seeds))
        return grew

    def _approach(self, at: int, gram: int, found: Sequence[Places]) -> int:
        """Look for near matches at token `at`, where these grams were found; returns as `_take` does."""
        near, grown = self._near, 0
        if at >= near.due:
            grown = near.end(at)
        if found and near.seeds(at, gram, self._grams):
            grown = max(grown, near.anchors(at, [(pursuit.source.number, places) for pursuit, _, places in found]))
        if grown:
            self._matches = None
        return grown

    def _add_near(self, run: NearRun) -> None:
        self._runs.append(run)

    def _places(self, at: int, gram: int, pursuits: Sequence[Pursuit], *, short: bool) -> list[Places]:
        """Where the sources keep the gram that ends at token `at`; notes whether that is in many places."""
        size = self._reading.size(at, short)
        found: list[Places] = []
        places = 0
        for pursuit in pursuits:
            positions = pursuit.source.positions(gram, short=short)
            if len(positions):
                found.append((pursuit, size, positions))
                places += len(positions)
        if places > MANY:
            self._channel.crowded[short].add(at)
        return found

    def _pursue(self, at: int) -> bool:
        """Follow what is being followed by one token; return whether a match grew."""
        token = self._reading.hashes[at]
        grew = self._active = self._waiting = False
        for pursuit in self._pursuits:
            if pursuit.live or pursuit.stretches:
                grown, ended = pursuit.advance(at, token)
                if grown or ended:
                    self._matches = None
                    grew |= grown
                if pursuit.stretches:
                    self._waiting = self._active = True
                elif pursuit.live:
                    self._active = True
        return grew

    def _nominate(self, at: int, found: Sequence[Places]) -> bool:
        """Follow the places at which grams that end at token `at` were found; return whether a match opened."""
        for pursuit, size, positions in found:
            if len(positions) > 1 or positions[0] - at not in pursuit.live:
                pursuit.stretches.add(self._reading.hashes, at, size, positions, pursuit.live)
        waiting = [pursuit for pursuit in self._pursuits if pursuit.stretches]
        if not waiting:
            return False
        self._active = True
        return self._open(at, waiting)

    def _open(self, at: int, waiting: Sequence[Pursuit]) -> bool:
        """Open the matches of stretches that are long enough by now; return whether there was one."""
        floor = self._reading.floor
        opened = [
            (pursuit.source.number, found.start + found.shift, found, pursuit)
            for pursuit in waiting
            for found in pursuit.stretches.ripe(lambda short: floor(at, short))
        ]
        opened.sort(key=lambda entry: entry[:2])
        for _, _, found, pursuit in opened:
            run = Run(pursuit.source, found, at, self._channel)
            self._runs.append(run)
            pursuit.live[run.shift] = run
        if opened:
            self._matches = None
        return bool(opened)
