"""Finds what of an output stands as a quotation: marks around it, its source beside it, comment about it. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from indexes.model import Match, Span, Work
from policies.model import Quotation

_PAIRS: Final = tuple(
    (chr(opening), chr(closing))
    for opening, closing in (
        (0x201C, 0x201D),  # curly, English
        (0x201E, 0x201C),  # curly, German
        (0x00AB, 0x00BB),  # guillemets, French
        (0x00BB, 0x00AB),  # guillemets, German
        (0x2039, 0x203A),
        (0x300C, 0x300D),  # corner brackets
        (0x300E, 0x300F),
        (0x0022, 0x0022),  # straight
        (0x2018, 0x2019),  # single, curly
    )
)
_REACH: Final = 240
"""A source is named beside a quotation if it stands within so many code points of it."""
_SLACK: Final = 3
"""Punctuation between a mark and the first or last copied word."""
_WORD: Final = re.compile(r"\w+")


def quotations(text: str, matches: Sequence[Match], channel: str) -> tuple[Quotation, ...]:
    """The quotations of one channel that hold a match, in code points of its text."""
    found: dict[tuple[int, int], Quotation] = {}
    for match in matches:
        if match.grounded:
            continue
        span = _quoted(text, match.output)
        if span is not None:
            credited = _credits(text, span, match.work)
            before = found.get((span.start, span.end))
            comment = _comment_words(text, span, matches)
            credited = credited or (before is not None and before.credited)
            found[span.start, span.end] = Quotation(channel, span, credited, comment)
    return tuple(found[key] for key in sorted(found))


def _quoted(text: str, span: Span) -> Span | None:
    """The quotation around a copied span: between a pair of marks, or a block of `>` lines."""
    for opening, closing in _PAIRS:
        start = text.rfind(opening, max(0, span.start - 2000), span.start)
        end = text.find(closing, span.end)
        if start < 0 or end < 0 or end - span.end > 2000:
            continue
        if opening != closing and text.rfind(closing, start + 1, span.start) >= 0:
            continue
        if opening == closing and (text.count(opening, 0, start) % 2 or opening in text[start + 1 : span.start]):
            continue
        return Span(start, end + 1)
    return _block(text, span)


def _block(text: str, span: Span) -> Span | None:
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end
    lines = text[start:end].split("\n")
    return Span(start, end) if all(line.lstrip().startswith(">") for line in lines if line.strip()) else None


def _credits(text: str, span: Span, work: Work) -> bool:
    """Whether the work's title, one of its creators (or the last name), or its address stands in or beside the span."""
    beside = (text[max(0, span.start - _REACH) : span.start] + " " + text[span.end : span.end + _REACH]).casefold()
    return any(name.casefold() in beside for name in _names(work))


def _names(work: Work) -> Iterator[str]:
    if len(work.title) >= 3:
        yield work.title
    for creator in work.creators:
        yield creator
        last = creator.replace(",", " ").split()
        if last and len(last[-1]) >= 4:
            yield last[-1]
    if work.url:
        yield work.url


def _comment_words(text: str, span: Span, matches: Sequence[Match]) -> int:
    """Words around a quotation that are the output's own."""
    own = list(text[: span.start] + " " * len(span) + text[span.end :])
    for match in matches:
        own[match.output.start : match.output.end] = " " * len(match.output)
    return sum(1 for _ in _WORD.finditer("".join(own)))
