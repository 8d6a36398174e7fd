"""What is told of one request, to budgets, ledger and metrics, while it runs and when it is over.

Together with `drive` and the ledger's writer this is the only place with a broad `except`: a step of closing that
fails must not keep the next from being tried, and is counted.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from indexes.errors import FairgateError
from policies.model import Use
from proxy.accounting import Times, filtered_tokens
from proxy.guard import AnswerGuard, UpstreamReportedError
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.record import ChoiceRecord, Closing, Outcome, RequestFacts, Sent
from proxy.metrics import FailureStage, Metrics
from proxy.notes import Excerpts, record
from proxy.spending import Spending
from proxy.upstream import UpstreamError
from proxy.wire.errors import WireError

logger = logging.getLogger("fairgate")


class Ledger(Protocol):
    """Where decisions are written."""

    def begin(self, facts: RequestFacts) -> bool:
        """Write that a request runs, without waiting; says whether it will be written."""

    async def append(self, facts: RequestFacts, choice: ChoiceRecord, sent: tuple[Sent, ...] | None = None) -> None:
        """Write a choice's verdict; returns once it is committed, unless its action is pass.

        Of what was `sent` only fingerprints are kept, if the ledger keeps any.
        """

    async def close(self, decision_id: str, closing: Closing, facts: RequestFacts | None = None) -> None:
        """Write how a request ended."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what one request is answered; picked once, kept while it runs."""

    facts: RequestFacts
    use: Use
    excerpts: Excerpts
    fingerprints: bool
    fail_open: bool
    with_usage: bool
    prompt_chars: int
    ended: Callable[[], None]
    halted: Callable[[], bool]
    seconds: float


class Journal:
    """Tells of one request; `spending` are the budgets of whoever asked, where there are some."""

    def __init__(
        self,
        terms: Terms,
        guard: AnswerGuard,
        ledger: Ledger,
        metrics: Metrics,
        times: Times,
        spending: Spending | None = None,
    ) -> None:
        self.terms = terms
        self._guard = guard
        self._ledger = ledger
        self.metrics = metrics
        self.times = times
        self.waited = 0.0
        """Seconds that the answer waited for budgets and the ledger."""
        self.spending = spending
        self.unjudged = False
        """Whether the answer leaves unjudged: we could not look, and the policy says to pass then."""
        self._recorded = False
        self._closing = Closing("client_left")
        self._closed = False

    def note(self) -> None:
        """The stream is a long one: its decision is to be found even if this process dies before its end."""
        if not (self._closed or self._recorded):
            self._recorded = self._ledger.begin(self.terms.facts)

    async def record(self) -> None:
        """Tell budgets, ledger and metrics of the choices that ended."""
        terms = self.terms
        ended, self._guard.ended = self._guard.ended, []
        for choice in ended:
            if self.spending is not None:
                await self.spending.settle(choice.number, choice.gate)
            written = record(choice, terms.use, terms.facts.mode, terms.excerpts)
            began = time.perf_counter()
            try:
                await self._ledger.append(terms.facts, written, choice.gate.sent() if terms.fingerprints else None)
            finally:
                self.times.ledger += time.perf_counter() - began
            self._recorded = True
            self.metrics.choice(written)
            for result in written.tries:
                self.metrics.rewrite_try(result)
            if choice.gate.fell_back:
                self.metrics.rewrite_try("blocked" if choice.gate.stopped else "quoted")

    def passes(self, error: Exception) -> bool:
        """Whether the policy says to go on in spite of a fault of ours; it is counted as one that was passed."""
        if self.terms.fail_open:
            self.metrics.failure(stage(error), "open")
        return self.terms.fail_open

    def failed(self, error: Exception) -> str:
        """Count a fault that ended the answer, and say it in one line that a client may read."""
        where = stage(error)
        self.metrics.failure(where, "closed")
        outcome: Outcome = "upstream_failed" if where in ("upstream", "wire") else "failed"
        message = str(error) if isinstance(error, FairgateError) else "this answer could not be checked"
        if not isinstance(error, FairgateError):
            logger.error("decision %s: %s", self.terms.facts.decision_id, message, exc_info=error)
        detail = getattr(error, "detail", "")
        self._closing = Closing(outcome, f"{type(error).__name__}: {message} {detail}".strip()[:300])
        return message

    def completed(self) -> None:
        """The answer came to its end."""
        if self.unjudged:
            self._closing = Closing("failed", "could not look; the policy says pass, so the answer left unjudged")
        else:
            self._closing = Closing("completed")

    async def close(self, release: Callable[[], Awaitable[None]]) -> None:
        """Tell how the request ended, whatever happened, once what it holds is released; once, however often asked."""
        if self._closed:
            return
        self._closed = True
        if self._closing.outcome == "client_left":
            self._closing = left(halted=self.terms.halted())
            if self._closing.outcome == "failed":
                self.metrics.failure("request", "closed")
        for step in (release, self._record_open, self._end_spending, self._close_ledger):
            try:
                await step()
            except Exception as error:  # noqa: BLE001 (one step of closing must not keep the next from being tried)
                self.metrics.failure(stage(error), "closed")
        self._count()
        self.terms.ended()

    async def _record_open(self) -> None:
        """Choices that had not ended are judged as far as they were read."""
        if not self.unjudged:
            self._guard.conclude_open()
            await self.record()

    async def _end_spending(self) -> None:
        if self.spending is not None:
            await self.spending.end()

    async def _close_ledger(self) -> None:
        facts = self.terms.facts
        await self._ledger.close(facts.decision_id, self._closing, None if self._recorded else facts)

    def _count(self) -> None:
        facts = self.terms.facts
        self.metrics.request(facts.route, facts.tenant, stream=facts.stream, outcome=self._closing.outcome)
        self.metrics.added_latency(facts.route, facts.mode, self.times.reading + self.waited)
        self.metrics.held(self._guard.held)
        self.times.tell(self.metrics)
        if withheld := filtered_tokens(self._guard, self.terms.prompt_chars):
            self.metrics.tokens_filtered(withheld)
        if self._guard.dropped:
            self.metrics.dropped_field(facts.route, self._guard.dropped)


def left(*, halted: bool) -> Closing:
    """How a request ends that was cancelled: its client left, or the server was halted."""
    return Closing("failed", "the server stopped before the answer was complete") if halted else Closing("client_left")


def stage(error: Exception) -> FailureStage:
    """Where a fault arose, as it is counted."""
    match error:
        case UpstreamError() | UpstreamReportedError():
            return "upstream"
        case WireError():
            return "wire"
        case LedgerUnavailableError():
            return "ledger"
        case _:
            return "verbatim"


def code(error: Exception) -> str:
    """What a client is told a fault is."""
    return "upstream_failed" if stage(error) in ("upstream", "wire") else "not_checked"
