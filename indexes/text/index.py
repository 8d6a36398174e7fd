"""The index of text: a snapshot of segments that gives scanners and scans whole texts."""

from collections.abc import Sequence

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
    texts = Texts(segment.array, segment.edges, segment.short_units, segment.removed)
    return Source(number, segment, texts, brief=bool(segment.short_units.any()))
