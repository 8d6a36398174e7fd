"""The text of one channel in pieces for slow detectors, and how far they have looked. Sans-I/O.

A window ends with a sentence or a paragraph, or where the text has gone on for too long without one, however the text
was cut into chunks. Windows follow one another without a gap. A detector that reads more than one at a time joins them
by their offsets; from one of a later `turn` on, what it had from that one's `start` was never generated.
"""

import re
from dataclasses import dataclass
from typing import Final

from policies.policy import Hold

LONGEST: Final = 2000
"""Code points of a window at most."""

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_SENTENCE = re.compile(r"[.!?\u2026]['\"\u2019\u201d\u00bb)\]]*\s|[\u3002\uff01\uff1f]|\n[^\S\n]*\n")


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a channel's text as it is scanned, from `start` on; `turn` counts how often that was read anew."""

    channel: str
    start: int
    text: str
    turn: int = 0

    @property
    def end(self) -> int:
        """Offset of the text behind it."""
        return self.start + len(self.text)


class Windows:
    """Cuts the text of a channel by the sentence, or by the paragraph where `hold` says so."""

    def __init__(self, channel: str, hold: Hold) -> None:
        self._channel = channel
        self._ends = _PARAGRAPH if hold == "paragraph" else _SENTENCE
        self._turn = 0
        self._at = 0
        self._rest = ""
        self._ready: list[Window] = []
        self._unanswered: list[Window] = []

    @property
    def looked(self) -> int:
        """Up to which offset all was looked at."""
        return self._unanswered[0].start if self._unanswered else self._at

    @property
    def end(self) -> int:
        """Where the text that was read so far ends."""
        return self._at + len(self._rest)

    def accept(self, scanned: str) -> None:
        """Take more text as it is scanned; `cut` makes windows of it."""
        self._rest += scanned

    def cut(self) -> None:
        """Make windows of all text so far, but for what may still be of one that has not ended."""
        self._cut(len(self._rest))

    def finish(self, until: int, read: int = 0) -> bool:
        """Make windows of the text before an offset, whatever may follow it; says whether all of it was looked at.

        The text was `read` up to some offset behind that: what ends by then is not cut in two.
        """
        self._cut(max(until, read) - self._at)
        if until > self._at:
            self._end(until - self._at)
        return self.looked >= until

    def take(self) -> list[Window]:
        """The windows that were made and not taken before."""
        ready, self._ready = self._ready, []
        return ready

    def answer(self, window: Window) -> bool:
        """A window was looked at; False where it was before, or its text counts as never generated."""
        if window not in self._unanswered:
            return False
        self._unanswered.remove(window)
        return True

    def reread(self, scanned: str) -> None:
        """The text was read anew and is this now; what was looked at of it is not to be looked at again."""
        self._at = min(self.looked, len(scanned))
        self._rest = scanned[self._at :]
        self._turn += 1
        self._ready.clear()
        self._unanswered.clear()

    def _cut(self, size: int) -> None:
        """Make windows of so much of the rest, but for what may still be of one that has not ended."""
        while (found := self._ends.search(self._rest, 0, min(size, LONGEST))) or size > LONGEST:
            length = found.end() if found else self._rest.rfind(" ", 0, LONGEST) + 1 or LONGEST
            self._end(length)
            size -= length

    def _end(self, size: int) -> None:
        window = Window(self._channel, self._at, self._rest[:size], self._turn)
        self._at, self._rest = window.end, self._rest[size:]
        self._ready.append(window)
        self._unanswered.append(window)
