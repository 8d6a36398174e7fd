"""Several works hold the same span: one entry for all of them. Pure."""

from collections.abc import Mapping, Sequence

from indexes.model import Match, Span, Work
from policies.case import Judged
from policies.licenses import permissiveness
from policies.model import JudgedMatch

MOST_NAMED = 10


def grouped(matches: Sequence[Match], judged: Sequence[Judged], output_words: Mapping[str, int]) -> list[JudgedMatch]:
    """An entry for each span: judged as its strictest work, the others named beside it, most permissive first.

    Among works that are judged alike the entry is that of the most permissive, then the earliest.
    """
    groups: dict[tuple[str, str, Span, bool], list[tuple[Match, Judged]]] = {}
    for match, each in zip(matches, judged, strict=True):
        groups.setdefault((match.detector, match.channel, match.output, match.grounded), []).append((match, each))
    return [_entry(group, output_words) for group in groups.values()]


def _entry(group: Sequence[tuple[Match, Judged]], output_words: Mapping[str, int]) -> JudgedMatch:
    match, judged = group[0] if len(group) == 1 else min(group, key=_place)
    works = sorted({each.work.id: each.work for each, _ in group}.values(), key=_precedence)
    return JudgedMatch(
        match=match,
        action=judged.action,
        weight=1.0 if judged.weighs else 0.0,
        output_share=min(1.0, match.words / max(1, output_words.get(match.channel, 0), match.words)),
        source_share=min(1.0, match.words / match.work.words) if match.work.words else 0.0,
        reason=judged.reason,
        also=tuple(work for work in works if work.id != match.work.id)[:MOST_NAMED],
        works_count=len(works),
    )


def _place(each: tuple[Match, Judged]) -> tuple[int, bool, int, int, str]:
    match, judged = each
    return -judged.action.severity, not judged.weighs, *_precedence(match.work)


def _precedence(work: Work) -> tuple[int, int, str]:
    return permissiveness(work.license), 1 << 20 if work.year is None else work.year, work.id
