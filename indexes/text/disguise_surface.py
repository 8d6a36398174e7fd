"""The view without what stands between and within words: markup, numbering, hyphens, spaces, digits for letters."""

import re
from collections import deque
from dataclasses import dataclass, field
from html import unescape
from typing import Final

from indexes.model import Span
from indexes.text.disguise import Trace
from indexes.text.disguise_lexicon import LONGEST, Lexicon

UNSEEN: Final = r"\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufe00-\ufe0f\u0300-\u036f"
LEXED: Final = re.compile(
    rf"""(?P<code>(?=[a-z0-9+/_-]*[A-Z])(?=[A-Z0-9+/_-]*[a-z])(?=[A-Za-z+/_-]*[0-9])[A-Za-z0-9+/_-]{{24,}}={{0,2}})
    |(?P<tag><!--[^<>]{{0,300}}-->|</?[A-Za-z][^<>]{{0,300}}>)
    |(?P<entity>&(?:\#\d{{1,7}}|\#[xX][0-9a-fA-F]{{1,6}}|[A-Za-z]{{2,31}});)
    |(?P<link>\]\([^()\s]{{1,300}}\))
    |(?P<word>(?:[^\W_]|[@$€£¢§|!+{UNSEEN}])+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
UNFINISHED: Final = re.compile(r"(?:<!?/?[A-Za-z-][^<>]{0,300}|<[/!]?|&[#\w]{0,32}|\]\([^()\s]{0,300}|\])$")
BLOCKS: Final = re.compile(r"</?(?:p|br|div|li|ul|ol|tr|td|th|table|h\d|hr|blockquote|pre|section|article)\b", re.I)
TAG: Final = "\0"
"""Stands for a tag that breaks no line."""
MARKS: Final = frozenset("-\u2010\u2011\u2012·‧•*_~`^" + TAG)
"""What may stand within a word."""
BROKEN: Final = re.compile(r"[-\u2010\u00ad][ \t]*\r?\n[ \t]*")
AFTER_NUMBER: Final = frozenset(".):]|-\u2013\t")
ENOUGH: Final = 64
"""Single letters in a row after which the words among them are told apart."""
KEPT: Final = 24
"""Single letters at the end of those that wait for what comes after."""
PERIODS: Final = (2, 3, 4)
REPEATS: Final = 3
"""So often must a word have come back at equal distance to be taken for a filler."""


@dataclass(slots=True)
class Piece:
    """Letters, digits and signs with nothing between them, and their span of the text."""

    text: str
    start: int
    end: int


@dataclass(slots=True)
class Chunk:
    """Pieces that may be one word. `spacing` is what stands between single letters."""

    pieces: list[Piece] = field(default_factory=list)
    spacing: str | None = None

    @property
    def single(self) -> bool:
        """Whether each piece is one letter."""
        return all(len(piece.text) == 1 for piece in self.pieces)


class Surface:
    """Undoes markup, entities, numbers before lines and words, marks and spaces within words, digits for letters, and
    a filler at every second, third or fourth word. What the index holds decides where that could be read in two ways.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._trace = Trace()
        self._buffer = ""
        self._read = 0
        self._chunk = Chunk()
        self._piece: Piece | None = None
        self._separator = ""
        self._line_begins = True
        self._number = -1
        self._seen: deque[str] = deque(maxlen=max(PERIODS) * REPEATS)
        self._out: list[str] = []

    @property
    def held(self) -> int:
        """Where the first piece begins that may still be given out."""
        if self._chunk.pieces:
            return self._chunk.pieces[0].start
        return self._piece.start if self._piece else self._read

    def feed(self, text: str) -> str:
        """Read on; every word that is certain is given out."""
        self._buffer += text
        waiting = UNFINISHED.search(self._buffer)
        return self._lex(waiting.start() if waiting else len(self._buffer))

    def close(self) -> str:
        """The text ends: the last word does too."""
        self._out.append(self._lex(len(self._buffer)))
        self._separate(" ", self._read)
        self._flush()
        return self._given()

    def raw_offset(self, view_offset: int) -> int:
        """Where the word begins that holds an offset of the view."""
        return self._trace.raw_offset(view_offset)

    def raw_span(self, start: int, end: int) -> Span:
        """The least span of the text that holds all words between two offsets."""
        return self._trace.raw_span(start, end)

    def _given(self) -> str:
        out, self._out = "".join(self._out), []
        return out

    def _lex(self, until: int) -> str:
        text, self._buffer = self._buffer[:until], self._buffer[until:]
        base = self._read
        for found in LEXED.finditer(text):
            kind, raw, start = found.lastgroup, found[0], base + found.start()
            if kind == "entity":
                raw = unescape(raw)
                kind = "word" if raw.isalnum() else "other"
            if kind in ("word", "code"):
                self._append(raw, start, base + found.end())
            elif kind == "tag":
                self._separate("\n" if BLOCKS.match(raw) else TAG, start)
            else:
                self._separate(TAG if kind == "link" else raw, start)
        self._read = base + len(text)
        return self._given()

    def _append(self, raw: str, start: int, end: int) -> None:
        """The piece goes on, or a new one begins."""
        if self._piece is None:
            self._piece = Piece(raw, start, end)
        else:
            self._piece.text += raw
            self._piece.end = end

    def _separate(self, raw: str, at: int) -> None:
        """Something that is no letter was read."""
        if self._piece is not None:
            piece, self._piece = self._piece, None
            if self._is_number(piece, raw):
                self._line_begins = False
                self._separator += " "
            else:
                self._join(piece)
                self._line_begins = False
                self._separator = ""
        self._separator += raw
        if self._chunk.pieces and self._parts():
            self._flush()
        if "\n" in raw:
            self._line_begins = True
            if not self._chunk.pieces:
                self._give("\n", at, at)

    def _is_number(self, piece: Piece, after: str) -> bool:
        """Whether a piece numbers a line, or goes on counting."""
        text = piece.text.rstrip("|")
        if not text.isdecimal() or len(text) > 5:
            return False
        before, self._number = self._number, int(text)
        if self._number == before + 1 and before > 0:
            return True
        return self._line_begins and (after[:1] in AFTER_NUMBER or piece.text != text)

    def _join(self, piece: Piece) -> None:
        """A piece has ended: it goes on the chunk, or begins a new one."""
        chunk = self._chunk
        if chunk.pieces and not self._joins(piece):
            self._flush()
            chunk = self._chunk
        chunk.pieces.append(piece)
        if len(chunk.pieces) >= ENOUGH and chunk.single:
            self._spell(len(chunk.pieces) - KEPT)

    def _joins(self, piece: Piece) -> bool:
        separator, chunk = self._separator, self._chunk
        if not separator or MARKS.issuperset(separator) or BROKEN.fullmatch(separator):
            return True
        if len(piece.text) != 1 or not chunk.single:
            return False
        if chunk.spacing is None and len(separator) == 1:
            chunk.spacing = separator
        if chunk.spacing is None:
            return False
        return separator == chunk.spacing or MARKS.issuperset(separator.replace(chunk.spacing, ""))

    def _parts(self) -> bool:
        """Whether what was read since the last piece ends the chunk, whatever comes next."""
        separator = self._separator
        if MARKS.issuperset(separator) or (separator[0] in "-\u2010" and not separator[1:].strip(" \t\r\n")):
            return separator.count("\n") > 1
        if not self._chunk.single:
            return True
        spacing = self._chunk.spacing
        if len(separator) == 1 or (spacing and MARKS.issuperset(separator.replace(spacing, ""))):
            return bool(spacing) and not any(char in MARKS for char in separator) and separator != spacing
        return True

    def _flush(self) -> None:
        """The chunk has ended: give out its words."""
        chunk, self._chunk = self._chunk, Chunk()
        pieces = chunk.pieces
        if not pieces:
            return
        whole = "".join([piece.text for piece in pieces])
        word, count = self._lexicon.read(whole) if len(whole) <= 3 * LONGEST else (whole, 0)
        if count or (len(pieces) == 1 and len(whole) < LONGEST):
            self._word(word, pieces)
        elif len(pieces) > 1 and not (chunk.single and len(pieces) < LONGEST // 2):
            self._part(pieces)
        elif len(whole) >= LONGEST and whole.isalpha():
            start = pieces[0].start
            self._part([Piece(char, start + at, start + at + 1) for at, char in enumerate(whole)])
        else:
            self._word(word, pieces)

    def _part(self, pieces: list[Piece]) -> None:
        """Give out the likeliest words that the pieces make."""
        begin = 0
        for end in self._lexicon.parted([piece.text for piece in pieces]):
            some = pieces[begin:end]
            self._word(self._lexicon.read("".join([piece.text for piece in some]))[0], some)
            begin = end

    def _spell(self, until: int) -> None:
        """Of many single letters give out the words that end before a point."""
        pieces, begin = self._chunk.pieces, 0
        for end in self._lexicon.parted([piece.text for piece in pieces]):
            if end > until and begin:
                break
            some = pieces[begin:end]
            self._word(self._lexicon.read("".join([piece.text for piece in some]))[0], some)
            begin = end
        self._chunk.pieces = pieces[begin:]

    def _word(self, word: str, pieces: list[Piece]) -> None:
        """Give out a word, unless it comes again and again at equal distance."""
        key, seen = word.lower(), self._seen
        filler = any(
            len(seen) >= period * REPEATS and all(seen[-period * time] == key for time in range(1, REPEATS + 1))
            for period in PERIODS
        )
        filler = filler and seen[-1] != key
        seen.append(key)
        if not filler:
            self._give(word + " ", pieces[0].start, pieces[-1].end)

    def _give(self, part: str, start: int, end: int) -> None:
        self._trace.add(part, start, end)
        self._out.append(part)
