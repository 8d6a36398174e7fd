"""What evidence may become while text still grows: never less than it will be. Pure.

The worst that some more tokens can do: every live match grows by them, all counted and all new to its work, whatever
else was copied of it; the last common words turn out not to be common; the rest of the heart is among them; a work of
the operator's own stops holding the same span; and the text of the request ends, so that what it grounds grows on
ungrounded. A near match grows by some tokens at once, the last ones of which it may hold all.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from indexes.model import NEAR_REACH, Match, Span, Stretch
from policies.model import Evidence

Line: TypeAlias = tuple[str, str, int]
"""Channel, work and diagonal of a run."""

_FAR: Final = 1 << 40
"""Beyond every token number: what grows here overlaps nothing."""
_REACH: Final = 9
"""A gram that ends at the next token holds so many before it at most."""


def grown(evidence: Evidence, more: int) -> Evidence:
    """The worst that `more` further tokens can make of the evidence; itself for none."""
    if more == 0:
        return evidence
    fronts = {_line(match): _end(match) for match in evidence.matches if match.live and _follows(match)}
    matches: list[Match] = []
    for number, match in enumerate(evidence.matches, 1):
        front = fronts.get(_line(match)) if _follows(match) else None
        settled = match if front is None else _counted_from(match, front - _REACH)
        by = more + NEAR_REACH if match.detector == "near" else more
        matches.extend(_further(settled, by, number * _FAR) if match.live else (settled,))
    return replace(evidence, matches=tuple(matches))


def _further(match: Match, more: int, place: int) -> Iterator[Match]:
    stretch = Stretch(place, place, more)
    end = max([match.source.end, *(high for _, high in match.work.heart)])
    source = Span(match.source.start, end)
    yield replace(
        match,
        stretches=(*match.stretches, stretch),
        words=match.words + more,
        counted=match.counted + more,
        span_words=match.span_words + more,
        source=source,
    )
    if match.grounded:
        beyond = Stretch(place + more, place + more, more)
        yield replace(
            match, grounded=False, stretches=(beyond,), words=more, counted=more, span_words=more, source=source
        )


def _counted_from(match: Match, first: int) -> Match:
    """The match with none of its tokens from `first` on common."""
    if not any(stretch.common and stretch.output + stretch.tokens > first for stretch in match.stretches):
        return match
    stretches = [part for stretch in match.stretches for part in _parted(stretch, first)]
    units = sum(stretch.units * stretch.tokens for stretch in stretches if not stretch.common)
    return replace(match, stretches=tuple(stretches), counted=max(match.counted, units // 2))


def _parted(stretch: Stretch, first: int) -> Iterator[Stretch]:
    before = min(max(0, first - stretch.output), stretch.tokens) if stretch.common else 0
    if before:
        yield replace(stretch, tokens=before)
    if before < stretch.tokens:
        yield replace(
            stretch,
            output=stretch.output + before,
            source=stretch.source + before,
            tokens=stretch.tokens - before,
            common=False,
        )


def _follows(match: Match) -> bool:
    """Whether a match runs along one diagonal, and its last common words may turn out not to be common."""
    return bool(match.stretches) and match.detector != "near"


def _line(match: Match) -> Line:
    last = match.stretches[-1] if match.stretches else Stretch(0, 0, 0)
    return match.channel, match.work.id, last.output - last.source


def _end(match: Match) -> int:
    last = match.stretches[-1]
    return last.output + last.tokens
