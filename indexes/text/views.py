"""The composite scanner: the text as it is, and views of it in which cheap disguises are undone.

Views are switched on by signs, which are read at the edges of blocks of the text, so nothing here depends on how the
text was cut. A view that is switched on reads again what was read of late. What it shows is a text that may itself be
disguised: it is read by a scanner of the same kind, one level down.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from indexes.base import Scanner
from indexes.model import Match, Span, Stretch
from indexes.text.common import CommonGrams
from indexes.text.disguise import Disguise, ReversedLines, ReversedWords, Rot13, TurnedLines
from indexes.text.disguise_base64 import Base64
from indexes.text.disguise_lexicon import Lexicon
from indexes.text.disguise_signs import Sign, Signs
from indexes.text.disguise_surface import Surface
from indexes.text.normalize import tokenize
from indexes.text.scanner import TextScanner
from indexes.text.source import Source

BLOCK: Final = 256
"""Code points after each of which signs are read."""
MARGIN: Final = 32
"""So many before a block are read with it."""
BACK: Final = 768
"""So many are read again by a view that is switched on."""
QUIET: Final = 16
"""After so many blocks without its sign a view that follows nothing is switched off."""
LEVELS: Final = 2
"""Disguises over one another that are undone."""
NEVER: Final = 1 << 60
SEPARATOR: Final = re.compile(r"[\W_]")

Key: TypeAlias = tuple[str, str, int, int, bool]


@dataclass(frozen=True, slots=True)
class Kit:
    """What all scanners of an index share."""

    sources: Sequence[Source]
    grams: CommonGrams
    lexicon: Lexicon
    signs: Signs

    @classmethod
    def of(cls, sources: Sequence[Source], grams: CommonGrams) -> "Kit":
        """The kit of an index of these sources."""
        lexicon = Lexicon(sources)

        def knows(gram: int) -> bool:
            return any(len(source.positions(gram, short=False)) for source in sources)

        return cls(sources, grams, lexicon, Signs(lexicon, knows))

    def disguise(self, sign: Sign) -> Disguise:
        """A view that undoes what a sign tells of."""
        makes: dict[Sign, Callable[[], Disguise]] = {
            "surface": lambda: Surface(self.lexicon),
            "base64": Base64,
            "rot13": Rot13,
            "lines": ReversedLines,
            "words": ReversedWords,
            "turned": TurnedLines,
        }
        return makes[sign]()


class Shown:
    """A match of a view that is shown, and as far as it was placed in the text."""

    def __init__(self, match: Match) -> None:
        self.match = match
        self.of: Match | None = None
        self.placed: Match | None = None
        self.stretches: list[Stretch] = []
        self._done: list[Stretch] = []

    def go_on(self, place: Callable[[int], int]) -> None:
        """Place what is new of the match's stretches; all of them if some have changed."""
        new, done = self.match.stretches, self._done
        last = len(done) - 1
        if last >= 0 and (len(new) <= last or list(new[:last]) != done[:last] or not _goes_on(done[last], new[last])):
            self.stretches, done, last = [], [], -1
        for number in range(max(0, last), len(new)):
            stretch = new[number]
            for at in range(done[number].tokens if number < len(done) else 0, stretch.tokens):
                self._add(Stretch(place(stretch.output + at), stretch.source + at, 1, stretch.units, stretch.common))
        self._done = list(new)

    def _add(self, one: Stretch) -> None:
        last = self.stretches[-1] if self.stretches else None
        if last is not None and (
            (last.output + last.tokens, last.source + last.tokens, last.units, last.common)
            == (one.output, one.source, one.units, one.common)
        ):
            self.stretches[-1] = replace(last, tokens=last.tokens + 1)
        else:
            self.stretches.append(one)


def _goes_on(before: Stretch, now: Stretch) -> bool:
    """Whether a stretch is one that was there before, or has only become longer."""
    return replace(now, tokens=before.tokens) == before and now.tokens >= before.tokens


