"""Where each token of a segment stands in its work's text, in about one byte a token.

A code is gap (code points since the token before, or since the beginning of the work) and length, a nibble each; what
does not fit stands aside as an odd token. Every 64 tokens the end of the token before is kept, so that any place is
found by adding up at most 64 codes.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text.normalize import Tokens

STRIDE: Final = 64
ODD: Final = 0xFF
STEPS: Final = bytes(0 if code == ODD else (code >> 4) + (code & 15) + 1 for code in range(256))
"""How far each code moves on: gap and length."""

Arrays = Mapping[str, NDArray[np.generic]]


class LayoutWriter:
    """Collects the layout of one work after another."""

    def __init__(self) -> None:
        self._count = 0
        self._codes: list[NDArray[np.uint8]] = []
        self._checkpoints: list[NDArray[np.uint32]] = []
        self._odd: list[NDArray[np.uint32]] = []

    def add(self, tokens: Tokens) -> None:
        """Add the tokens of the next work."""
        before = np.concatenate((np.zeros(1, np.int64), tokens.ends))[: len(tokens)]
        gaps, lengths = tokens.starts - before, tokens.ends - tokens.starts
        codes = gaps << 4 | lengths - 1
        odd = (gaps > 15) | (lengths > 16) | (codes == ODD)
        codes[odd] = ODD
        places = np.flatnonzero(odd)
        self._codes.append(codes.astype(np.uint8))
        self._odd.append(np.stack((places + self._count, gaps[places], lengths[places])).astype(np.uint32))
        self._checkpoints.append(before[-self._count % STRIDE :: STRIDE].astype(np.uint32))
        self._count += len(tokens)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays that `Layout` reads."""
        odd = np.concatenate([np.empty((3, 0), np.uint32), *self._odd], axis=1)
        return {
            "codes": np.concatenate([np.empty(0, np.uint8), *self._codes]),
            "checkpoints": np.concatenate([np.empty(0, np.uint32), *self._checkpoints]),
            "odd_positions": odd[0],
            "odd_gaps": odd[1],
            "odd_lengths": odd[2],
        }


class Layout:
    """Reads the places of tokens; positions count the tokens of the segment, offsets code points of the work's text."""

    __slots__ = ("_checkpoints", "_codes", "_gaps", "_lengths", "_positions")

    def __init__(self, arrays: Arrays) -> None:
        self._codes = arrays["codes"].data
        self._checkpoints = arrays["checkpoints"].data
        self._positions = arrays["odd_positions"].data
        self._gaps = arrays["odd_gaps"].data
        self._lengths = arrays["odd_lengths"].data

    def end_before(self, position: int, first: int) -> int:
        """End of the token before `position` in the work whose first token is at `first`; 0 for the first token."""
        base = position - position % STRIDE
        if base <= first:
            return self.length(first, position)
        at: int = self._checkpoints[base // STRIDE]
        return at + self.length(base, position)

    def length(self, first: int, end: int) -> int:
        """Code points from the end of the token before `first` to the end of token `end - 1`."""
        total = sum(bytes(self._codes[first:end]).translate(STEPS))
        low = bisect_left(self._positions, first)
        if low < len(self._positions) and self._positions[low] < end:
            high = bisect_left(self._positions, end, low)
            total += sum(self._gaps[low:high]) + sum(self._lengths[low:high])
        return total

    def spans(self, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the tokens of a work, which are those from `first` up to `end`, start and end in its text."""
        codes = np.frombuffer(self._codes[first:end], np.uint8).astype(np.int64)
        gaps, lengths = codes >> 4, (codes & 15) + 1
        low = bisect_left(self._positions, first)
        high = bisect_left(self._positions, end, low)
        odd = np.array(self._positions[low:high], np.int64) - first
        gaps[odd], lengths[odd] = self._gaps[low:high], self._lengths[low:high]
        ends = np.cumsum(gaps + lengths)
        return ends - lengths, ends

    def shape(self, position: int) -> tuple[int, int]:
        """Gap before a token, and its length."""
        code = self._codes[position]
        if code != ODD:
            return code >> 4, (code & 15) + 1
        place = bisect_left(self._positions, position)
        return self._gaps[place], self._lengths[place]
