"""What a choice needs to be guarded; picked once a request, by which its gates then go."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from indexes.base import Scanner
from indexes.model import Work
from policies.model import Action, EarlierAmount, Evidence, Verdict
from policies.policy import Hold
from proxy.budget import Purse
from proxy.lane import View
from proxy.register import Licensed


class Judge(Protocol):
    """A policy and a use, ready to judge; pure."""

    def decide(self, evidence: Evidence) -> Verdict:
        """Say what the policy makes of the evidence."""

    def allowance(self, evidence: Evidence, least: Action = Action.REWRITE) -> int:
        """Say how many more tokens every live match may grow before the action could become `least`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one choice needs to be guarded: how to read a channel, how to judge, and what may be done about it.

    `earlier` says what earlier answers of the conversation gave of some works. `may_quote` says whether a channel may
    be shortened to a quotation; where it may not, rewrite becomes block. `asks` says how often the choice may be asked
    for again before that, to go on in other words. `purse` makes that of a choice, where there are budgets. `shown`
    is a work as the client may be told of it. `hold` says how far slow detectors must have looked before text leaves;
    None where there are none.
    """

    scanner: Callable[[str], Scanner]
    view: Callable[[int, str], View | None]
    judge: Judge
    earlier: Callable[[frozenset[str]], tuple[EarlierAmount, ...]]
    enforce: bool
    may_quote: Callable[[str], bool]
    licensed: Licensed = field(default_factory=lambda: Licensed(()))
    shown: Callable[[Work], Work] = lambda work: work
    asks: int = 0
    purse: Callable[[], Purse] | None = None
    hold: Hold | None = None
