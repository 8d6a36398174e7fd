"""What a channel has said so far, as tokens, with the gram that ends at each and how far back a match would open.

A stretch of tokens that are alike in output and source is long enough to open a match as soon as the index must hold a
gram of it: winnowing keeps one of every four grams in a row (Schleimer, Wilkerson, Aiken 2003), so the last four grams
must lie wholly inside. Works too short for that are indexed by every gram of three tokens, and half of them opens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, overload

from typing_extensions import override

from indexes.text.fingerprint import K_UNSPACED, MASK, MULTIPLIER, SHORT_K, SHORT_UNITS, K, W
from indexes.text.normalize import Tokens

FIFTH = pow(MULTIPLIER, K, 1 << 64)
NO_GRAM = -1


class TokenColumns(Protocol):
    """Four lists with an entry for each finished token, which whoever owns them appends to."""

    @property
    def hashes(self) -> list[int]:
        """32-bit hash of each token."""

    @property
    def starts(self) -> list[int]:
        """Offset of its first code point."""

    @property
    def ends(self) -> list[int]:
        """Offset after its last."""

    @property
    def units(self) -> list[int]:
        """2 for a word, 1 for a character of a script without spaces."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Tokens that are all there."""

    hashes: list[int]
    starts: list[int]
    ends: list[int]
    units: list[int]


class Reading:
    """The tokens of a channel. `count` of them have been taken.

    `fives[n]` is the gram of five tokens that ends at token `n`; `mixed` says that some are characters of a script
    without spaces.
    """

    __slots__ = ("_floors", "_measure", "count", "ends", "fives", "hashes", "mixed", "starts", "units")

    def __init__(self, tokens: TokenColumns) -> None:
        self.hashes: Sequence[int] = tokens.hashes
        self.starts: Sequence[int] = tokens.starts
        self.ends: Sequence[int] = tokens.ends
        self.units: Sequence[int] = tokens.units
        self.count = 0
        self._measure: list[int] = []
        self.fives: list[int] = []
        self._floors: list[int] = []
        self.mixed = False

    @classmethod
    def of(cls, tokens: Tokens) -> "Reading":
        """A reading of tokens that are all there, each of them taken."""
        reading = cls(
            Columns(tokens.hashes.tolist(), tokens.starts.tolist(), tokens.ends.tolist(), tokens.units.tolist())
        )
        for _ in range(len(tokens)):
            reading.take()
        return reading

    def take(self) -> int:
        """Take the next token and return the gram that ends at it, or `NO_GRAM`."""
        at = self.count
        self.count = at + 1
        hashes, fives = self.hashes, self.fives
        five = hashes[at]
        if at >= K:
            five = (fives[-1] * MULTIPLIER + five - hashes[at - K] * FIFTH) & MASK
        elif at:
            five = (fives[-1] * MULTIPLIER + five) & MASK
        fives.append(five)
        if not self.mixed and self.units[at] == 2:
            return five if at >= K - 1 else NO_GRAM
        return self._take_mixed(at)

    def _take_mixed(self, at: int) -> int:
        if not self.mixed:
            self.mixed = True
            self._measure = list(range(0, 2 * at + 1, 2))
        self._measure.append(self._measure[-1] + self.units[at])
        return self.gram(at)

    @property
    def measure(self) -> Sequence[int]:
        """Units of the first tokens, by how many of them, up to all that were taken."""
        return self._measure if self.mixed else range(0, 2 * self.count + 1, 2)

    @property
    def ended(self) -> Sequence[int]:
        """Where each token that was taken ends."""
        return Taken(self)

    def gram(self, at: int) -> int:
        """The gram that ends at token `at`, or `NO_GRAM` where too few tokens stand before it."""
        if self.units[at] == 2:
            return self.fives[at] if at >= K - 1 else NO_GRAM
        return (self.fives[at - K] * FIFTH + self.fives[at]) & MASK if at >= K_UNSPACED - 1 else NO_GRAM

    def triple(self, at: int) -> int:
        """The gram of three tokens that ends at token `at`, or `NO_GRAM`."""
        if at < SHORT_K - 1:
            return NO_GRAM
        first, second, third = self.hashes[at - 2 : at + 1]
        return ((first * MULTIPLIER + second) * MULTIPLIER + third) & MASK

    def size(self, at: int, short: int) -> int:
        """Tokens of the gram that ends at `at`: as short works are indexed where `short`, else as long ones are."""
        if short:
            return SHORT_K
        return K if self.units[at] == 2 else K_UNSPACED

    def frequent(self, first: int, last: int) -> bool:
        """Whether every token from `first` to `last` is a frequent word."""
        hashes = self.hashes
        while last >= first and hashes[last] & 1:
            last -= 1
        return last < first

    def floor(self, at: int, short: int = 0) -> int:
        """The latest start of a stretch that, reaching token `at`, has opened a match at or before it; else below 0.

        `short` is the units of the work where it is a short one.
        """
        if short:
            return max(self._short_floor(last, short) for last in range(max(0, at - 3), at + 1))
        if not self.mixed:
            return at - K - W + 2
        floors = self._floors
        while len(floors) <= at:
            floors.append(max(floors[-1] if floors else -1, self._window(len(floors))))
        return floors[at]

    def _window(self, at: int) -> int:
        """Where the earliest of the last four grams begins."""
        if at < W - 1:
            return -1
        units = self.units
        return min(last - (K if units[last] == 2 else K_UNSPACED) + 1 for last in range(at - W + 1, at + 1))

    def _short_floor(self, at: int, short: int) -> int:
        """The latest start of a stretch that opens a match of a short work right at token `at`."""
        need = short_need(self.units[at], short)
        measure = self.measure
        first = at - SHORT_K + 1
        while first >= 0 and 2 * (measure[at + 1] - measure[first]) < need:
            first -= 1
        return first


class Taken(Sequence[int]):
    """End offsets of the tokens taken so far, as a view that grows with them."""

    __slots__ = ("_reading",)

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @override
    def __len__(self) -> int:
        return self._reading.count

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    @override
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return self._reading.ends[: len(self)][index]
        return self._reading.ends[range(len(self))[index]]


def short_need(units: int, short: int) -> int:
    """Twice the units that open a match of a short work at a token of `units`: half of the work, t at the most."""
    return min(SHORT_UNITS if units == 2 else 26, short)
