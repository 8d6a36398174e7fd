"""What became of a choice, told to both sides: the additive fields for the client, the record for the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from indexes.model import Span, Work
from policies.model import Mode, Use, Verdict
from proxy.choice import GuardedChoice
from proxy.ledger.record import ChoiceRecord, Excerpt
from proxy.privacy import discreet, everything
from proxy.wire import answer
from proxy.wire.splice import Additions

Excerpts: TypeAlias = Literal["none", "matched", "full"]


@dataclass(frozen=True, slots=True)
class ClientNotes:
    """Tells the client, as far as the policy lets it know."""

    stamp: answer.Stamp
    notice: answer.Notice
    knows: Callable[[Work], bool] = everything
    """Which works it may be told of."""

    def refusal(self, choice: GuardedChoice) -> str | None:
        """Why a choice was stopped, in words that a client can show; None where it is told nothing."""
        return answer.refusal(self.stamp, self._outcome(choice), self.notice)

    def additions(self, ended: Sequence[GuardedChoice]) -> Additions:
        """The fields that the chunk with which these choices end carries for the client."""
        if self.stamp.is_silent:
            return Additions()
        return answer.additions(self.stamp, [self._outcome(choice) for choice in ended])

    def _outcome(self, choice: GuardedChoice) -> answer.Outcome:
        verdict = discreet(judged(choice), choice.gate.evidence, self.knows)
        enforced = self.stamp.mode == "enforce"
        return answer.Outcome(
            choice=choice.number,
            verdict=verdict,
            action=choice.gate.applied if enforced else verdict.action,
            delivered=tuple(_delivered(choice, each.match.channel, each.match.output) for each in verdict.matches),
            filtered=choice.gate.applied.stops,
        )


def record(choice: GuardedChoice, use: Use, mode: Mode, excerpts: Excerpts) -> ChoiceRecord:
    """What the ledger keeps of a choice that ended."""
    gate = choice.gate
    return ChoiceRecord(
        choice=choice.number,
        kind="text",
        verdict=judged(choice),
        evidence=gate.evidence,
        use=use,
        mode=mode,
        applied=gate.applied,
        finish_reason=choice.finish_reason,
        delivered_chars=sum(lane.released + sum(edit.shift for edit in lane.edits) for lane in gate.lanes.values()),
        excerpts=tuple(_excerpts(choice, excerpts)),
        tries=tuple(gate.tries),
    )


def judged(choice: GuardedChoice) -> Verdict:
    """The verdict of a choice that was concluded."""
    if choice.gate.verdict is None:
        return choice.gate.conclude()
    return choice.gate.verdict


def _delivered(choice: GuardedChoice, channel: str, span: Span) -> Span | None:
    lane = choice.gate.lanes.get(channel)
    return None if lane is None else lane.delivered(span)


def _excerpts(choice: GuardedChoice, excerpts: Excerpts) -> list[Excerpt]:
    lanes = choice.gate.lanes
    match excerpts:
        case "none":
            return []
        case "full":
            return [Excerpt(lane.channel, Span(0, lane.length), lane.text) for lane in lanes.values()]
        case "matched":
            texts = {lane.channel: lane.text for lane in lanes.values() if lane.touched}
            spans = {(m.channel, m.output.start, m.output.end) for m in choice.gate.evidence.matches}
            return [Excerpt(name, Span(start, end), texts[name][start:end]) for name, start, end in sorted(spans)]
