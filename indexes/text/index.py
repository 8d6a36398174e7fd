"""The index of text: a snapshot of segments that gives scanners and scans whole texts."""

from collections.abc import Callable, Sequence
from copy import copy

from indexes.base import Scanner
from indexes.model import Match, Work
from indexes.text.common import CommonGrams
from indexes.text.fingerprint import negative_grams
from indexes.text.minhash_index import MinHashIndex
from indexes.text.scanner import TextScanner
from indexes.text.segment import TextSegment
from indexes.text.source import Source
from indexes.text.stretches import Texts
from indexes.text.views import LEVELS, Kit, ViewsScanner, is_signed
from indexes.text.whole import scan


class SegmentIndex:
    """An `indexes.base.TextIndex` over the segments of one snapshot; immutable.

    With `views` disguises are undone too; without, a text is read only as it is.
    """

    def __init__(self, segments: Sequence[TextSegment], revision: str, *, views: bool = False) -> None:
        self.revision = revision
        self._sources = [source_of(number, segment) for number, segment in enumerate(segments)]
        self._grams = CommonGrams(self._sources, negative_grams())
        self._kit = Kit.of(self._sources, self._grams) if views else None
        self._private = [
            frozenset(number for number, work in enumerate(segment.works) if work.private_to) for segment in segments
        ]

    def known_to(self, knows: Callable[[Work], bool]) -> "SegmentIndex":
        """The same index without the works that are private to some and that `knows` says no to; they do not match."""
        sources = [
            _without(source, frozenset(number for number in private if not knows(source.segment.works[number])))
            for source, private in zip(self._sources, self._private, strict=True)
        ]
        if all(new is old for new, old in zip(sources, self._sources, strict=True)):
            return self
        other = copy(self)
        other._sources = sources
        other._grams = CommonGrams(sources, negative_grams())
        other._kit = Kit.of(sources, other._grams) if self._kit else None
        return other

    def scanner(self, channel: str, grounding: Sequence[str] = ()) -> Scanner:
        """A fresh scanner of one channel; the request's own texts are read only when something matches."""
        if self._kit is None:
            return TextScanner(self._sources, self._grams, channel, grounding)
        return ViewsScanner(self._kit, channel, grounding, LEVELS)

    def scan(self, text: str, channel: str = "content", grounding: Sequence[str] = ()) -> tuple[Match, ...]:
        """All matches in a whole text, as a scanner finds them."""
        if self._kit is not None and is_signed(self._kit, text):
            scanner, at = self.scanner(channel, grounding), 0
            while (at := scanner.step(text, at)) < len(text):
                pass
            scanner.close()
            return scanner.matches
        return scan(text, self._sources, self._grams, channel, grounding)

    def near_duplicates(self, text: str, channel: str = "content", grounding: Sequence[str] = ()) -> tuple[Match, ...]:
        """Passages of a whole text that are nearly those of works held by signatures alone, which `scan` cannot see."""
        return MinHashIndex(source.segment for source in self._sources).matches(text, channel, grounding)


def _without(source: Source, hidden: frozenset[int]) -> Source:
    """A source without some works."""
    segment = source.segment.without(source.segment.removed | hidden)
    return source if segment is source.segment else source_of(source.number, segment)


def source_of(number: int, segment: TextSegment) -> Source:
    """A segment made ready to be scanned against."""
    texts = Texts(segment.array, segment.edges, segment.short_units, segment.removed)
    return Source(number, segment, texts, brief=bool(segment.short_units.any()))
