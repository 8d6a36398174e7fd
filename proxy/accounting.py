"""What an answer comes to in the metrics once it is over: time by stage, and tokens that no client received."""

import time
from dataclasses import dataclass

from policies.model import Action, Evidence, Verdict
from proxy.guard import AnswerGuard
from proxy.lane import Lane
from proxy.metrics import Metrics
from proxy.plan import Judge


@dataclass(slots=True)
class TimedJudge:
    """A judge whose time is taken; it is asked where a copy began or grew, so clean text costs no clock."""

    judge: Judge
    seconds: float = 0.0

    def decide(self, evidence: Evidence) -> Verdict:
        """Say what the policy makes of the evidence."""
        began = time.perf_counter()
        try:
            return self.judge.decide(evidence)
        finally:
            self.seconds += time.perf_counter() - began

    def allowance(self, evidence: Evidence, least: Action = Action.REWRITE) -> int:
        """Say how many more tokens every live match may grow before the action could become `least`."""
        began = time.perf_counter()
        try:
            return self.judge.allowance(evidence, least)
        finally:
            self.seconds += time.perf_counter() - began


@dataclass(slots=True)
class Times:
    """Seconds that one answer took of us: `reading` it (judging included), `judging`, and waiting for the `ledger`."""

    reading: float = 0.0
    ledger: float = 0.0
    judge: TimedJudge | None = None

    def tell(self, metrics: Metrics) -> None:
        """Count each as a stage of the request."""
        judging = self.judge.seconds if self.judge else 0.0
        metrics.stage_took("verbatim", max(0.0, self.reading - judging))
        metrics.stage_took("policy", judging)
        metrics.stage_took("ledger", self.ledger)


def filtered_tokens(guard: AnswerGuard, prompt_chars: int) -> int:
    """About how many tokens were generated, as far as they were read, and did not leave: that share of all tokens."""
    lanes = [lane for choice in guard.choices for lane in choice.gate.lanes.values()]
    generated = sum(lane.length + lane.forgotten for lane in lanes)
    withheld = generated - sum(map(_left, lanes))
    if withheld <= 0:
        return 0
    return max(1, round(guard.spent(prompt_chars).completion * withheld / generated))


def _left(lane: Lane) -> int:
    """Code points of the text as generated that the client received."""
    return lane.released - sum(edit.resume - edit.cut for edit in lane.edits)