class View:
    """A disguise that is being undone, from offset `begin` of the text on, and the scanner of what that shows."""

    def __init__(self, disguise: Disguise, scanner: Scanner, begin: int, ends: Sequence[int]) -> None:
        self.scanner = scanner
        self.fed = begin
        self.quiet = 0
        self.held = False
        """Whether the text itself grew since a match of the view last did."""
        self._shown: dict[Key, Shown] = {}
        self._disguise = disguise
        self._begin = begin
        self._ends = ends
        self._tokens: dict[int, int] = {}

    @property
    def settled(self) -> int:
        """Offset in the text before which no match of this view that is still to open begins."""
        scanned = self._disguise.raw_offset(self.scanner.settled)
        return self._begin + min(scanned, self._disguise.held)

    @property
    def live(self) -> int:
        """How many runs may still grow, where any is shown."""
        return self.scanner.live if self._shown else 0

    @property
    def opened(self) -> int:
        """How many matches are shown."""
        return len(self._shown)

    @property
    def matches(self) -> list[Match]:
        """The matches that are shown, each with its present extent."""
        for match in self.scanner.matches:
            shown = self._shown.get(_key(match))
            if shown is not None and shown.match is not match:
                shown.match = match
        return [self._placed(shown) for shown in self._shown.values()]

    def feed(self, text: str, spare: int) -> tuple[int, bool]:
        """Read on; returns what of `spare` is left, and whether a match opened or grew unspared."""
        self.fed += len(text)
        return self._scan(self._disguise.feed(text), spare)

    def close(self, text: str) -> None:
        """The text ends after this."""
        self.feed(text, 0)
        self._scan(self._disguise.close(), 0)
        self.scanner.close()

    def show(self, others: Callable[[], Sequence[Match]], *, anew: bool = True) -> bool:
        """Bring what is shown up to date; returns whether a match was added, or has grown.

        A match is shown as soon as `others` do not hold it, and from then on; only if `anew` are those looked at that
        are not shown yet.
        """
        changed = False
        for match in self.scanner.matches:
            shown = self._shown.get(_key(match))
            if shown is None:
                if not anew:
                    continue
                span = self._span(match)
                if not any(_covers(other, match, span) for other in others()):
                    self._shown[_key(match)] = Shown(match)
                    changed = True
            elif shown.match is not match:
                changed |= shown.match.words != match.words
                shown.match = match
        return changed

    def _scan(self, text: str, spare: int) -> tuple[int, bool]:
        scanner, at, stopped = self.scanner, 0, False
        scanner.spare = spare
        while (at := scanner.step(text, at)) < len(text):
            stopped = True
        return scanner.spare, stopped

    def _span(self, match: Match) -> Span:
        span = self._disguise.raw_span(match.output.start, match.output.end)
        return Span(self._begin + span.start, self._begin + span.end)

    def _placed(self, shown: "Shown") -> Match:
        """The match as it stands in the text."""
        if shown.placed is None or shown.of is not shown.match:
            shown.go_on(self._token)
            shown.placed = replace(shown.match, output=self._span(shown.match), stretches=tuple(shown.stretches))
            shown.of = shown.match
        return shown.placed

    def _token(self, token: int) -> int:
        """The number in the text of the token with which a token of the view ends."""
        known = self._tokens.get(token)
        if known is None:
            end = self.scanner.words_ended[token]
            raw = self._begin + self._disguise.raw_span(end - 1, end).end
            known = self._tokens[token] = max(0, min(bisect_left(self._ends, raw), len(self._ends) - 1))
        return known


def _key(match: Match) -> Key:
    return match.detector, match.work.id, match.output.start, match.source.start, match.grounded


def _covers(one: Match, other: Match, span: Span) -> bool:
    """Whether a match holds another of the same work that has this span, and no fewer words."""
    return (
        one.work.id == other.work.id
        and one.output.start <= span.start
        and span.end <= one.output.end
        and one.words >= other.words
    )


def is_signed(kit: Kit, text: str) -> bool:
    """Whether a scanner that reads a whole text would switch a view on."""
    tokens = tokenize(text)
    hashes, ends = tokens.hashes.tolist(), tokens.ends
    edges = [*range(BLOCK, len(text) + 1, BLOCK), len(text)]
    counts = [*np.searchsorted(ends, edges[:-1], "left").tolist(), len(hashes)]
    begin = 0
    for edge, count in zip(edges, counts, strict=True):
        if kit.signs.read(text[max(0, edge - BLOCK - MARGIN) : edge], hashes[begin:count]):
            return True
        begin = count
    return False


