"""A policy at work: on the channels of a request, on the conversation before it, and on a whole text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from indexes.base import TextIndex
from indexes.model import Work
from indexes.text.normalize import tokenize
from policies.amounts import earlier_amounts
from policies.engine import allowance, decide
from policies.model import Action, ChannelSize, EarlierAmount, Evidence, Use, Verdict
from policies.policy import Policy
from policies.quotation import quotations
from proxy.lane import View
from proxy.plan import Plan
from proxy.privacy import everything, shown
from proxy.register import Licensed
from proxy.retelling import Retelling
from proxy.spending import Spending
from proxy.wire.arguments import JsonText
from proxy.wire.echo import EchoText
from proxy.wire.fields import CONTENT, REASONING, REFUSAL, is_json
from proxy.wire.request import ModelRequest

_LOOK_AHEAD = 256  # tokens: asked again when they are used up, so more would only cost more to find out
_QUOTABLE = frozenset({CONTENT, REASONING, REFUSAL})


@dataclass(frozen=True, slots=True)
class PolicyJudge:
    """Judges by one policy, for one use."""

    policy: Policy
    use: Use

    def decide(self, evidence: Evidence) -> Verdict:
        """Say what the policy makes of the evidence."""
        return decide(self.policy, evidence, self.use)

    def allowance(self, evidence: Evidence, least: Action = Action.REWRITE) -> int:
        """Say how many more tokens every live match may grow before the action could become `least`."""
        return allowance(self.policy, evidence, self.use, _LOOK_AHEAD, least=least)


class Conversation:
    """What earlier answers of a conversation gave of works; they are read when a work first matches."""

    def __init__(self, index: TextIndex, turns: Sequence[str]) -> None:
        self._index = index
        self._turns = turns
        self._given: tuple[EarlierAmount, ...] | None = None

    def earlier(self, works: frozenset[str]) -> tuple[EarlierAmount, ...]:
        """What was given of these works."""
        if not self._turns:
            return ()
        if self._given is None:
            self._given = earlier_amounts(self._index.scan(turn) for turn in self._turns)
        return tuple(amount for amount in self._given if amount.work in works)


@dataclass(frozen=True, slots=True)
class Rights:
    """What the caller of a request may do: which works it may use, which it may be told of, what budgets it has."""

    licensed: Licensed = field(default_factory=lambda: Licensed(()))
    knows: Callable[[Work], bool] = everything
    spending: Spending | None = None


def plan(request: ModelRequest, index: TextIndex, judge: PolicyJudge, rights: Rights) -> Plan:
    """How the choices of one request are guarded."""
    policy = judge.policy
    quotes = request.may_rewrite and policy.rewrite.fallback == "quote"

    def view(choice: int, channel: str) -> View | None:
        json = JsonText() if is_json(channel) or (request.json_output and channel == CONTENT) else None
        echo = request.echo_before(choice) if channel == CONTENT else ""
        return EchoText(echo, json) if echo else json

    return Plan(
        scanner=lambda channel: index.scanner(channel, request.grounding),
        view=view,
        judge=judge,
        earlier=Conversation(index, request.earlier).earlier,
        enforce=policy.mode == "enforce",
        may_quote=lambda channel: quotes and channel in _QUOTABLE,
        licensed=rights.licensed,
        shown=lambda work: shown(work, rights.knows),
        asks=policy.rewrite.tries if request.may_rewrite and request.readable else 0,
        purse=rights.spending.purse if rights.spending else None,
    )


def judge_text(
    index: TextIndex,
    judge: PolicyJudge,
    text: str,
    grounding: Sequence[str] = (),
    licensed: Licensed | None = None,
    retelling: Retelling | None = None,
) -> tuple[Evidence, Verdict]:
    """Judge a whole text, to its end; the verdict is the one its stream would get if nothing stopped it.

    Works held by signatures alone are looked up too, which a scanner of a stream does not see; and, with `retelling`,
    passages in other words.
    """
    channel, use = CONTENT, licensed or Licensed(())
    matches = index.scan(text, channel, grounding) + index.near_duplicates(text, channel, grounding)
    exact = matches
    if retelling is not None:
        matches += retelling.matches(text, channel, grounding, matches)
    evidence = Evidence(
        matches=matches,
        channels=(ChannelSize(channel, tokenize(text).words, len(text)),),
        quotations=quotations(text, exact, channel),
        licensed=use.of(matches, "pass"),
        licensed_with_source=use.of(matches, "attribute"),
        closed=True,
    )
    return evidence, judge.decide(evidence)
