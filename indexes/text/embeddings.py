"""Passages of indexed works that mean what a text means: near ones by their vectors, best first.

A cascade: a quick finder looks among all passages, a better judge compares those it found. Both speak in cosines, and
on their own scales; what a cosine is worth is for whoever asks.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexes.errors import FairgateError, IndexUnavailableError
from indexes.model import Span, Work
from indexes.text.embeddings_faiss import LARGE, Shelf, open_shelf
from indexes.text.embeddings_models import CASCADE, STATIC_NAME, Cascade, open_cascade
from indexes.text.embeddings_ranking import Judge, PassagePlace, Places, Ranked
from indexes.text.embeddings_vectors import models_of, refuse
from indexes.text.segment import TextSegment

NOMINATED: Final = 50
"""Passages that the finder names for a text."""
FLOOR: Final = 0.35
"""Cosine of static vectors under which a text is not judged: paraphrases stand above in all but 1 of 100 cases."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage near to a text. `cosine` is the judge's where `judged`, else the finder's."""

    place: PassagePlace
    cosine: float
    judged: bool

    @property
    def work(self) -> Work:
        """The work it stands in."""
        return self.place.segment.works[self.place.ordinal]

    @property
    def segment(self) -> TextSegment:
        """The segment that holds the work."""
        return self.place.segment

    @property
    def ordinal(self) -> int:
        """The work's number in the segment."""
        return self.place.ordinal

    @property
    def passage(self) -> int:
        """The passage's number in the work."""
        return self.place.passage

    @property
    def tokens(self) -> Span:
        """Token numbers in the work, half-open."""
        return self.place.tokens

    @property
    def source(self) -> Span:
        """Code points of the work's text, half-open."""
        return self.place.source

    @property
    def text(self) -> str | None:
        """What the passage says; None where only fingerprints are kept."""
        return self.place.text


def open_candidates(
    segments: Sequence[TextSegment],
    cascade: Cascade | None = None,
    *,
    floor: float | None = None,
    large: int = LARGE,
) -> "Candidates | None":
    """The passages of those segments that have vectors; None where none has.

    Without `cascade` the model of the first is opened, with the judge of the default set-up where it is of that. Raises
    IndexUnavailableError where a segment was made with another model, or a model or a package is missing.
    """
    embedded = [segment for segment in segments if segment.vectors]
    if not embedded:
        return None
    ours = cascade or cascade_of(embedded[0])
    models = models_of(ours)
    for segment in embedded:
        refuse(f"index segment `{segment.name}`", segment.models, models)
    if floor is None:
        floor = FLOOR if ours.judge else -1.0
    return Candidates(embedded, ours, floor=floor, large=large)


def cascade_of(segment: TextSegment) -> Cascade:
    """The encoders that fit a segment's vectors; raises IndexUnavailableError where they are not here."""
    name = segment.models[0].name
    try:
        return open_cascade(CASCADE if name == STATIC_NAME else name)
    except FairgateError as error:
        raise IndexUnavailableError(f"vectors of the index cannot be compared: {error}") from error


class Candidates:
    """What a text may retell; immutable, from any thread. A find takes milliseconds of a core: not in an event loop."""

    def __init__(
        self, segments: Sequence[TextSegment], cascade: Cascade, *, floor: float = FLOOR, large: int = LARGE
    ) -> None:
        self._places = Places(segments)
        self._finder = cascade.finder
        self._judge = Judge(cascade.judge, self._places) if cascade.judge else None
        self._floor = floor
        self._shelf: Shelf = open_shelf([segment.vectors[0].codes for segment in segments], large=large)
        self._hidden = self._places.removed()

    def __len__(self) -> int:
        """Passages that can be found."""
        return int((~self._hidden).sum())

    def known_to(self, knows: Callable[[Work], bool]) -> "Candidates":
        """The same without works that are private to some and that `knows` says no to."""
        unknown = [bounds for work, bounds in self._places.private if not knows(work)]
        if not unknown:
            return self
        other = copy(self)
        other._hidden = self._hidden.copy()
        for bounds in unknown:
            other._hidden[bounds.start : bounds.end] = True
        return other

    def nominate(self, texts: Sequence[str], top: int = NOMINATED) -> list[list[Hit]]:
        """What the finder alone says of each text, the `top` nearest passages, best first; quick."""
        asked = [number for number, text in enumerate(texts) if text.strip()]
        found: list[list[Hit]] = [[] for _ in texts]
        if asked:
            for number, ranked in zip(asked, self._nominate([texts[number] for number in asked], top), strict=True):
                found[number] = self._hits(ranked, top)
        return found

    def find(self, texts: Sequence[str], top: int = 10) -> list[list[Hit]]:
        """For each text the `top` nearest passages, best first; none where nothing comes near.

        A text should have the length of a passage or less: what models do not read is not compared.
        """
        found: list[list[Hit]] = [[] for _ in texts]
        asked = [number for number, text in enumerate(texts) if text.strip()]
        if not asked:
            return found
        nominated = self._nominate([texts[number] for number in asked], max(top, NOMINATED) if self._judge else top)
        near = [(number, ranked) for number, ranked in zip(asked, nominated, strict=True) if len(ranked)]
        ranked = [each for _, each in near]
        if self._judge and near:
            ranked = self._judge.rank([texts[number] for number, _ in near], ranked)
        for (number, _), each in zip(near, ranked, strict=True):
            found[number] = self._hits(each, top)
        return found

    def _nominate(self, texts: Sequence[str], wide: int) -> list[Ranked]:
        """What the finder says of each text."""
        cosines, numbers = self._shelf.nearest(self._finder.encode(texts), wide, self._hidden)
        near = (numbers >= 0) & (cosines >= self._floor)
        return [
            Ranked(row[keep], values[keep], np.zeros(keep.sum(), bool))
            for row, values, keep in zip(numbers, cosines, near, strict=True)
        ]

    def _hits(self, ranked: Ranked, top: int) -> list[Hit]:
        """The first of those that were ranked."""
        best = zip(ranked.numbers[:top], ranked.cosines[:top], ranked.judged[:top], strict=True)
        return [Hit(self._places.at(int(number)), float(value), bool(sure)) for number, value, sure in best]