class ViewsScanner:
    """Scans one channel as it is and through views; see `indexes.base.Scanner` for what it promises.

    It stops where a match of the text itself opened or grew, and after a separator at which one of a view did.
    Matches of a view are those whose span the text itself, or a view before, does not already hold for that work.
    """

    def __init__(self, kit: Kit, channel: str, grounding: Sequence[str], levels: int = LEVELS) -> None:
        self._kit = kit
        self._channel = channel
        self._grounding = grounding
        self._levels = levels
        self._plain = TextScanner(kit.sources, kit.grams, channel, grounding)
        self.spare = 0
        self._views: dict[Sign, View] = {}
        self._past: list[Match] = []
        self._read = 0
        self._edge = BLOCK if levels else NEVER
        self._left = self._edge
        self._ahead = 0
        self._tail = ""
        self._pieces: list[str] = []
        self._tokens = 0
        self._portion: tuple[str, int] | None = None

    @property
    def matches(self) -> tuple[Match, ...]:
        """Every match opened so far, those of the text itself first, each with its present extent."""
        if not self._views and not self._past:
            return self._plain.matches
        return (*self._plain.matches, *self._past, *[match for view in self._views.values() for match in view.matches])

    @property
    def opened(self) -> int:
        """How many matches there are so far."""
        if not self._views and not self._past:
            return self._plain.opened
        return self._plain.opened + len(self._past) + sum([view.opened for view in self._views.values()])

    @property
    def live(self) -> int:
        """How many runs the next token may still extend."""
        return self._plain.live + sum([view.live for view in self._views.values()])

    @property
    def words_ended(self) -> Sequence[int]:
        """End offset of each finished token of the text itself."""
        return self._plain.words_ended

    @property
    def words(self) -> int:
        """Words of the finished tokens of the text itself, as limits count them."""
        return self._plain.words

    @property
    def settled(self) -> int:
        """Offset before which no match that is still to open begins, even if a view is switched on."""
        settled = [self._plain.settled, *[view.settled for view in self._views.values()]]
        return min([max(0, self._edge - BACK), *settled])

    def step(self, text: str, start: int = 0) -> int:
        """Read `text[start:]`, stopping early where a match opened, or grew unspared."""
        size = len(text)
        if size - start >= self._left:
            at = self._step(text, start)
            ordinary = not (self._views or self._ahead or self._portion)
            self._left = self._edge - self._read if ordinary else 0
            return at
        plain = self._plain
        plain.spare = self.spare
        at = plain.step(text, start)
        self.spare = plain.spare
        self._pieces.append(text if at - start == size else text[start:at])
        self._left -= at - start
        return at

    def close(self) -> None:
        """The text ends here: finish the last token; `matches` is final and none is live."""
        self._plain.close()
        if self._left:
            self._read = self._edge - self._left
        if not self._levels:
            return
        self._look()
        for view in self._views.values():
            view.close(self._since(view.fed))
            view.show(self._others(view))

    def _step(self, text: str, start: int) -> int:
        """Read on by portions that end at separators, where views read on, and at the edges of blocks."""
        if self._left:
            self._read = self._edge - self._left
        at, self._ahead = start + self._ahead, 0
        while at < len(text):
            portion, done = self._portion or (self._cut(text, at), 0)
            plain = self._plain
            plain.spare = self.spare
            end = plain.step(portion, done)
            if self._views and (end < len(portion) or plain.spare != self.spare):
                for view in self._views.values():
                    view.held = True
            self.spare = plain.spare
            at += end - done
            self._pieces.append(portion[done:end])
            self._read += end - done
            if end < len(portion):
                self._portion = portion, end
                return at
            self._portion = None
            if self._advance(portion):
                self._ahead = 1
                return at - 1
        return at

    def _cut(self, text: str, at: int) -> str:
        """What is read next of a text, from `at` on."""
        end = min(len(text), at + self._edge - self._read)
        if self._views and (separator := SEPARATOR.search(text, at, end)):
            end = separator.end()
        return text[at:end]

    def _advance(self, portion: str) -> bool:
        """A portion was read: let the views read on; returns whether one of them stops.

        Where only what is not shown grows, and the text itself grew too, that is taken to hold it still.
        """
        stops = False
        if SEPARATOR.match(portion[-1]):
            for view in self._views.values():
                known = view.scanner.opened
                self.spare, stopped = view.feed(self._since(view.fed), self.spare)
                if not stopped:
                    continue
                anew = not view.held or view.scanner.opened != known
                stops |= (view.opened > 0 or anew) and view.show(self._others(view), anew=anew)
                view.held = False
        if self._read == self._edge:
            stops |= self._look()
            self._edge += BLOCK
        return stops

    def _since(self, offset: int) -> str:
        """What was read of the text from an offset on."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        if not self._pieces:
            self._pieces = [""]
        back = self._read - offset
        recent = self._pieces[0]
        return (self._tail + recent)[-back:] if back > len(recent) else recent[len(recent) - back :]

    def _others(self, view: View) -> Callable[[], Sequence[Match]]:
        """The matches of all but a view."""
        return lambda: [
            *self._plain.matches,
            *self._past,
            *[match for other in self._views.values() if other is not view for match in other.matches],
        ]

    def _look(self) -> bool:
        """A block ends here: read its signs, switch views on and off; returns whether that showed a match."""
        self._tail = (self._tail + "".join(self._pieces))[-BACK:]
        self._pieces = []
        tokens = len(self._plain.words_ended)
        signs = self._kit.signs.read(self._tail[-BLOCK - MARGIN :], self._plain.hashes[self._tokens : tokens])
        self._tokens = tokens
        stops = False
        for sign in sorted(signs):
            if sign in self._views:
                self._views[sign].quiet = 0
            else:
                stops |= self._open(sign)
        for sign, view in list(self._views.items()) if self._views else ():
            if sign not in signs:
                view.quiet += 1
            if view.quiet > QUIET and not view.scanner.live:
                view.close(self._since(view.fed))
                stops |= view.show(self._others(view))
                self._past += view.matches
                del self._views[sign]
            elif self._read - view.fed >= BLOCK:
                stops |= view.feed(self._since(view.fed), 0)[1] and view.show(self._others(view))
        return stops

    def _open(self, sign: Sign) -> bool:
        """Switch a view on, and let it read what was read of late."""
        begin = self._read - len(self._tail)
        scanner = ViewsScanner(self._kit, self._channel, self._grounding, self._levels - 1)
        view = self._views[sign] = View(self._kit.disguise(sign), scanner, begin, self._plain.words_ended)
        text = self._tail
        end = len(text)
        while end and not SEPARATOR.match(text[end - 1]):
            end -= 1
        view.feed(text[:end], 0)
        return view.show(self._others(view))
