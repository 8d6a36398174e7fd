"""Segments into fewer ones, without the works that were removed: what is written anew knows nothing of them."""

from collections.abc import Iterator, Sequence
from typing import Final

from indexes.model import Work
from indexes.text.build import SegmentBuilder
from indexes.text.keep import Builder, Keep
from indexes.text.segment import TextSegment

MERGED: Final = 16 << 20
"""Tokens of a merged segment at most, if it holds more than one work; they bound the memory that merging takes."""


def plan(segments: Sequence[TextSegment], most: int = MERGED) -> list[list[TextSegment]]:
    """Which segments to write anew, together; what is left alone is large enough and has nothing removed.

    Neighbours go together (leaving aside those that keep other things of their works than these), so works stay in
    their order. A plan for what a plan has led to is empty.
    """
    groups: list[list[TextSegment]] = []
    for kept in dict.fromkeys(map(Keep.of, segments)):
        together = [segment for segment in segments if Keep.of(segment) == kept]
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
    whole = int(segment.passages.tokens.sum()) if segment.passages is not None else len(segment)
    return whole - sum(tokens_of(segment, each) for each in segment.removed)


def tokens_of(segment: TextSegment, ordinal: int) -> int:
    """Tokens of a work, kept or not."""
    if segment.passages is not None:
        return int(segment.passages.tokens[ordinal])
    first, end = segment.work_bounds(ordinal)
    return end - first


def merge(segments: Sequence[TextSegment], most: int = MERGED) -> Iterator[Builder]:
    """The works of some segments that are not removed, in their order, as new segments yet to be written."""
    builder = Keep.of(segments[0]).builder()
    for segment in segments:
        for ordinal, work in enumerate(segment.works):
            if not segment.alive(ordinal):
                continue
            if len(builder) and builder.tokens + tokens_of(segment, ordinal) > most:
                yield builder
                builder = Keep.of(segments[0]).builder()
            take(builder, segment, ordinal, work)
    if len(builder):
        yield builder


def take(builder: Builder, segment: TextSegment, ordinal: int, work: Work) -> None:
    """Put a work of a segment into one that keeps the same."""
    if isinstance(builder, SegmentBuilder):
        builder.put(work, segment.read(ordinal), segment.raw_text(ordinal), segment.vectors_of(ordinal))
    elif segment.passages is not None:
        builder.put(work, segment.passages.held(ordinal))
