"""The verdict: a pure function of evidence, use and policy. No clock, no I/O; the same record, the same verdict.

Order for each match: common expression, grounded, own or licensed, the first rule that fits, floor, else the stricter
of limit and score. The verdict is the strictest over matches; the score is the highest over works.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from indexes.model import Match, Span, Stretch, Work
from policies import factors
from policies.amounts import Amount, amounts
from policies.factors import Readings
from policies.licenses import permissiveness
from policies.matching import fits, limit_of
from policies.model import Action, Evidence, FactorName, JudgedMatch, Use, Verdict
from policies.policy import Limit, Policy

MOST_NAMED = 10
_LONGEST_WORD = 64
_NO_AMOUNT = Amount(0, 0.0, None)


@dataclass(frozen=True, slots=True)
class Scored:
    """A work's score at the close, without what may still change, and the factors of the former."""

    closing: float
    standing: float
    factors: dict[FactorName, float | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one match, and why; `weighs` says whether it counts towards its work's score."""

    action: Action
    reason: str
    weighs: bool = True


def decide(policy: Policy, evidence: Evidence, use: Use) -> Verdict:
    """Judge one choice."""
    return _Case(policy, evidence, use).verdict()


def allowance(policy: Policy, evidence: Evidence, use: Use, cap: int = 4096) -> int:
    """How many more tokens every live match may grow before the action could become rewrite or block, at most `cap`.

    A safe bound: growth is taken to be counted words that follow on in the source, and a live grounded match is taken
    to run on beyond the text of the request.
    """

    def stops(more: int) -> bool:
        return decide(policy, _grown(evidence, more), use).action.stops

    if stops(0):
        return 0
    good, bad = 0, 1
    while not stops(bad):
        good, bad = bad, bad * 2
        if good >= cap:
            return cap
    while bad - good > 1:
        middle = (good + bad) // 2
        if stops(middle):
            bad = middle
        else:
            good = middle
    return min(good, cap)


class _Case:
    """One call of `decide`: amounts and scores are worked out once and read for every match."""

    def __init__(self, policy: Policy, evidence: Evidence, use: Use) -> None:
        self.policy = policy
        self.evidence = evidence
        self.use = use
        self.judges_grounded = policy.grounded == "judge"
        self.amounts = amounts(evidence, with_grounded=self.judges_grounded)
        self.output_words = {size.channel: size.words for size in evidence.channels}
        self.excused = self._excused()

    def verdict(self) -> Verdict:
        early = [self._early(match) for match in self.evidence.matches]
        scores = self._scores(early)
        judged = [
            self._late(match, scores[match.work.id]) if early_one is None else early_one
            for match, early_one in zip(self.evidence.matches, early, strict=True)
        ]
        action = max((each.action for each in judged), key=lambda each: each.severity, default=Action.PASS)
        top = max(scores.values(), key=lambda each: each.closing, default=Scored(0.0, 0.0, {}))
        return Verdict(
            action=action,
            score=top.closing,
            standing_score=max((each.standing for each in scores.values()), default=0.0),
            factors={name: factors.NEUTRAL if value is None else value for name, value in top.factors.items()},
            unknown=tuple(name for name, value in top.factors.items() if value is None),
            matches=tuple(self._grouped(judged)),
            reasons=_reasons(judged, action),
            policy=self.policy.label,
        )

    # -- one match

    def _early(self, match: Match) -> Judged | None:
        """What decides before limit and score; None when nothing does."""
        if match.counted == 0:
            return Judged(
                Action.PASS, "common expression: every gram of it is frequent, so it weighs nothing", weighs=False
            )
        if match.grounded and not self.judges_grounded:
            action = Action.PASS if self.policy.grounded == "pass" else Action.ATTRIBUTE
            return Judged(action, "grounded: the passage stands in the request itself", weighs=False)
        if (why := self.excused.get((match.channel, match.output))) is not None:
            return Judged(Action.PASS, why, weighs=False)
        amount = self._amount(match)
        for number, rule in enumerate(self.policy.rules, 1):
            if fits(rule.when, match, amount, self.use):
                return Judged(rule.then, f"rule {number} fits: {rule.then.value}", weighs=rule.then is not Action.PASS)
        limit, floor = limit_of(self.policy.limits, match.work), self._floor(match)
        if match.counted < floor and amount.share < 0.5 and _over(match, amount, limit) is None:
            reason = f"{match.counted} words are under floors.text.words {floor} and under half of the work"
            return Judged(Action.PASS, reason, weighs=False)
        return None

    def _late(self, match: Match, scored: Scored) -> Judged:
        """The stricter of limit and score."""
        limit = limit_of(self.policy.limits, match.work)
        by_limit = _over(match, self._amount(match), limit)
        by_score = self._by_score(scored)
        if by_limit is not None and limit.over.severity >= by_score.action.severity:
            return Judged(limit.over, by_limit)
        return by_score

    def _by_score(self, scored: Scored) -> Judged:
        thresholds = self.policy.thresholds
        if scored.standing >= thresholds.block:
            return Judged(
                Action.BLOCK, f"standing score {scored.standing:.2f} is at or over thresholds.block {thresholds.block}"
            )
        if scored.standing >= thresholds.rewrite:
            return Judged(
                Action.REWRITE,
                f"standing score {scored.standing:.2f} is at or over thresholds.rewrite {thresholds.rewrite}",
            )
        if scored.closing >= thresholds.attribute:
            return Judged(
                Action.ATTRIBUTE,
                f"score {scored.closing:.2f} is at or over thresholds.attribute {thresholds.attribute}",
            )
        return Judged(Action.PASS, f"score {scored.closing:.2f} is under thresholds.attribute {thresholds.attribute}")

    def _floor(self, match: Match) -> int:
        return self.policy.floors.get("code" if match.work.kind == "code" else "text", 0)

    def _amount(self, match: Match) -> Amount:
        return self.amounts.get(match.work.id, _NO_AMOUNT)

    # -- works

    def _scores(self, early: Sequence[Judged | None]) -> dict[str, Scored]:
        """The score of every work with a match that weighs: its worst match at the close."""
        weighing: dict[str, list[Match]] = {}
        for match, judged in zip(self.evidence.matches, early, strict=True):
            if judged is None or judged.weighs:
                weighing.setdefault(match.work.id, []).append(match)
        return {work: self._score(matches) for work, matches in weighing.items()}

    def _score(self, matches: Sequence[Match]) -> Scored:
        work, copied = matches[0].work, self._amount(matches[0])
        standing = self._factors(work, copied, Readings())
        closing = standing
        if self.evidence.closed:
            found = [self._factors(work, copied, self._readings(match, matches)) for match in matches]
            closing = max(found, key=lambda each: factors.score(each, self.policy.factors))
        weights = self.policy.factors
        return Scored(factors.score(closing, weights), factors.score(standing, weights), closing)

    def _factors(self, work: Work, copied: Amount, readings: Readings) -> dict[FactorName, float | None]:
        return {
            "purpose": factors.purpose(self.use, readings),
            "nature": factors.nature(work),
            "amount": factors.amount(copied, limit_of(self.policy.limits, work), readings),
            "market": factors.market(work, copied),
        }

    def _readings(self, match: Match, matches: Sequence[Match]) -> Readings:
        copied = sum(each.words for each in matches if each.channel == match.channel)
        words = max(self.output_words.get(match.channel, 0), copied, 1)
        return Readings(copied / words, factors.quotation_of(match, self.evidence.quotations))

    def _excused(self) -> dict[tuple[str, Span], str]:
        """Spans that are wholly covered by a match of the operator's own or a licensed work, and why they pass."""
        licensed = frozenset(self.evidence.licensed)
        ours = [
            (match, "own work" if "own" in match.work.tags else "licensed work")
            for match in self.evidence.matches
            if "own" in match.work.tags or match.work.id in licensed
        ]
        if not ours:
            return {}
        return {
            (match.channel, match.output): f"the whole span stands in the {kind} `{own.work.id}`"
            for match in self.evidence.matches
            for own, kind in ours
            if own.channel == match.channel
            and own.output.start <= match.output.start
            and match.output.end <= own.output.end
        }

    def _grouped(self, judged: Sequence[Judged]) -> list[JudgedMatch]:
        """One entry for all works that hold the same span: judged as the strictest, the most permissive named first."""
        groups: dict[tuple[str, str, Span, bool], list[tuple[Match, Judged]]] = {}
        for match, each in zip(self.evidence.matches, judged, strict=True):
            groups.setdefault((match.detector, match.channel, match.output, match.grounded), []).append((match, each))
        return [self._entry(group) for group in groups.values()]

    def _entry(self, group: Sequence[tuple[Match, Judged]]) -> JudgedMatch:
        match, judged = max(group, key=lambda each: (each[1].action.severity, each[0].counted))
        works = sorted(
            {each.work.id: each.work for each, _ in group}.values(),
            key=lambda work: (permissiveness(work.license), work.year if work.year is not None else 1 << 20),
        )
        return JudgedMatch(
            match=match,
            action=judged.action,
            weight=1.0 if judged.weighs else 0.0,
            output_share=min(1.0, match.words / max(1, self.output_words.get(match.channel, 0), match.words)),
            source_share=min(1.0, match.words / match.work.words) if match.work.words else 0.0,
            reason=judged.reason,
            also=tuple(work for work in works if work.id != match.work.id)[:MOST_NAMED],
            works_count=len(works),
        )


def _over(match: Match, amount: Amount, limit: Limit) -> str | None:
    """Which limit a match is over, in words; None if it is over none."""
    unit = "lexemes" if match.work.kind == "code" else "words"
    if limit.words is not None and match.counted > limit.words:
        return f"a run of {match.counted} {unit} is over the limit of {limit.words}"
    if limit.total is not None and amount.words > limit.total:
        return f"{amount.words} {unit} of the work are over the limit of {limit.total} in all"
    if limit.work_share is not None and amount.share > limit.work_share:
        return f"{amount.share:.0%} of the work is over the limit of {limit.work_share:.0%}"
    return None


def _reasons(judged: Sequence[Judged], action: Action) -> tuple[str, ...]:
    """Why the verdict is what it is: the reasons of the matches that have its action, each once."""
    return tuple(dict.fromkeys(each.reason for each in judged if each.action is action))


def _grown(evidence: Evidence, more: int) -> Evidence:
    """Every live match with `more` further words in a row."""
    if more == 0:
        return evidence
    matches: list[Match] = []
    for match in evidence.matches:
        if match.live and match.grounded:
            matches.append(replace(match, live=False))
            matches.append(
                _extended(replace(match, grounded=False, words=0, counted=0, stretches=match.stretches[-1:]), more)
            )
        else:
            matches.append(_extended(match, more) if match.live else match)
    return replace(evidence, matches=tuple(matches))


def _extended(match: Match, more: int) -> Match:
    last = match.stretches[-1]
    return replace(
        match,
        stretches=(*match.stretches, Stretch(last.output + last.tokens, last.source + last.tokens, more)),
        words=match.words + more,
        counted=match.counted + more,
        span_words=match.span_words + more,
        source=Span(match.source.start, match.source.end + more * _LONGEST_WORD),
    )
