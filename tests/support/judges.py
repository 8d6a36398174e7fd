"""Simple judges for tests of the gate: a limit on a run of words, decided as a policy would."""

from dataclasses import dataclass

from policies.growth import grown
from policies.model import Action, Evidence, JudgedMatch, Verdict


@dataclass(frozen=True)
class LimitJudge:
    """A match of more than `words` counted words gets `over`; one of more than `block_at` words is blocked."""

    words: int = 12
    over: Action = Action.BLOCK
    block_at: int = 1 << 20

    def decide(self, evidence: Evidence) -> Verdict:
        judged = tuple(
            JudgedMatch(match, self._action(match.counted, grounded=match.grounded), 1.0, 0.0, 0.0, "test")
            for match in evidence.matches
        )
        action = max((each.action for each in judged), key=lambda a: a.severity, default=Action.PASS)
        return Verdict(action, 0.0, 0.0, {}, (), judged, ())

    def allowance(self, evidence: Evidence, least: Action = Action.REWRITE) -> int:
        for more in range(self.words + 2):
            if self.decide(grown(evidence, more)).action.severity >= least.severity:
                return max(0, more - 1)
        return self.words

    def _action(self, counted: int, *, grounded: bool) -> Action:
        if grounded or counted <= self.words:
            return Action.ATTRIBUTE if counted else Action.PASS
        return Action.BLOCK if counted > self.block_at else self.over
