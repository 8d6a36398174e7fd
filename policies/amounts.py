"""How much of each work was copied: distinct source words over all matches and the conversation. Pure.

Sums here cannot fall as text grows or as matches are added.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from indexes.model import Match, Work
from policies.model import Evidence


@dataclass(frozen=True, slots=True)
class Amount:
    """What was copied of one work: `words` distinct counted source words, `share` of the work, `heart` of its heart.

    `heart` is None for a work of which nobody said what its heart is. Shares are 0 to 1.
    """

    words: int
    share: float
    heart: float | None


def amounts(evidence: Evidence, *, with_grounded: bool) -> dict[str, Amount]:
    """The amount of every work that some match names, by the work's id."""
    earlier = {each.work: each.source for each in evidence.earlier}
    by_work: dict[str, list[Match]] = {}
    for match in evidence.matches:
        if with_grounded or not match.grounded:
            by_work.setdefault(match.work.id, []).append(match)
    found = {}
    for work_id, matches in by_work.items():
        work = matches[0].work
        before = [(span.start, span.end) for span in earlier.get(work_id, ())]
        words = _distinct_units(matches, before) // 2
        found[work_id] = Amount(words, min(1.0, words / work.words) if work.words else 0.0, _heart(work, matches))
    return found


def union(intervals: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
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


def _distinct_units(matches: Sequence[Match], before: Sequence[tuple[int, int]]) -> int:
    """Half-words of the distinct counted source tokens; those of earlier answers take the units of this one."""
    by_units: dict[int, list[tuple[int, int]]] = {}
    for match in matches:
        for stretch in match.stretches:
            if not stretch.common:
                by_units.setdefault(stretch.units, []).append((stretch.source, stretch.source + stretch.tokens))
    if before:
        by_units.setdefault(max(by_units, default=2), []).extend(before)
    return sum(units * sum(high - low for low, high in union(spans)) for units, spans in by_units.items())


def _heart(work: Work, matches: Sequence[Match]) -> float | None:
    if not work.heart:
        return None
    covered = 0
    copied = list(union((match.source.start, match.source.end) for match in matches))
    for low, high in union(work.heart):
        covered += sum(max(0, min(high, end) - max(low, start)) for start, end in copied)
    return covered / sum(high - low for low, high in union(work.heart))
