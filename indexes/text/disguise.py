"""Disguises that are undone letter by letter, word by word or line by line; sans-I/O.

Each reads a text once and gives out another one, a view, and says where in the text a part of the view stands. A view
does not depend on how the text was cut, and gives out words only where a separator is read.
"""

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from codecs import encode
from typing import Final, Protocol

from typing_extensions import override

from indexes.model import Span

LONGEST_LINE: Final = 1000
"""Code points after which a line is taken to end at the next separator."""
WORD: Final = re.compile(r"[^\W_]+")
LAST_SEPARATOR: Final = re.compile(r"([\W_])[^\W_]*\Z")


class Disguise(Protocol):
    """A view of a text that grows; offsets are code points, those of the text counted from where it was first fed."""

    def feed(self, text: str) -> str:
        """Read more of the text; returns what that adds to the view."""

    def close(self) -> str:
        """The text ends here; returns the rest of the view."""

    def raw_offset(self, view_offset: int) -> int:
        """Where in the text the part of the view begins that holds an offset of the view."""

    def raw_span(self, start: int, end: int) -> Span:
        """The least span of the text that holds all that stands between two offsets of the view."""

    @property
    def held(self) -> int:
        """Offset in the text of the first code point that may still be given out."""


class Trace:
    """Where the parts of a view stand in the text: each begins somewhere in the view, and has a span of the text."""

    __slots__ = ("_ends", "_ordered", "_starts", "_views", "size")

    def __init__(self, *, ordered: bool = True) -> None:
        self._ordered = ordered
        self._views: list[int] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.size = 0
        """Code points of the view so far."""

    def add(self, part: str, start: int, end: int) -> None:
        """The view goes on with a part that stands for this span of the text."""
        self._views.append(self.size)
        self._starts.append(start)
        self._ends.append(end)
        self.size += len(part)

    def raw_offset(self, view_offset: int) -> int:
        """Where the span of the part that holds an offset begins."""
        if not self._views:
            return 0
        return self._starts[max(0, bisect_right(self._views, view_offset) - 1)]

    def raw_span(self, start: int, end: int) -> Span:
        """The least span that holds those of all parts between two offsets."""
        if not self._views:
            return Span(0, 0)
        first = max(0, bisect_right(self._views, start) - 1)
        last = max(first + 1, bisect_right(self._views, end - 1))
        if self._ordered:
            return Span(self._starts[first], self._ends[last - 1])
        return Span(min(self._starts[first:last]), max(self._ends[first:last]))


class Rot13:
    """Each Latin letter stands for the one thirteen places on."""

    def __init__(self) -> None:
        self._size = 0

    @property
    def held(self) -> int:
        """All that was read was given out."""
        return self._size

    def feed(self, text: str) -> str:
        """The text with its letters turned."""
        self._size += len(text)
        return encode(text, "rot13")

    def close(self) -> str:
        """Nothing is left."""
        return ""

    def raw_offset(self, view_offset: int) -> int:
        """The same offset."""
        return view_offset

    def raw_span(self, start: int, end: int) -> Span:
        """The same span."""
        return Span(start, end)


class Lines(ABC):
    """What is undone line by line; `_undo` says how. A line without end is taken in pieces."""

    def __init__(self) -> None:
        self.trace = Trace(ordered=False)
        self._line = ""
        self._begin = 0

    @property
    def held(self) -> int:
        """Where the line begins that is being read."""
        return self._begin

    def feed(self, text: str) -> str:
        """Read on; every line that has ended is given out."""
        self._line += text
        if len(self._line) < LONGEST_LINE and "\n" not in text:
            return ""
        out = []
        while end := self._end():
            out.append(self._take(end))
        return "".join(out)

    def close(self) -> str:
        """The last line ends too."""
        return self._take(len(self._line)) if self._line else ""

    def raw_offset(self, view_offset: int) -> int:
        """Where the part begins that holds an offset of the view."""
        return self.trace.raw_offset(view_offset)

    def raw_span(self, start: int, end: int) -> Span:
        """The least span of the text that holds all between two offsets."""
        return self.trace.raw_span(start, end)

    def _end(self) -> int:
        """One past the first line, or 0 where none has ended."""
        found = self._line.find("\n", 0, LONGEST_LINE) + 1
        if not found and len(self._line) >= LONGEST_LINE:
            separator = re.compile(r"\W").search(self._line, LONGEST_LINE - 1)
            found = separator.end() if separator else 0
        return found

    def _take(self, end: int) -> str:
        line, self._line = self._line[:end], self._line[end:]
        before = self.trace.size
        out = "".join(self._undo(line, self._begin))
        self._begin += end
        assert self.trace.size == before + len(out)  # noqa: S101 (INVARIANT: every part is traced)
        return out

    @abstractmethod
    def _undo(self, line: str, begin: int) -> list[str]:
        """The parts of a line that begins at `begin`, undone and traced."""

    def _part(self, part: str, start: int, end: int) -> str:
        self.trace.add(part, start, end)
        return part


class ReversedLines(Lines):
    """The characters of each line stand in reverse."""

    @override
    def _undo(self, line: str, begin: int) -> list[str]:
        body = line.rstrip("\n")
        out, last = [], len(body)
        for found in reversed(list(WORD.finditer(body))):
            if found.end() < last:
                out.append(self._part(body[found.end() : last][::-1], begin + found.end(), begin + last))
            out.append(self._part(found[0][::-1], begin + found.start(), begin + found.end()))
            last = found.start()
        out.append(self._part(body[:last][::-1] + "\n", begin, begin + last))
        return out


class ReversedWords(Lines):
    """The letters of each word stand in reverse; each word is given out as it ends."""

    @override
    def feed(self, text: str) -> str:
        """Read on; every word that has ended is given out."""
        self._line += text
        found = LAST_SEPARATOR.search(self._line)
        return self._take(found.end(1)) if found else ""

    @override
    def _undo(self, line: str, begin: int) -> list[str]:
        out, last = [], 0
        for found in WORD.finditer(line):
            if found.start() > last:
                out.append(self._part(line[last : found.start()], begin + last, begin + found.start()))
            out.append(self._part(found[0][::-1], begin + found.start(), begin + found.end()))
            last = found.end()
        if last < len(line):
            out.append(self._part(line[last:], begin + last, begin + len(line)))
        return out


class TurnedLines(Lines):
    """The words of each line stand in reverse order; lines of a word or two are read as one, up to an empty one."""

    FEWEST = 3

    @override
    def _end(self) -> int:
        at = 0
        while found := self._line.find("\n", at) + 1:
            line = self._line[:found]
            if len(WORD.findall(line)) >= self.FEWEST or not self._line[at:found].strip() or found >= LONGEST_LINE:
                return found
            at = found
        return super()._end() if len(self._line) >= LONGEST_LINE and not at else 0

    @override
    def _undo(self, line: str, begin: int) -> list[str]:
        out = [
            self._part(found[0] + " ", begin + found.start(), begin + found.end())
            for found in reversed(list(WORD.finditer(line)))
        ]
        return [*out, self._part("\n", begin + len(line), begin + len(line))]
