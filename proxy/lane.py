"""One channel of one choice while it is guarded: what was generated, what left, what waits. Sans-I/O."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from indexes.base import Scanner
from indexes.model import Match, Span
from proxy.windows import Windows

Passage: TypeAlias = tuple[str, str, int]
"""What is left out: how it was found, of which work it is, and where the copy begins in the output."""


class View(Protocol):
    """How a channel's raw text is read by the scanner: as it is, or as the decoded strings of a JSON document."""

    def feed(self, raw: str) -> str:
        """Take more raw text and return what it adds to the text that is scanned."""

    def raw_offset(self, text_offset: int) -> int:
        """Map an offset of the scanned text to one of the raw text, both in code points."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Generated text `[cut, resume)` left out of what was delivered, with `note` in its place."""

    cut: int
    resume: int
    note: str

    @property
    def shift(self) -> int:
        """By how much what follows moves."""
        return len(self.note) - (self.resume - self.cut)


@dataclass(slots=True)
class Lane:
    """One channel of one choice. Offsets are code points of the channel's text as generated."""

    channel: str
    scanner: Scanner
    view: View | None = None
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    forgotten: int = 0
    scanned: int = 0
    released: int = 0
    pending: str = ""
    touched: bool = False
    eliding: frozenset[Passage] = frozenset()
    followed: tuple[int, int] = (-1, -1)
    resumed: int = 0
    edits: list[Edit] = field(default_factory=list)
    closed: bool = False
    """Whether the text of the channel has ended."""
    reading: tuple[str, int] = ("", 0)
    """The text that is being read, and how far, where reading stopped to ask."""
    unsent: bool = False
    """Whether the channel was taken out of the answer as a whole."""
    windows: Windows | None = None
    """Its text for slow detectors, where there are some."""
    holds: bool = False
    """Whether its text waits until they have looked."""
    late: list[Match] = field(default_factory=list)
    """What they found, with spans in the generated text."""

    @property
    def text(self) -> str:
        """The channel's text as generated, as far as it was read."""
        return "".join(self.pieces)

    @property
    def is_plain(self) -> bool:
        """Whether its text is scanned as it is, and none of it waits or is left out."""
        return not self.pending and self.view is None and not self.eliding and not self.holds

    @property
    def sent(self) -> str:
        """What of it left, with the notes that stand in place of what was left out."""
        if self.unsent:
            return ""
        text, out, at = self.text, [], 0
        for edit in self.edits:
            out += [text[at : edit.cut], edit.note]
            at = edit.resume
        return "".join([*out, text[at : self.released]])

    def accept(self, text: str) -> str:
        """Take more generated text and return what of it is scanned."""
        self.pieces.append(text)
        self.length += len(text)
        if self.view is None and self.windows is None:
            return text
        if self.view is not None:
            text = self.view.feed(text)
            self.scanned += len(text)
        if self.windows is not None:
            self.windows.accept(text)
        return text

    def reread(self, view: View | None) -> str:
        """Read the channel's text from its beginning, through a fresh view; returns what of it is scanned."""
        text, self.view = self.text, view
        if view is not None:
            text = view.feed(text)
            self.scanned = len(text)
        if self.windows is not None:
            self.windows.reread(text)
        return text

    def read_end(self) -> int:
        """How far the text was read: an escape that is not complete yet is not."""
        return self.length if self.view is None else self.view.raw_offset(self.scanned)

    def token_end(self, back: int = 1) -> int:
        """End of the last finished token, or of the one `back - 1` before it; 0 when there is none."""
        ends = self.scanner.words_ended
        return self._raw(ends[-back]) if len(ends) >= back else 0

    def end_before(self, token: int) -> int:
        """End of the token before one; 0 for the first, the end of the text for one that is yet to come."""
        ends = self.scanner.words_ended
        if token > len(ends):
            return self.length
        return self._raw(ends[token - 1]) if token else 0

    def settled(self) -> int:
        """Before which offset no match that is still to open begins."""
        return self.length if self.closed else self._raw(self.scanner.settled)

    def looked(self) -> int:
        """Up to where slow detectors have looked at the text."""
        windows = self.windows
        if windows is None or (self.closed and windows.looked == windows.end):
            return self.length
        return self._raw(windows.looked)

    def has_looked(self, until: int) -> bool:
        """Whether slow detectors have looked at all before an offset; if not, they are to look as far as that."""
        if self.windows is None:
            return True
        ends = self.scanner.words_ended
        token = bisect_right(ends, until, key=self._raw)
        return self.windows.finish(ends[token - 1] if token else 0, read=ends[-1] if ends else 0)

    def join(self, found: Iterable[Match]) -> list[Match]:
        """Take what slow detectors found, with spans in the text as it is scanned; returned as the channel has it."""
        joined = [self._placed(match) for match in found]
        self.late += joined
        self.touched = True
        return joined

    def reached(self, token: int) -> bool:
        """Whether the client received a token whole."""
        ends = self.scanner.words_ended
        if self.unsent or token >= len(ends):
            return False
        end = self._raw(ends[token])
        return end <= self.released and not any(edit.cut < end <= edit.resume for edit in self.edits)

    def reached_part(self, match: Match) -> Match:
        """A match of the channel without the tokens that the client did not receive."""
        stretches = []
        for stretch in match.stretches:
            tokens = sum(self.reached(stretch.output + at) for at in range(stretch.tokens))
            if tokens:
                stretches.append(replace(stretch, tokens=tokens))
        return replace(match, stretches=tuple(stretches), live=False)

    def matches(self) -> tuple[Match, ...]:
        """The matches so far, with spans in the generated text."""
        if self.view is None and not self.late:
            return self.scanner.matches
        return (*map(self._placed, self.scanner.matches), *self.late)

    def take(self, until: int) -> str:
        """Release held text up to `until`."""
        count = max(0, until - self.released)
        if count >= len(self.pending):
            out, self.pending = self.pending, ""
            self.released += len(out)
            return out
        out, self.pending = self.pending[:count], self.pending[count:]
        self.released += len(out)
        return out

    def elide(self, until: int) -> None:
        """Leave held text up to `until` out; it never leaves."""
        self.take(until)
        last = self.edits[-1]
        self.edits[-1] = Edit(last.cut, max(last.resume, until), last.note)

    def leave_out(self, matches: Iterable[Match]) -> None:
        """Leave these matches out as they grow."""
        self.eliding |= {passage(match) for match in matches}

    def follow(self) -> None:
        """Take what is left out to be live as long as nothing opens or closes."""
        self.followed = (self.scanner.opened, self.scanner.live)

    @property
    def goes_on(self) -> bool:
        """Whether nothing has opened or closed since what is left out was last seen to be live."""
        return self.followed == (self.scanner.opened, self.scanner.live)

    def resume(self) -> bool:
        """Leave out what matches that are left out have come to; go on behind it, and say so, if all have closed."""
        ours = [match for match in self.matches() if passage(match) in self.eliding]
        end = max(match.output.end for match in ours)
        self.elide(end)
        if any(match.live for match in ours):
            return False
        self.resumed = end
        self.eliding = frozenset()
        self.followed = (-1, -1)
        return True

    def forget_after(self, offset: int) -> None:
        """Treat the text from `offset` on as if it had never been generated."""
        self.pieces = [self.text[:offset]]
        self.forgotten += self.length - offset
        self.length = offset
        self.pending = ""
        self.late = [match for match in self.late if match.output.end <= offset]

    def delivered(self, span: Span) -> Span | None:
        """Where a span of the generated text stands in what the client received; None if none of it was sent."""
        start, end, shift = span.start, min(span.end, self.released), 0
        for edit in self.edits:
            if edit.resume <= start:
                shift += edit.shift
            elif edit.cut <= start:
                start, shift = edit.resume, shift + edit.shift
            elif edit.cut < end:
                end = edit.cut
        return Span(start + shift, end + shift) if start < end else None

    def _placed(self, match: Match) -> Match:
        """A match with its span in the generated text."""
        if self.view is None:
            return match
        return replace(match, output=Span(self._raw(match.output.start), self._raw(match.output.end)))

    def _raw(self, offset: int) -> int:
        return offset if self.view is None else self.view.raw_offset(offset)


def passage(match: Match) -> Passage:
    """Names what is left out with a match, in whichever places the work holds it."""
    return (match.detector, match.work.id, match.output.start)


@dataclass(frozen=True, slots=True)
class Pause:
    """Where reading stopped to ask: at a token of `lane` at which a match `opened` or grew."""

    lane: Lane
    opened: bool
