"""Text to tokens piece by piece: the same tokens as `normalize.tokenize`, however the text is cut."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

from indexes.text import tables, vocabulary
from indexes.text.normalize import UNITS, tokenize
from indexes.text.tables import MARK, SEPARATOR, VANISHING, WORD
from indexes.text.vocabulary import Vocabulary

CLOSED: Final = 0
"""State: no token is open."""
IN_WORD: Final = 1
"""State: a word is open; letters, marks and what vanishes extend it."""
IN_OTHER: Final = 2
"""State: another token is open; only marks of unspaced scripts and what vanishes extend it."""

UNKNOWN: Final = -1
ASCII_WORD: Final = re.compile("[0-9A-Za-z]+")
SHORT: Final = 16
"""Pieces of up to so many code points are remembered with what they hold."""
PIECES: Final = 1 << 15
LONG: Final = 256
"""Longer pieces are read with numpy."""


class Piece(NamedTuple):
    """What a piece of text holds, when it is read in a given state; offsets count from its beginning.

    Its first `head` code points extend the open token, which ends there if `closes`. Then come `tokens`, as columns
    of hashes, starts, ends and units, or None. `tail` is the raw text of the token left open at its end.
    """

    head: int
    closes: bool
    tokens: tuple[list[int], list[int], list[int], list[int]] | None
    tail: str
    tail_hash: int
    tail_start: int
    tail_units: int
    state: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What tokenizers of one process share: the table, the words, the pieces seen of late in each state."""

    classes: bytes
    words: Vocabulary
    pieces: tuple[dict[str, Piece], dict[str, Piece], dict[str, Piece]] = field(default_factory=lambda: ({}, {}, {}))

    def piece(self, text: str, state: int) -> Piece:
        """Read a piece, and remember it if it is short."""
        found = self._read(text, state)
        if len(text) <= SHORT:
            known = self.pieces[state]
            if len(known) >= PIECES:
                known.clear()
            known[text] = found
        return found

    def extend(self, text: str, at: int, state: int) -> tuple[int, int]:
        """Where the token that is open in `state` ends, from `at` on, and the state there."""
        classes = self.classes
        while at < len(text):
            sort = classes[ord(text[at])]
            if sort == MARK:
                state = IN_OTHER
            elif sort != VANISHING and (sort != WORD or state != IN_WORD):
                break
            at += 1
        return at, state

    def begin(self, text: str, at: int) -> int:
        """Where the next token begins, from `at` on; the end of the text if there is none."""
        classes = self.classes
        while at < len(text) and classes[ord(text[at])] in (SEPARATOR, VANISHING):
            at += 1
        return at

    def opened(self, char: str) -> int:
        """The state after the first code point of a token."""
        return IN_WORD if self.classes[ord(char)] == WORD else IN_OTHER

    def _read(self, text: str, state: int) -> Piece:
        head = 0
        if state:
            head, state = self.extend(text, 0, state)
            if head == len(text):
                return Piece(head, False, None, "", 0, 0, 0, state)
        columns, state = (self._many if len(text) - head > LONG else self._few)(text, head)
        hashes = columns[0]
        if not state:
            return Piece(head, True, columns if hashes else None, "", 0, 0, 0, CLOSED)
        last, start, _, unit = (column.pop() for column in columns)
        return Piece(head, True, columns if hashes else None, text[start:], last, start, unit, state)

    def _few(self, text: str, at: int) -> tuple[tuple[list[int], list[int], list[int], list[int]], int]:
        columns: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
        state = CLOSED
        while (start := self.begin(text, at)) < len(text):
            at, state = self.extend(text, start + 1, self.opened(text[start]))
            row = (self.words[text[start:at]], start, at, UNITS[self.classes[ord(text[start])]])
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        return columns, state if columns[2] and columns[2][-1] == len(text) else CLOSED

    def _many(self, text: str, at: int) -> tuple[tuple[list[int], list[int], list[int], list[int]], int]:
        found = tokenize(text[at:])
        columns = (
            found.hashes.tolist(),
            (found.starts + at).tolist(),
            (found.ends + at).tolist(),
            found.units.tolist(),
        )
        if not columns[2] or columns[2][-1] < len(text):
            return columns, CLOSED
        start = columns[1][-1]
        return columns, self.extend(text, start + 1, self.opened(text[start]))[1]


