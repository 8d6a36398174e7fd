"""The verdict: a pure function of evidence, use and policy. No clock, no I/O; the same record, the same verdict.

The verdict is the strictest over matches; the score is the highest over works. `case` says what becomes of a match.
"""

from collections.abc import Callable, Sequence

from policies import factors
from policies.case import Case, Judged, Scored
from policies.grouping import grouped
from policies.growth import grown
from policies.matching import limit_of, quantity
from policies.model import Action, Evidence, Use, Verdict
from policies.policy import Policy


def decide(policy: Policy, evidence: Evidence, use: Use) -> Verdict:
    """Judge one choice."""
    case = Case(policy, evidence, use)
    matches = evidence.matches
    early = [case.early(match) for match in matches]
    weighing = [
        match for match, each in zip(matches, early, strict=True) if each is None or each.weighs or not each.final
    ]
    scores = case.scores(weighing)
    judged = [
        each if each is not None and each.final else _joined(each, case.late(match, scores[match.work.id]))
        for match, each in zip(matches, early, strict=True)
    ]
    action = max((each.action for each in judged), key=lambda each: each.severity, default=Action.PASS)
    top = max(scores.values(), key=lambda each: each.closing, default=Scored(0.0, 0.0, {}))
    return Verdict(
        action=action,
        score=top.closing,
        standing_score=max((each.standing for each in scores.values()), default=0.0),
        factors={name: factors.NEUTRAL if value is None else value for name, value in top.factors.items()},
        unknown=tuple(name for name, value in top.factors.items() if value is None),
        matches=tuple(grouped(matches, judged, case.output_words)),
        reasons=_reasons(judged, action),
        policy=policy.label,
    )


def allowance(policy: Policy, evidence: Evidence, use: Use, cap: int = 4096, *, least: Action = Action.REWRITE) -> int:
    """How many more tokens every live match may grow before the action could become `least`, at most `cap`.

    A safe bound: see `growth` for what growth is taken to be. It is the largest such number for that growth.
    """

    def stops(more: int) -> bool:
        return Case(policy, grown(evidence, more), use).reaches(least)

    return _largest(stops, _headroom(policy, evidence), cap)


def _largest(stops: Callable[[int], bool], guess: int, cap: int) -> int:
    """The largest number up to `cap` that does not stop; 0 if all do. `guess` is where the edge is likely."""
    good, bad = 0, cap
    if 0 <= guess < cap and stops(guess + 1):
        if guess == 0 or not stops(guess):
            return guess
        bad = guess
    elif not stops(cap):
        return cap
    elif 0 < guess < cap:
        good = guess + 1
    if good == 0 and stops(0):
        return 0
    return _last(stops, good, bad)


def _headroom(policy: Policy, evidence: Evidence) -> int:
    """Tokens that some live match has left until its run is over its limit: where a stop is likely."""
    left = [1 << 30]
    for match in evidence.matches:
        limit = limit_of(policy.limits, match.work)
        if match.live and limit.words is not None:
            at = 0 if match.grounded else match.counted
            allowed = limit.words if quantity(match.work, 2) == 2 else limit.words * 2 // 5
            left.append(max(0, allowed - at))
    return min(left)


def _last(stops: Callable[[int], bool], good: int, bad: int) -> int:
    """The last number that does not stop, between one that does not and one that does."""
    while bad - good > 1:
        middle = (good + bad) // 2
        if stops(middle):
            bad = middle
        else:
            good = middle
    return good


def _joined(ruled: Judged | None, judged: Judged) -> Judged:
    return ruled if ruled is not None and ruled.action.severity > judged.action.severity else judged


def _reasons(judged: Sequence[Judged], action: Action) -> tuple[str, ...]:
    """Why the verdict is what it is: the reasons of the matches that have its action, each once."""
    return tuple(dict.fromkeys(each.reason for each in judged if each.action is action))
