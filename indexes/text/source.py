"""One segment as the scanner walks through it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexes.text.segment import TextSegment
from indexes.text.stretches import Integers, Texts


@dataclass(frozen=True, slots=True)
class Source:
    """A segment of the index; `number` orders it among the others of a snapshot. `brief`: it holds short works."""

    number: int
    segment: TextSegment
    texts: Texts
    brief: bool

    def positions(self, gram: int, *, short: bool) -> Sequence[int]:
        """Where the segment keeps a gram, ascending: the position of its last token."""
        table = self.segment.short_grams if short else self.segment.main
        return table.positions(gram) if table.maybe(gram) else ()

    def lookup(self, grams: NDArray[np.uint64], *, short: bool) -> tuple[Integers, Integers]:
        """For each place of each of many grams: the number of the gram, and the position of its last token."""
        table = self.segment.short_grams if short else self.segment.main
        queries, positions = table.lookup(grams)
        return queries.astype(np.int64, copy=False), positions.astype(np.int64, copy=False)