@cache
def shared() -> Lexicon:
    """The lexicon of this process."""
    return Lexicon(tables.load().classes, vocabulary.shared())


class Tokenizer:
    """Reads a channel's text once and appends each finished token to `hashes`, `starts`, `ends` and `units`.

    Offsets are code points of the channel's text. A token is finished when a code point that neither extends it nor
    vanishes is seen, or by `close`. `read` and `read_all` may be mixed.
    """

    __slots__ = ("_hash", "_lexicon", "_parts", "_pieces", "_start", "_state", "_units", "ends", "hashes", "offset")
    __slots__ += ("starts", "units")

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self.hashes: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.units: list[int] = []
        self.offset = 0
        self._lexicon = lexicon or shared()
        self._pieces = self._lexicon.pieces
        self._parts: list[str] = []
        self._hash = UNKNOWN
        self._start = 0
        self._units = 0
        self._state = CLOSED

    def read_all(self, text: str, at: int = 0) -> int:
        """Read `text[at:]` to its end; returns how many tokens that finished."""
        if at:
            text = text[at:]
        piece = self._pieces[self._state].get(text)
        if piece is None:
            piece = self._lexicon.piece(text, self._state)
        head, closes, tokens, tail, tail_hash, tail_start, tail_units, state = piece
        base = self.offset
        self.offset = base + len(text)
        count = 0
        if self._state:
            if head:
                self._parts.append(text[:head])
                self._hash = UNKNOWN
            if not closes:
                self._state = state
                return 0
            self._finish(base + head)
            count = 1
        if tokens:
            count += self._take(tokens, base)
        if state:
            self._parts = [tail]
            self._hash = tail_hash
            self._start = base + tail_start
            self._units = tail_units
            self._state = state
        return count

    def read(self, text: str, at: int = 0) -> int:
        """Read `text[at:]` up to, and not including, the code point that finishes a token.

        Returns the offset in `text` reached: `len(text)` if no token was finished. At most one token is finished.
        """
        start, size = at, len(text)
        if not self._state:
            start = self._begin(text, at)
            if start == size:
                self.offset += size - at
                return size
            self._start = self.offset + start - at
            self._parts = []
            self._units = UNITS[self._lexicon.classes[ord(text[start])]]
            self._state = self._lexicon.opened(text[start])
            end = self._extend(text, start + 1)
        else:
            end = self._extend(text, start)
        if end > start:
            self._parts.append(text[start:end])
            self._hash = UNKNOWN
        self.offset += end - at
        if end < size:
            self._finish(self.offset)
        return end

    def close(self) -> None:
        """The text ends here: finish the last token."""
        if self._state:
            self._finish(self.offset)

    def _begin(self, text: str, at: int) -> int:
        if not text.isascii():
            return self._lexicon.begin(text, at)
        found = ASCII_WORD.search(text, at)
        return found.start() if found else len(text)

    def _extend(self, text: str, at: int) -> int:
        if self._state == IN_WORD and text.isascii():
            found = ASCII_WORD.match(text, at)
            return found.end() if found else at
        end, self._state = self._lexicon.extend(text, at, self._state)
        return end

    def _finish(self, end: int) -> None:
        found = self._hash
        self.hashes.append(found if found >= 0 else self._lexicon.words["".join(self._parts)])
        self.starts.append(self._start)
        self.ends.append(end)
        self.units.append(self._units)
        self._state = CLOSED

    def _take(self, tokens: tuple[list[int], list[int], list[int], list[int]], base: int) -> int:
        hashes, starts, ends, units = tokens
        self.hashes += hashes
        self.starts += [start + base for start in starts]
        self.ends += [end + base for end in ends]
        self.units += units
        return len(hashes)
