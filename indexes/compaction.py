"""Segments into fewer ones, without the works that were removed: what is written anew knows nothing of them."""

from collections.abc import Iterator, Sequence
from typing import Final

from indexes.text.build import SegmentBuilder
from indexes.text.segment import TextSegment

MERGED: Final = 16 << 20
"""Tokens of a merged segment at most, if it holds more than one work; they bound the memory that merging takes."""


def plan(segments: Sequence[TextSegment], most: int = MERGED) -> list[list[TextSegment]]:
    """Which segments to write anew, together; what is left alone is large enough and has nothing removed.

    Neighbours go together (leaving aside those that keep texts where these do not, and the other way round), so works
    stay in their order. A plan for what a plan has led to is empty.
    """
    groups: list[list[TextSegment]] = []
    for keeps in (True, False):
        together = [segment for segment in segments if segment.keeps_texts == keeps]
        room = -1
        for segment in together:
            size = alive_tokens(segment)
            if size > room:
                groups.append([])
                room = max(most, size)
            groups[-1].append(segment)
            room -= size
    return [group for group in groups if len(group) > 1 or group[0].removed]


def alive_tokens(segment: TextSegment) -> int:
    """Tokens of the works that are not removed."""
    bounds = map(segment.work_bounds, segment.removed)
    return len(segment) - sum(end - first for first, end in bounds)


def merge(segments: Sequence[TextSegment], most: int = MERGED) -> Iterator[SegmentBuilder]:
    """The works of some segments that are not removed, in their order, as new segments yet to be written."""
    builder = SegmentBuilder(keep_texts=segments[0].keeps_texts)
    for segment in segments:
        for ordinal, work in enumerate(segment.works):
            if not segment.alive(ordinal):
                continue
            tokens = segment.read(ordinal)
            if len(builder) and builder.tokens + len(tokens) > most:
                yield builder
                builder = SegmentBuilder(keep_texts=segments[0].keeps_texts)
            builder.put(work, tokens, segment.raw_text(ordinal))
    if len(builder):
        yield builder
