"""One case before the policy: what becomes of each match. Pure; built once a decision.

Order for each match: common expression, grounded, own or licensed, the first rule that fits, floor, else the stricter
of limit and score. A rule whose conditions can come to hold as text grows (`over`) can only tighten: it never takes the
place of what would be without it. So growth and further matches never soften what was said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from indexes.model import Match, Work
from policies import factors
from policies.amounts import Amount, amounts, bounded, copied_words, union
from policies.factors import Readings
from policies.matching import fits, limit_of, quantity, unit
from policies.model import Action, Evidence, FactorName, Use
from policies.policy import Limit, Policy, Rule, When

BELIEVED: Final = 0.9
"""The probability from which a passage in other words is attributed, where no rule says otherwise."""
_NO_AMOUNT: Final = Amount(0, 0.0, None)


@dataclass(frozen=True, slots=True)
class Scored:
    """A work's score at the close, without what may still change, and the factors of the former."""

    closing: float
    standing: float
    factors: dict[FactorName, float | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one match, and why.

    `weighs` says whether it counts towards its work's score, `final` whether limit and score are still to be asked.
    """

    action: Action
    reason: str
    weighs: bool = True
    final: bool = True


class Case:
    """Evidence before a policy, under one use."""

    def __init__(self, policy: Policy, evidence: Evidence, use: Use) -> None:
        self.policy = policy
        self.evidence = evidence
        self.output_words = {size.channel: size.words for size in evidence.channels}
        self._use = use
        self._use_of_rules = use if use.trusted else replace(policy.use, tenant=use.tenant)
        self._amounts = amounts(evidence, with_grounded=policy.grounded == "judge")
        self._bounded = self._amounts
        if any(match.detector == "near" for match in evidence.matches):
            exact = replace(evidence, matches=tuple(bounded(evidence.matches)))
            self._bounded = amounts(exact, with_grounded=policy.grounded == "judge")
        self._budget = dict(evidence.budget_left)
        self._standing: dict[str, Scored] = {}
        self._register = {
            **dict.fromkeys(evidence.licensed_with_source, Action.ATTRIBUTE),
            **dict.fromkeys(evidence.licensed, Action.PASS),
        }
        self._owners = [(match, judged) for match in evidence.matches if (judged := self._ours(match)) is not None]

    def reaches(self, least: Action) -> bool:
        """Whether some match gets `least` (rewrite or block), or what is stricter."""
        for match in self.evidence.matches:
            judged = self.early(match)
            if judged is not None and judged.action.severity >= least.severity:
                return True
            if judged is None or not judged.final:
                late = self.late(match, self.standing(match))
                if late.action.severity >= least.severity:
                    return True
        return False

    def early(self, match: Match) -> Judged | None:
        """What decides before limit and score; None when nothing does."""
        if match.detector == "semantic":
            return self._retold(match)
        if match.counted == 0:
            return Judged(Action.PASS, "common expression: only frequent phrases, which weigh nothing", weighs=False)
        if match.grounded and self.policy.grounded != "judge":
            action = Action.PASS if self.policy.grounded == "pass" else Action.ATTRIBUTE
            return Judged(action, "grounded: the passage stands in the request itself", weighs=False)
        if self._owners and (excused := self._excused(match)) is not None:
            return excused
        ruled = self._by_rules(self.policy.rules, match)
        if ruled is not None and ruled.final:
            return ruled
        passed = self._under_floor(match)
        return ruled if passed is None else passed if ruled is None else replace(ruled, final=True)

    def late(self, match: Match, scored: Scored) -> Judged:
        """The stricter of limit and score."""
        limit = limit_of(self.policy.limits, match.work)
        by_limit = self._over(match, limit)
        by_score = self._by_score(scored)
        if by_limit is not None and limit.over.severity >= by_score.action.severity:
            return Judged(limit.over, by_limit)
        return by_score

    def standing(self, match: Match) -> Scored:
        """The score of the match's work without what may still change."""
        work = match.work
        found = self._standing.get(work.id)
        if found is None:
            read = self._factors(work, Readings())
            score = factors.score(read, self.policy.factors)
            found = self._standing[work.id] = Scored(score, score, read)
        return found

    def scores(self, weighing: Sequence[Match]) -> dict[str, Scored]:
        """The score of every work with a match that weighs: that of its worst match at the close."""
        if not self.evidence.closed:
            return {match.work.id: self.standing(match) for match in weighing}
        by_work: dict[str, list[Match]] = {}
        for match in weighing:
            by_work.setdefault(match.work.id, []).append(match)
        copied = self._copied_shares(weighing)
        return {work: self._closing(matches, copied) for work, matches in by_work.items()}

    # -- what comes before limit and score

    def _retold(self, match: Match) -> Judged:
        """What becomes of a passage in other words: it is under no limit and has no score.

        It is attributed from `BELIEVED` on, or as a rule says; only a rule that names the detector may stop it. It
        weighs nothing, so that it neither adds to an exact match of the same place nor softens one.
        """
        if match.grounded and self.policy.grounded != "judge":
            action = Action.PASS if self.policy.grounded == "pass" else Action.ATTRIBUTE
            return Judged(action, "grounded: the passage was made from the request itself", weighs=False)
        if self._owners and (excused := self._excused(match)) is not None:
            return excused
        rules = (rule for rule in self.policy.rules if rule.when.detector or not rule.then.stops)
        if (ruled := self._by_rules(rules, match)) is not None:
            return replace(ruled, weighs=False, final=True)
        probability = match.probability or 0.0
        if probability >= BELIEVED:
            return Judged(Action.ATTRIBUTE, f"made from the work with probability {probability:.2f}", weighs=False)
        reason = f"probability {probability:.2f} of being made from the work is under {BELIEVED}"
        return Judged(Action.PASS, reason, weighs=False)

    def _ours(self, match: Match) -> Judged | None:
        """What becomes of a match of the operator's own work or of a licensed one; None for any other."""
        work = match.work
        if "own" in work.tags:
            ruled = self._by_rules((rule for rule in self.policy.rules if rule.when.own), match)
            return replace(ruled, final=True) if ruled else Judged(Action.PASS, f"own work `{work.id}`", weighs=False)
        if self._register and (action := self._register.get(work.id)) is not None:
            return Judged(action, f"licensed work `{work.id}`", weighs=False)
        return None

    def _excused(self, match: Match) -> Judged | None:
        """What becomes of a match that one of our own or licensed holds wholly; it takes that one's action."""
        for own, judged in self._owners:
            if own is match:
                return judged
        for own, judged in self._owners:
            if not judged.action.stops and _covers(own, match):
                return Judged(judged.action, f"the whole span stands in the {judged.reason}", weighs=False)
        return None

    def _by_rules(self, rules: Iterable[Rule], match: Match) -> Judged | None:
        """The first rule that fits, tightened by those before it that ask for an amount; None if none fits."""
        amount, tighter = self._amount(match), None
        for rule in rules:
            if not fits(rule.when, match, amount, self._use_of_rules):
                continue
            judged = Judged(rule.then, self._named(rule), weighs=rule.then is not Action.PASS)
            if rule.when.over is None:
                return _stricter(tighter, judged)
            tighter = _stricter(tighter, replace(judged, final=False))
        return tighter

    def _named(self, rule: Rule) -> str:
        conditions = ", ".join(key for key in When.__dataclass_fields__ if getattr(rule.when, key) is not None)
        return f"rule {self.policy.rules.index(rule) + 1} ({conditions}) says {rule.then.value}"

    def _under_floor(self, match: Match) -> Judged | None:
        kind = "code" if unit(match.work) == "lexemes" else "text"
        floor, run = self.policy.floors.get(kind, 0), quantity(match.work, match.counted)
        if run >= floor or self._amount(match).share >= 0.5:
            return None
        if self._over(match, limit_of(self.policy.limits, match.work)) is not None:
            return None
        measure = unit(match.work)
        reason = f"{run} {measure} are under floors.{kind}.{measure} {floor} and under half of the work"
        return Judged(Action.PASS, reason, weighs=False)

    # -- limit and score

    def _over(self, match: Match, limit: Limit) -> str | None:
        """Which limit a match is over, in words; None if it is over none, as near matches always are.

        Nor do words that only near matches hold count in any limit.
        """
        if match.detector == "near":
            return None
        work, amount = match.work, self._bounded.get(match.work.id, _NO_AMOUNT)
        run, total = quantity(work, match.counted), quantity(work, amount.words)
        if limit.words is not None and run > limit.words:
            return f"a run of {run} {unit(work)} is over the limit of {limit.words}"
        if limit.total is not None and total > limit.total:
            return f"{total} {unit(work)} of the work are over the limit of {limit.total} in all"
        if limit.work_share is not None and amount.share > limit.work_share:
            return f"{amount.share:.0%} of the work is over the limit of {limit.work_share:.0%}"
        left = self._budget.get(work.id) if self._budget else None
        if left is not None and amount.fresh > left:
            return (
                f"{amount.fresh} words are over the {max(0, left)} that are left of the tenant's budget for this work"
            )
        return None

    def _by_score(self, scored: Scored) -> Judged:
        thresholds = self.policy.thresholds
        if scored.standing >= thresholds.rewrite:
            action = Action.BLOCK if scored.standing >= thresholds.block else Action.REWRITE
            bound = thresholds.block if action is Action.BLOCK else thresholds.rewrite
            reason = f"standing score {scored.standing:.2f} is at or over thresholds.{action.value} {bound}"
            return Judged(action, reason)
        if scored.closing >= thresholds.attribute:
            reason = f"score {scored.closing:.2f} is at or over thresholds.attribute {thresholds.attribute}"
            return Judged(Action.ATTRIBUTE, reason)
        return Judged(Action.PASS, f"score {scored.closing:.2f} is under thresholds.attribute {thresholds.attribute}")

    def _amount(self, match: Match) -> Amount:
        return self._amounts.get(match.work.id, _NO_AMOUNT)

    def _factors(self, work: Work, readings: Readings) -> dict[FactorName, float | None]:
        copied = self._amounts.get(work.id, _NO_AMOUNT)
        return {
            "purpose": factors.purpose(self._use, readings),
            "nature": factors.nature(work),
            "amount": factors.amount(work, copied, limit_of(self.policy.limits, work), readings),
            "market": factors.market(work, copied, self._use),
        }

    def _closing(self, matches: Sequence[Match], copied: dict[str, float]) -> Scored:
        standing = self.standing(matches[0])
        shares = self._copied_shares(matches)
        quotations = self.evidence.quotations
        found = [
            self._factors(
                match.work,
                Readings(shares[match.channel], copied[match.channel], factors.quotation_of(match, quotations)),
            )
            for match in matches
        ]
        weights = self.policy.factors
        worst = max(found, key=lambda each: factors.score(each, weights))
        return Scored(factors.score(worst, weights), standing.standing, worst)

    def _copied_shares(self, matches: Sequence[Match]) -> dict[str, float]:
        """How much of each channel the matches hold."""
        by_channel: dict[str, list[Match]] = {}
        for match in matches:
            by_channel.setdefault(match.channel, []).append(match)
        shares = {}
        for channel, found in by_channel.items():
            copied = copied_words(found)
            shares[channel] = copied / max(self.output_words.get(channel, 0), copied, 1)
        return shares


def _stricter(first: Judged | None, second: Judged) -> Judged:
    """The stricter of two, the first where they are alike; final where the second is."""
    if first is None or second.action.severity > first.action.severity:
        return second
    return replace(first, final=second.final)


def _covers(own: Match, match: Match) -> bool:
    """Whether every copied word of a match is also a copied word of another; words bridged in that one are not."""
    if own.channel != match.channel:
        return False
    if not match.stretches:
        return own.output.start <= match.output.start and match.output.end <= own.output.end
    held = list(union((each.output, each.output + each.tokens) for each in own.stretches))
    return all(
        any(low <= each.output and each.output + each.tokens <= high for low, high in held) for each in match.stretches
    )
