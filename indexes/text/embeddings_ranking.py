"""Passages over all segments by one number, and their order as a better model sees it."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.model import Span, Work
from indexes.text.embeddings_models import Encoder, Matrix
from indexes.text.embeddings_passages import passages
from indexes.text.embeddings_vectors import decoded
from indexes.text.segment import TextSegment

READ: Final = 4
"""Candidates that the judge has no vector of and that are read and encoded for one text, the finder's best: each takes
as long as the text itself."""
REMEMBERED: Final = 4096
"""Vectors of such candidates that are kept."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages in order: `numbers` int64, `cosines` float32, and of each whether the judge has `judged` it."""

    numbers: NDArray[np.int64]
    cosines: NDArray[np.float32]
    judged: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, slots=True)
class PassagePlace:
    """Where a passage stands."""

    segment: TextSegment
    ordinal: int
    passage: int

    @property
    def tokens(self) -> Span:
        """Its token numbers in the work."""
        first, end = self.segment.work_bounds(self.ordinal)
        return passages(end - first)[self.passage]

    @property
    def source(self) -> Span:
        """Its code points in the work's text."""
        first, _ = self.segment.work_bounds(self.ordinal)
        tokens = self.tokens
        return Span(*self.segment.char_span(first + tokens.start, first + tokens.end))

    @property
    def text(self) -> str | None:
        """What it says; None where only fingerprints are kept."""
        whole = self.segment.text(self.ordinal)
        source = self.source
        return None if whole is None else whole[source.start : source.end]


class Places:
    """The passages of some segments, numbered one after another. `private` has works not meant for all."""

    def __init__(self, segments: Sequence[TextSegment]) -> None:
        self.segments = segments
        self._first = [0]
        for segment in segments:
            self._first.append(self._first[-1] + int(segment.first_passages[-1]))
        self.private: list[tuple[Work, Span]] = [
            (work, self.bounds(number, ordinal))
            for number, segment in enumerate(segments)
            for ordinal, work in enumerate(segment.works)
            if work.private_to
        ]

    def bounds(self, segment: int, ordinal: int) -> Span:
        """The numbers of a work's passages."""
        first, end = self.segments[segment].first_passages[ordinal : ordinal + 2].tolist()
        return Span(self._first[segment] + first, self._first[segment] + end)

    def removed(self) -> NDArray[np.bool_]:
        """Of each passage, whether its work is removed."""
        hidden = np.zeros(self._first[-1], bool)
        for number, segment in enumerate(self.segments):
            for ordinal in segment.removed:
                bounds = self.bounds(number, ordinal)
                hidden[bounds.start : bounds.end] = True
        return hidden

    def local(self, number: int) -> tuple[TextSegment, int]:
        """The segment that holds a passage, and its number there."""
        at = bisect_right(self._first, number) - 1
        return self.segments[at], number - self._first[at]

    def at(self, number: int) -> PassagePlace:
        """Where a passage stands."""
        segment, local = self.local(number)
        ordinal = int(np.searchsorted(segment.first_passages, local, side="right")) - 1
        return PassagePlace(segment, ordinal, local - int(segment.first_passages[ordinal]))


class Judge:
    """Ranks passages by another encoder: by its vectors where a segment has them, else by reading what is kept."""

    def __init__(self, encoder: Encoder, places: Places) -> None:
        self._encoder = encoder
        self._places = places
        self._remembered: OrderedDict[int, Matrix] = OrderedDict()
        self._lock = Lock()

    def rank(self, texts: Sequence[str], nominated: Sequence[Ranked]) -> list[Ranked]:
        """The passages nominated for each text in a new order; those it cannot judge keep their cosine, at the end."""
        known = self._known({int(number) for each in nominated for number in each.numbers})
        read = self._texts({int(number) for each in nominated for number in each.numbers[:READ]} - known.keys())
        rows = self._encoder.encode([*texts, *read.values()])
        fresh = dict(zip(read, rows[len(texts) :], strict=True))
        self._remember(fresh)
        vectors = known | fresh
        return [judged(query, each, vectors) for query, each in zip(rows, nominated, strict=False)]

    def _known(self, numbers: set[int]) -> dict[int, Matrix]:
        """Vectors that lie in the segments or were made before."""
        found: dict[int, Matrix] = {}
        for number in numbers:
            segment, local = self._places.local(number)
            if len(segment.vectors) > 1:
                found[number] = decoded(segment.vectors[1].codes[local])
        with self._lock:
            for number in numbers - found.keys():
                if number in self._remembered:
                    self._remembered.move_to_end(number)
                    found[number] = self._remembered[number]
        return found

    def _texts(self, numbers: set[int]) -> dict[int, str]:
        """What passages say, as far as it is kept."""
        said = {number: self._places.at(number).text for number in sorted(numbers)}
        return {number: text for number, text in said.items() if text is not None}

    def _remember(self, fresh: dict[int, Matrix]) -> None:
        with self._lock:
            self._remembered.update(fresh)
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


def judged(query: Matrix, nominated: Ranked, vectors: dict[int, Matrix]) -> Ranked:
    """Passages by their cosine with a query, where their vector is known; the others after them, as they were."""
    known = np.array([int(number) in vectors for number in nominated.numbers], bool)
    cosines = nominated.cosines.copy()
    if known.any():
        cosines[known] = np.stack([vectors[int(number)] for number in nominated.numbers[known]]) @ query
    order = np.lexsort((-cosines, ~known))
    return Ranked(nominated.numbers[order], cosines[order], known[order])
