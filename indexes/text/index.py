"""The index of text: a snapshot of segments that gives scanners and scans whole texts."""

from collections.abc import Sequence

import numpy as np

from indexes.model import Match
from indexes.text.common import CommonGrams
from indexes.text.fingerprint import negative_grams
from indexes.text.scanner import TextScanner
from indexes.text.segment import TextSegment
from indexes.text.source import Source
from indexes.text.stretches import Texts
from indexes.text.whole import scan


class SegmentIndex:
    """An `indexes.base.TextIndex` over the segments of one snapshot; immutable."""

    def __init__(self, segments: Sequence[TextSegment], revision: str) -> None:
        self.revision = revision
        self._sources = [source_of(number, segment) for number, segment in enumerate(segments)]
        self._grams = CommonGrams(self._sources, negative_grams())

    def scanner(self, channel: str, grounding: Sequence[str] = ()) -> TextScanner:
        """A fresh scanner of one channel; the request's own texts are read only when something matches."""
        return TextScanner(self._sources, self._grams, channel, grounding)

    def scan(self, text: str, channel: str = "content", grounding: Sequence[str] = ()) -> tuple[Match, ...]:
        """All matches in a whole text."""
        return scan(text, self._sources, self._grams, channel, grounding)


def source_of(number: int, segment: TextSegment) -> Source:
    """A segment made ready to be scanned against."""
    ordinals = range(len(segment.works))
    bounds = [segment.work_bounds(ordinal) for ordinal in ordinals]
    edges = np.array([0, *(end for _, end in bounds)], np.int64)
    shorts = np.zeros(len(bounds), np.uint8)
    for ordinal in ordinals:
        if segment.short(ordinal):
            shorts[ordinal] = sum(segment.unit(position) for position in range(*bounds[ordinal]))
    dead = frozenset(ordinal for ordinal in ordinals if not segment.alive(ordinal))
    texts = Texts(segment.array, edges, shorts, dead)
    return Source(number, segment, texts, brief=bool(shorts.any()))
