"""Stretches of tokens alike in two texts that are still too short to matter: many begin, nearly all die at once."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]
Places: TypeAlias = Sequence[int] | Integers

FEW = 24
"""Up to so many places of a gram are followed one by one, more of them together."""


class Texts:
    """Texts one after another as one row of tokens.

    `array` uint32 token hashes; `edges` where each text begins, and the end of the last; `shorts` uint8 the units of
    each short work, 0 for any other text; `dead` the texts that are gone and must not be found.
    """

    __slots__ = ("_edges", "_shorts", "array", "dead", "edges", "gone", "shorts", "tokens")

    def __init__(
        self, array: NDArray[np.uint32], edges: Integers, shorts: NDArray[np.uint8], dead: frozenset[int] = frozenset()
    ) -> None:
        self.array = array
        self.tokens = array.data
        self.edges = edges
        self.shorts = shorts
        self.dead = dead
        self.gone = np.array(sorted(dead), np.int64)
        self._edges: list[int] = edges.tolist()
        self._shorts = shorts.tobytes()

    def text_at(self, position: int) -> int:
        """Number of the text that holds a position."""
        return bisect_right(self._edges, position) - 1

    def texts_at(self, positions: Integers) -> Integers:
        """Numbers of the texts that hold these positions."""
        return np.searchsorted(self.edges, positions, "right") - 1

    def bounds(self, number: int) -> tuple[int, int]:
        """First position of a text, and the one after its last."""
        return self._edges[number], self._edges[number + 1]

    def short(self, number: int) -> int:
        """Units of a text that is a short work, else 0."""
        return self._shorts[number]


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch that has opened a match. It began at output token `start`; its text ends before token `limit`."""

    shift: int
    start: int
    limit: int
    short: int


@dataclass(frozen=True, slots=True)
class Herd:
    """Stretches followed together; the same fields as `Found`, as arrays."""

    shifts: Integers
    starts: Integers
    limits: Integers
    shorts: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.shifts)

    def keep(self, chosen: NDArray[np.bool_]) -> "Herd":
        """Those chosen."""
        return Herd(self.shifts[chosen], self.starts[chosen], self.limits[chosen], self.shorts[chosen])

    def single(self) -> list[Found]:
        """Each on its own."""
        columns = (self.shifts.tolist(), self.starts.tolist(), self.limits.tolist(), self.shorts.tolist())
        return [Found(*row) for row in zip(*columns, strict=True)]


class Stretches:
    """Every stretch that holds a gram found, one a diagonal, as long as it goes on.

    A diagonal is named by its shift: source position less output token number.
    """

    __slots__ = ("_few", "_herds", "_texts")

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._few: dict[int, Found] = {}
        self._herds: list[Herd] = []

    def __bool__(self) -> bool:
        return bool(self._few or self._herds)

    def clear(self) -> None:
        """Forget all of them."""
        self._few.clear()
        self._herds.clear()

    def advance(self, at: int, token: int) -> None:
        """The output goes on with `token` at number `at`: those whose source does not, end."""
        tokens = self._texts.tokens
        dead = [shift for shift, one in self._few.items() if at >= one.limit or tokens[shift + at] != token]
        for shift in dead:
            del self._few[shift]
        if self._herds:
            herds, self._herds = self._herds, []
            for herd in herds:
                inside = herd.limits > at
                self._gather(herd.keep(inside & (self._texts.array[np.where(inside, herd.shifts + at, 0)] == token)))

    def _gather(self, herd: Herd) -> None:
        if len(herd) > FEW // 2:
            self._herds.append(herd)
        else:
            self._few.update((one.shift, one) for one in herd.single())

    def add(self, output: Sequence[int], at: int, size: int, positions: Places, taken: Collection[int]) -> None:
        """A gram of `size` tokens that ends at output token `at` ends at these `positions` of the source too.

        Diagonals in `taken` are followed elsewhere. Each new stretch is extended back to where it begins.
        """
        if len(positions) > FEW:
            self._add_many(output, at, size, np.asarray(positions, np.int64), taken)
            return
        texts, few = self._texts, self._few
        for position in positions:
            shift = position - at
            if shift in taken or shift in few or (self._herds and self._herded(shift)):
                continue
            number = texts.text_at(position)
            if number in texts.dead:
                continue
            low, high = texts.bounds(number)
            start = backward(output, texts.tokens, at, shift, max(0, low - shift))
            if start <= at - size + 1:
                few[shift] = Found(shift, start, high - shift, texts.short(number))

    def _herded(self, shift: int) -> bool:
        return any(bool((herd.shifts == shift).any()) for herd in self._herds)

    def _add_many(self, output: Sequence[int], at: int, size: int, positions: Integers, taken: Collection[int]) -> None:
        texts = self._texts
        known = [np.fromiter((*self._few, *taken), np.int64), *(herd.shifts for herd in self._herds)]
        positions = positions[~np.isin(positions - at, np.concatenate(known))]
        numbers = texts.texts_at(positions)
        if texts.dead:
            alive = ~np.isin(numbers, texts.gone)
            positions, numbers = positions[alive], numbers[alive]
        shifts = positions - at
        starts = self._backward(output, at, shifts, np.maximum(0, texts.edges[numbers] - shifts))
        herd = Herd(shifts, starts, texts.edges[numbers + 1] - shifts, texts.shorts[numbers])
        self._gather(herd.keep(starts <= at - size + 1))

    def _backward(self, output: Sequence[int], at: int, shifts: Integers, lows: Integers) -> Integers:
        """Where each stretch that reaches output token `at` begins; those that go on shrink in step."""
        starts = np.full(len(shifts), at + 1, np.int64)
        going = np.arange(len(shifts))
        token = at
        while len(going):
            going = going[lows[going] <= token]
            going = going[self._texts.array[shifts[going] + token] == output[token]] if token >= 0 else going[:0]
            starts[going] = token
            token -= 1
        return starts

    def ripe(self, floor: Callable[[int], int]) -> list[Found]:
        """Take out those that begin at or before their floor, the latest start of a stretch that has opened a match.

        `floor` gives it for the units of a short work, and for 0.
        """
        found = [one for one in self._few.values() if one.start <= floor(one.short)]
        for one in found:
            del self._few[one.shift]
        if self._herds:
            herds, self._herds = self._herds, []
            for herd in herds:
                sizes, index = np.unique(herd.shorts, return_inverse=True)
                ready = herd.starts <= np.array([floor(size) for size in sizes.tolist()], np.int64)[index]
                found.extend(herd.keep(ready).single())
                self._gather(herd.keep(~ready))
        return found

    def earliest(self, otherwise: int) -> int:
        """The earliest start of all of them."""
        starts = [one.start for one in self._few.values()]
        starts.extend(int(herd.starts.min()) for herd in self._herds)
        return min(starts, default=otherwise)


def backward(output: Sequence[int], source: Sequence[int], at: int, shift: int, low: int) -> int:
    """Where the stretch that reaches output token `at` on a diagonal begins; `at + 1` if the token itself differs."""
    first = at
    while first >= low and source[shift + first] == output[first]:
        first -= 1
    return first + 1
