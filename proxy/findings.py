"""What was found in one choice and what it comes to: matches of its channels, those cut off, rulings. Sans-I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from indexes.model import Match, Span, Work
from policies.model import Action, ChannelSize, Evidence, Quotation, Verdict
from policies.quotation import quotations
from proxy.budget import Purse
from proxy.lane import Lane, passage
from proxy.plan import Plan

MatchKey: TypeAlias = tuple[str, str, str, int, int, bool]
Offender: TypeAlias = tuple[Match, Action]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What comes of judging: how many tokens live matches may grow unjudged, or what may not go on beyond `cut`."""

    allowance: int = 0
    offenders: tuple[Offender, ...] = ()
    cut: int = 0

    @property
    def matches(self) -> list[Match]:
        """The matches that may not go on."""
        return [match for match, _ in self.offenders]

    @property
    def only_rewrites(self) -> bool:
        """Whether other words would do for each of them."""
        return all(action is Action.REWRITE for _, action in self.offenders)

    def blocks(self, lane: Lane) -> bool:
        """Whether no other words on this channel would do."""
        return not self.only_rewrites or any(match.channel != lane.channel for match, _ in self.offenders)


class Findings:
    """What is held against one choice; `lanes` are its channels, which others feed."""

    def __init__(self, plan: Plan, lanes: Mapping[str, Lane], purse: Purse | None) -> None:
        self._plan = plan
        self._lanes = lanes
        self.purse = purse
        self._known: frozenset[MatchKey] = frozenset()
        self._cut_off: dict[MatchKey, Match] = {}
        self._left: list[Match] = []

    @property
    def opened(self) -> int:
        """How many matches there are in all channels; quicker than to ask for them."""
        return sum([lane.scanner.opened for lane in self._lanes.values()])

    @property
    def copied(self) -> Work:
        """The work that was copied where the choice was cut off last."""
        return list(self._cut_off.values())[-1].work

    @property
    def changed(self) -> bool:
        """Whether anything was left out, or told in other words."""
        return bool(self._cut_off) or any(lane.edits for lane in self._lanes.values())

    def matches(self) -> list[Match]:
        """The matches as they stand."""
        return [match for lane in self._lanes.values() for match in lane.matches()]

    def spent(self) -> list[Match]:
        """What counts for budgets: of copies that were cut off, what had left."""
        return [*self._left, *self.matches()]

    def evidence(self) -> Evidence:
        """What is to be judged now."""
        return self._gather(self.matches())

    def concluded(self) -> Evidence:
        """What is to be judged now that the text is complete."""
        found = tuple(
            quotation
            for lane in self._lanes.values()
            if lane.touched
            for quotation in quotations(lane.text, lane.matches(), lane.channel)
        )
        return self._gather(self._with_cut_off(self.matches()), found, closed=True)

    def know(self) -> None:
        """Take the matches there are for known: one that opens is told from them."""
        self._known = frozenset(_key(match) for match in self.matches())

    def rule(self, lane: Lane, *, opened: bool, spared: bool) -> Ruling:
        """Judge at the last finished token of `lane`, at which a match opened or grew; `spared`: within the allowance.

        Where a match opened at the token at which the verdict stops, delivery ends after that token, since nothing was
        known against it before; but before it, when what was known already stops.
        """
        matches, known, judge = self.matches(), self._known, self._plan.judge
        evidence = self._gather(matches)
        if opened and not self.changed and (allowance := judge.allowance(evidence)) > 0:
            self._known = frozenset(map(_key, matches))
            return Ruling(allowance)  # so nothing stops yet
        verdict = judge.decide(evidence)
        offenders = self._offenders(lane, verdict)
        if not offenders:
            self._known = frozenset(map(_key, matches))
            return Ruling(0 if verdict.action.stops else judge.allowance(evidence))
        older = [match for match in matches if _key(match) in known]
        after = opened and (spared or not self.against(lane, self._gather(older)).offenders)
        cut = lane.token_end(1 if after else 2)
        if self.purse is not None:
            cut = max(lane.released, min(cut, lane.end_before(self.purse.within(self.spent(), lane.channel))))
        return Ruling(0, offenders, cut)

    def against(self, lane: Lane, evidence: Evidence) -> Ruling:
        """What may not go on for this evidence, and must therefore end where delivery does."""
        return Ruling(0, self._offenders(lane, self._plan.judge.decide(evidence)), lane.released)

    def late(self, lane: Lane, found: Sequence[Match]) -> Ruling:
        """Judge what slow detectors have `found` in `lane` after the fact: what left is not taken back."""
        evidence, judge = self.evidence(), self._plan.judge
        verdict = judge.decide(evidence)
        offenders = tuple(
            (judged.match, judged.action)
            for judged in verdict.matches
            if judged.match in found
            and judged.match.output.end > lane.resumed
            and (judged.action is Action.BLOCK or (judged.action.stops and judged.match.output.end > lane.released))
        )
        if not offenders:
            return Ruling(0 if verdict.action.stops else judge.allowance(evidence))
        return Ruling(0, offenders, max(lane.released, min(match.output.start for match, _ in offenders)))

    def cut_off(self, lane: Lane, matches: Sequence[Match]) -> None:
        """Remember what each copy has grown to as delivery of `lane` ends there, for the verdict to rest on."""
        if self.purse:
            self._left += [lane.reached_part(match) for match in lane.matches()]
        for match in matches:
            end = max(match.output.start, min(match.output.end, lane.released))
            cut_off = replace(match, output=Span(match.output.start, end), live=False)
            known = self._cut_off.get(_key(match))
            if known is None or known.counted < match.counted:
                self._cut_off.pop(_key(match), None)
                self._cut_off[_key(match)] = cut_off

    def cut_off_at_end(self, lane: Lane) -> Match | None:
        """The copy that was cut off where the text of a channel now ends; None if none was."""
        return next((match for match in self._cut_off.values() if match.output.end == lane.length), None)

    def _offenders(self, lane: Lane, verdict: Verdict) -> tuple[Offender, ...]:
        """Matches that may not go on, but for those that are left out already, here or in another channel."""
        return tuple(
            (judged.match, judged.action)
            for judged in verdict.matches
            if judged.action.stops and not self._is_left_out(lane, judged.match, judged.action)
        )

    def _is_left_out(self, lane: Lane, match: Match, action: Action) -> bool:
        own = self._lanes[match.channel]
        elided_elsewhere = own is not lane and passage(match) in own.eliding
        left_out = match.output.end <= own.resumed or (elided_elsewhere and action is Action.REWRITE)
        return left_out or match in own.late  # which was judged when it came

    def _with_cut_off(self, matches: Sequence[Match]) -> list[Match]:
        """The matches, each as it was when it was cut off unless it grew beyond that later, and those cut off whole."""
        cut_off = dict(self._cut_off)
        found = []
        for match in matches:
            then = cut_off.pop(_key(match), match)
            found.append(then if then.counted > match.counted else match)
        return [*found, *cut_off.values()]

    def _gather(
        self, matches: Sequence[Match], quotations_found: tuple[Quotation, ...] = (), *, closed: bool = False
    ) -> Evidence:
        works = frozenset(match.work.id for match in matches)
        evidence = Evidence(
            matches=tuple(matches),
            channels=tuple(ChannelSize(lane.channel, lane.scanner.words, lane.length) for lane in self._lanes.values()),
            quotations=quotations_found,
            earlier=self._plan.earlier(works) if works else (),
            licensed=self._plan.licensed.of(matches, "pass"),
            licensed_with_source=self._plan.licensed.of(matches, "attribute"),
            closed=closed,
        )
        if self.purse is None:
            return evidence
        return replace(evidence, budget_left=self.purse.left(evidence, self.spent()))


def _key(match: Match) -> MatchKey:
    """What tells a match from others of its choice, however it grows."""
    return (match.channel, match.detector, match.work.id, match.output.start, match.source.start, match.grounded)
