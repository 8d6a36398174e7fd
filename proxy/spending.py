"""One request's dealings with the budgets of whoever sent it: what its choices need is asked for, and settled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from indexes.model import Work
from proxy.budget import Account, Ask, Grant, Purse
from proxy.budget_store import Given
from proxy.gate import ChoiceGate

_GRACE = 60.0


class Accounts(Protocol):
    """What was given to accounts, shared by all workers."""

    async def sit(self, holder: str, accounts: Sequence[Account], channels: int, lapse: float) -> bool:
        """Take seats for channels that stream unheld; False when they must be held."""

    async def promise(
        self, holder: str, accounts: Sequence[Account], asks: Sequence[Ask], lapse: float
    ) -> list[tuple[Grant, ...]]:
        """Promise what is asked for as far as there is any, in place of what was promised to this holder before."""

    async def settle(self, holder: str, accounts: Sequence[Account], given: Sequence[Given]) -> None:
        """Put what the holder really gave in the place of what was promised, and free its seats."""


@dataclass(slots=True)
class Spending:
    """The budgets of one request. Its choices are numbered by the guard; `seconds` is how long it may run."""

    store: Accounts
    decision: str
    accounts: tuple[Account, ...]
    exempt: Callable[[Work], bool]
    with_grounded: bool
    seconds: float
    cautious: bool = True
    """Whether the text of all choices is held from the start: so it is where nothing leaves before the answer ends."""
    _seats: int = 0
    _begun: set[int] = field(default_factory=set)

    def purse(self) -> Purse:
        """The purse of one more choice."""
        seats, self._seats = min(1, self._seats), max(0, self._seats - 1)
        return Purse(len(self.accounts), self.exempt, seats, self.cautious, self.with_grounded)

    async def begin(self, choices: int) -> None:
        """So many choices are about to be streamed: see whether their text must be held from the start."""
        self.cautious = not all([await self._sit(number) for number in range(choices)])
        self._seats = 0 if self.cautious else choices

    async def answer(self, number: int, gate: ChoiceGate) -> None:
        """Ask for what a choice needs before it can go on."""
        purse, asks = gate.purse, gate.asks
        if purse is None or asks is None:
            return
        if asks.seat:
            seated = await self._sit(number)
            purse.seats += seated
            purse.cautious |= not seated
        if asks.works:
            self._begun.add(number)
            grants = await self.store.promise(self._holder(number), self.accounts, asks.works, self._lapse)
            purse.take(asks.works, grants)

    async def settle(self, number: int, gate: ChoiceGate) -> None:
        """A choice has ended: tell what it delivered of each work."""
        given = [Given(work.id, work.words, spans) for work, spans in gate.given()]
        if given or number in self._begun:
            await self.store.settle(self._holder(number), self.accounts, given)
            self._begun.discard(number)

    async def end(self) -> None:
        """The request is over: give back what was taken for choices that never came."""
        for number in sorted(self._begun):
            await self.store.settle(self._holder(number), self.accounts, ())
        self._begun.clear()

    async def _sit(self, number: int) -> bool:
        self._begun.add(number)
        return await self.store.sit(self._holder(number), self.accounts, 1, self._lapse)

    def _holder(self, number: int) -> str:
        return f"{self.decision}:{number}"

    @property
    def _lapse(self) -> float:
        return self.seconds + _GRACE
