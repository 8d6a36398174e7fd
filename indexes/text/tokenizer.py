"""Text to tokens piece by piece: the same tokens as `normalize.tokenize`, however the text is cut."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple, TypeAlias

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
Columns: TypeAlias = tuple[list[int], list[int], list[int], list[int]]
"""Hashes, starts, ends and units of tokens."""


class Piece(NamedTuple):
    """What a piece of text holds, when it is read in a given state; offsets count from its beginning.

    Its first `head` code points extend the open token, which ends there if `closes`. Then come `tokens`, as columns
    of hashes, starts, ends and units, or None. `tail` is the raw text of the token left open at its end.
    """

    head: int
    closes: bool = True
    tokens: Columns | None = None
    tail: str = ""
    tail_hash: int = 0
    tail_start: int = 0
    tail_units: int = 0
    state: int = CLOSED


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
                return Piece(head, closes=False, state=state)
        columns, state = (self._many if len(text) - head > LONG else self._few)(text, head)
        hashes = columns[0]
        if not state:
            return Piece(head, tokens=columns if hashes else None)
        last, start, _, unit = (column.pop() for column in columns)
        return Piece(
            head,
            tokens=columns if hashes else None,
            tail=text[start:],
            tail_hash=last,
            tail_start=start,
            tail_units=unit,
            state=state,
        )

    def _few(self, text: str, at: int) -> tuple[Columns, int]:
        columns: Columns = ([], [], [], [])
        hashes, starts, ends, units = columns
        classes, words = self.classes, self.words
        state = CLOSED
        for place in range(at, len(text)):
            sort = classes[ord(text[place])]
            if sort == VANISHING or (sort == WORD and state == IN_WORD):
                continue
            if sort == MARK and state:
                state = IN_OTHER
                continue
            if state:
                ends.append(place)
                hashes.append(words[text[starts[-1] : place]])
            state = CLOSED
            if sort != SEPARATOR:
                starts.append(place)
                units.append(UNITS[sort])
                state = IN_WORD if sort == WORD else IN_OTHER
        if state:
            ends.append(len(text))
            hashes.append(words[text[starts[-1] :]])
        return columns, state

    def _many(self, text: str, at: int) -> tuple[Columns, int]:
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

    __slots__ = (
        "_hash",
        "_lexicon",
        "_parts",
        "_pieces",
        "_start",
        "_state",
        "_units",
        "ends",
        "hashes",
        "offset",
        "starts",
        "units",
    )

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
        """Read `text[at:]` to its end; returns how many tokens that finished. Costs about half of what `read` does."""
        if at:
            text = text[at:]
        piece = self._pieces[self._state].get(text)
        if piece is None:
            piece = self._lexicon.piece(text, self._state)
        head, closes, tokens, tail, tail_hash, tail_start, tail_units, state = piece
        base = self.offset
        count = 0
        if self._state:
            self._resume(text, head, state, closes=closes)
            if not closes:
                return 0
            count = 1
        self.offset = base + len(text)
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
        if at or len(text) > SHORT:
            return self._advance(text, at)
        piece = self._pieces[self._state].get(text)
        if piece is None:
            piece = self._lexicon.piece(text, self._state)
        head, closes, tokens, tail, tail_hash, tail_start, tail_units, state = piece
        if self._state:
            self._resume(text, head, state, closes=closes)
            return head
        if tokens:
            return self._take_first(tokens)
        if state:
            self._parts = [tail]
            self._hash = tail_hash
            self._start = self.offset + tail_start
            self._units = tail_units
            self._state = state
        self.offset += len(text)
        return len(text)

    def close(self) -> None:
        """The text ends here: finish the last token."""
        if self._state:
            self._resume("", 0, CLOSED, closes=True)

    def _resume(self, text: str, head: int, state: int, *, closes: bool) -> None:
        """Extend the open token by the head of a piece, and finish it if it ends there."""
        if head:
            self._parts.append(text[:head])
            self._hash = UNKNOWN
            self.offset += head
        if not closes:
            self._state = state
            return
        found = self._hash
        self.hashes.append(found if found >= 0 else self._lexicon.words["".join(self._parts)])
        self.starts.append(self._start)
        self.ends.append(self.offset)
        self.units.append(self._units)
        self._state = CLOSED

    def _take_first(self, tokens: Columns) -> int:
        hashes, starts, ends, units = tokens
        end = ends[0]
        self.hashes.append(hashes[0])
        self.starts.append(self.offset + starts[0])
        self.offset += end
        self.ends.append(self.offset)
        self.units.append(units[0])
        return end

    def _advance(self, text: str, at: int) -> int:
        """What `read` does, for any text."""
        start, size = at, len(text)
        if self._state:
            end = self._extend(text, start)
        else:
            start = self._begin(text, at)
            if start == size:
                self.offset += size - at
                return size
            self._start = self.offset + start - at
            self._parts = []
            self._units = UNITS[self._lexicon.classes[ord(text[start])]]
            self._state = self._lexicon.opened(text[start])
            end = self._extend(text, start + 1)
        if end > start:
            self._parts.append(text[start:end])
            self._hash = UNKNOWN
        self.offset += end - at
        if end < size:
            self.close()
        return end

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

    def _take(self, tokens: Columns, base: int) -> int:
        hashes, starts, ends, units = tokens
        self.hashes += hashes
        self.starts += [start + base for start in starts]
        self.ends += [end + base for end in ends]
        self.units += units
        return len(hashes)
