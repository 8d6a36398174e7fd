"""Works that are private to tenants: who may know of them, and what others are told in their place. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from indexes.model import Match, Work
from policies.model import Evidence, JudgedMatch, Verdict

UNNAMED: Final = "a protected work"


@dataclass(frozen=True, slots=True)
class Reader:
    """A tenant as one to whom works may be private, by its own name or by the corpora it is part of."""

    names: frozenset[str]

    def knows(self, work: Work) -> bool:
        """Whether the work may be named to it."""
        return not work.private_to or not self.names.isdisjoint(work.private_to)


def everything(_work: Work) -> bool:
    """Whoever may know of every work."""
    return True


def shown(work: Work, knows: Callable[[Work], bool]) -> Work:
    """The work as it may be told: one that may not be named is a stranger of the same kind, without id."""
    return work if knows(work) else Work(id="", title=UNNAMED, kind=work.kind)


def discreet(verdict: Verdict, evidence: Evidence, knows: Callable[[Work], bool]) -> Verdict:
    """The verdict as it may be told: no work stands in it, or in its counts, that may not be named.

    Where the place belongs to such a work, it stays, without the work; others that hold it stand beside it.
    """
    hidden = [match.work for match in evidence.matches if not knows(match.work)]
    if not hidden:
        return verdict
    ids = {work.id for work in hidden}
    return replace(
        verdict,
        matches=tuple(_told(judged, evidence, knows) for judged in verdict.matches),
        reasons=tuple(dict.fromkeys(_silenced(reason, ids) for reason in verdict.reasons)),
    )


def _told(judged: JudgedMatch, evidence: Evidence, knows: Callable[[Work], bool]) -> JudgedMatch:
    match = judged.match
    named = {each.work.id for each in evidence.matches if _same_place(each, match) and knows(each.work)}
    return replace(
        judged,
        match=replace(match, work=shown(match.work, knows)),
        also=tuple(work for work in judged.also if knows(work)),
        works_count=len(named) + (not knows(match.work)),
        reason=_silenced(judged.reason, {each.work.id for each in evidence.matches if not knows(each.work)}),
    )


def _same_place(one: Match, other: Match) -> bool:
    return (one.detector, one.channel, one.output, one.grounded) == (
        other.detector,
        other.channel,
        other.output,
        other.grounded,
    )


def _silenced(reason: str, ids: set[str]) -> str:
    for each in ids:
        reason = reason.replace(f"`{each}`", UNNAMED)
    return reason
