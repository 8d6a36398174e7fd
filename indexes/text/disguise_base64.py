"""The view of what blocks in base64 hold."""

import re
from base64 import b64decode
from binascii import Error
from typing import Final

from indexes.model import Span
from indexes.text.disguise import Trace

ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
STANDARD: Final = str.maketrans("-_", "+/")
FEWEST: Final = 24
"""Characters of a block at least."""
WIDE: Final = 16
"""A line of a block has so many at least, or is the last; or each character stands alone."""
WORDS: Final = re.compile(r"[^\W_]+|[\W_]")


def read_block(block: str) -> bytes:
    """The bytes that a block holds, as far as it has whole fours; none where that is no text."""
    whole = block.translate(STANDARD)
    try:
        data = b64decode(whole[: len(whole) // 4 * 4], validate=True)
    except Error:
        return b""
    text = data.decode("utf-8", "ignore")
    odd = sum([not (char.isprintable() or char.isspace()) for char in text])
    return data if odd * 20 <= len(text) and len(text) * 3 > len(data) else b""


class Base64:
    """Gives out what blocks of base64 hold, parted by line breaks; nothing else of the text."""

    def __init__(self) -> None:
        self._trace = Trace()
        self._read = 0
        self._block: list[str] = []
        self._places: list[int] = []
        self._line = 0
        self._begun = 0
        self._given = 0

    @property
    def held(self) -> int:
        """Where the block begins that is being read, or what of it was not yet given out."""
        return self._places[0] if self._places else self._read

    def feed(self, text: str) -> str:
        """Read on; the words of a block are given out as they are complete."""
        out = []
        for char in text:
            if char in ALPHABET:
                self._block.append(char)
                self._places.append(self._read)
                self._line += 1
            elif char.isspace() and (self._line >= WIDE or self._line <= 1):
                self._line = 0
            elif self._block:
                out.append(self._end())
            self._read += 1
        return "".join(out) + self._some()

    def close(self) -> str:
        """The last block ends."""
        return self._end()

    def raw_offset(self, view_offset: int) -> int:
        """Where what makes a word begins."""
        return self._trace.raw_offset(view_offset)

    def raw_span(self, start: int, end: int) -> Span:
        """The least span of the text that makes all between two offsets of the view."""
        return self._trace.raw_span(start, end)

    def _some(self) -> str:
        """What is certain of the block that is being read: up to its last separator."""
        if len(self._block) + self._begun < FEWEST:
            return ""
        parts = self._parts("")
        while parts and (parts[-1].isalnum() or not parts[-1].isascii()):
            parts.pop()
        return self._give(parts)

    def _end(self) -> str:
        out = ""
        if len(self._block) + self._begun >= FEWEST:
            out = self._give(self._parts("A" * (-len(self._block) % 4)))
            self._trace.add("\n", self._read, self._read)
            out += "\n"
        self._block, self._places, self._line, self._begun, self._given = [], [], 0, 0, 0
        return out

    def _parts(self, padding: str) -> list[str]:
        """Words and separators that the block holds and that were not given out."""
        data = read_block("".join(self._block) + padding)
        if padding:
            data = data[: len(self._block) * 3 // 4]
        return WORDS.findall(data[self._given :].decode("utf-8", "ignore"))

    def _give(self, parts: list[str]) -> str:
        """Give these parts out, and forget the fours of characters that are used up."""
        at = self._given
        for part in parts:
            end = at + len(part.encode())
            first, last = at * 4 // 3, min(len(self._places), -(-end * 4 // 3))
            self._trace.add(part, self._places[first], self._places[last - 1] + 1)
            at = end
        fours = at // 3 * 4
        self._given = at % 3
        self._begun += fours
        self._block, self._places = self._block[fours:], self._places[fours:]
        return "".join(parts)
