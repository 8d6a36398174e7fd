"""How much of each work was copied: distinct source words over all matches and the conversation. Pure.

Sums here cannot fall as text grows or as matches are added.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from indexes.model import Match, Span, Work
from policies.model import EarlierAmount, Evidence

Interval: TypeAlias = tuple[int, int]

_OPENING = {2: 8, 1: 6}
"""Words of the shortest copy that is always found, by the units of its tokens."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What was copied of one work: `words` distinct counted source words, `fresh` those that this answer alone gives.

    `share` of the work leaves out matches too short to be always found. `heart` is the share of the work's heart, None
    for a work of which nobody said what its heart is. Shares are 0 to 1.
    """

    words: int
    share: float
    heart: float | None
    fresh: int = 0


def amounts(evidence: Evidence, *, with_grounded: bool) -> dict[str, Amount]:
    """The amount of every work that some match names, by the work's id."""
    by_work: dict[str, list[Match]] = {}
    for match in evidence.matches:
        if match.counted and (with_grounded or not match.grounded):
            by_work.setdefault(match.work.id, []).append(match)
    earlier: dict[str, list[EarlierAmount]] = {}
    for each in evidence.earlier:
        earlier.setdefault(each.work, []).append(each)
    return {work: _amount(matches, earlier.get(work, ())) for work, matches in by_work.items()}


def bounded(matches: Iterable[Match]) -> Iterator[Match]:
    """The matches that limits and budgets bound: near ones only add to score and rules."""
    return (match for match in matches if match.detector != "near")


def copied_words(matches: Iterable[Match]) -> int:
    """Distinct output words that some of the matches, all of one channel, hold."""
    by_units: dict[int, list[Interval]] = {}
    for match in matches:
        for stretch in match.stretches:
            by_units.setdefault(stretch.units, []).append((stretch.output, stretch.output + stretch.tokens))
    return _measure(by_units) // 2


def earlier_amounts(turns: Iterable[Sequence[Match]]) -> tuple[EarlierAmount, ...]:
    """What the earlier answers of a conversation gave, from the matches of each; sorted by work."""
    found: dict[tuple[str, Literal[1, 2]], list[Interval]] = {}
    for matches in turns:
        for match in matches:
            for stretch in match.stretches:
                if not stretch.common:
                    place = found.setdefault((match.work.id, stretch.units), [])
                    place.append((stretch.source, stretch.source + stretch.tokens))
    return tuple(
        EarlierAmount(work, tuple(Span(low, high) for low, high in union(intervals)), units)
        for (work, units), intervals in sorted(found.items())
    )


def union(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """Sorted, disjoint intervals that cover the same numbers."""
    begin: int | None = None
    end = 0
    for low, high in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if begin is None:
            begin, end = low, high
        elif low <= end:
            end = max(end, high)
        else:
            yield begin, end
            begin, end = low, high
    if begin is not None:
        yield begin, end


def _amount(matches: Sequence[Match], earlier: Sequence[EarlierAmount]) -> Amount:
    work = matches[0].work
    fresh = _distinct_units(matches, ())
    units, of_work = fresh, fresh
    long = [match for match in matches if match.words >= _opening(match)]
    if earlier:
        most = max(stretch.units for match in matches for stretch in match.stretches)
        earlier = [each if each.units else EarlierAmount(each.work, each.source, most) for each in earlier]
        units = of_work = _distinct_units(matches, earlier)
    if len(long) < len(matches):
        of_work = _distinct_units(long, earlier)
    share = min(1.0, of_work / (2 * work.words)) if work.words else 0.0
    return Amount(units // 2, share, _heart(work, matches), fresh // 2)


def _opening(match: Match) -> int:
    """Words at which a match of this work opens: the length that is always found, half of a short work."""
    return min(_OPENING[match.stretches[0].units] if match.stretches else 8, max(1, match.work.words // 2))


def _distinct_units(matches: Sequence[Match], earlier: Sequence[EarlierAmount]) -> int:
    """Half-words of the distinct counted source tokens."""
    if len(matches) == 1 and not earlier:  # the stretches of one match never overlap
        return sum([stretch.units * stretch.tokens for stretch in matches[0].stretches if not stretch.common])
    by_units: dict[int, list[Interval]] = {}
    for match in matches:
        for stretch in match.stretches:
            if not stretch.common:
                by_units.setdefault(stretch.units, []).append((stretch.source, stretch.source + stretch.tokens))
    for each in earlier:
        by_units.setdefault(each.units or 2, []).extend((span.start, span.end) for span in each.source)
    return _measure(by_units)


def _measure(by_units: dict[int, list[Interval]]) -> int:
    return sum(units * sum(high - low for low, high in union(spans)) for units, spans in by_units.items())


def _heart(work: Work, matches: Sequence[Match]) -> float | None:
    if not work.heart:
        return None
    covered = 0
    copied = list(union((match.source.start, match.source.end) for match in matches))
    heart = list(union(work.heart))
    for low, high in heart:
        covered += sum(max(0, min(high, end) - max(low, start)) for start, end in copied)
    whole = sum(high - low for low, high in heart)
    return covered / whole if whole else None
