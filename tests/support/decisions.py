"""Decisions made by hand, and a ledger of them in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from litestar import Litestar
from litestar.datastructures import State

from indexes.model import Match, Span, Stretch, Work
from indexes.text.index import SegmentIndex
from policies.model import Action, ChannelSize, Evidence, FactorName, JudgedMatch, Use, Verdict
from proxy.auth import Doorkeeper
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.record import ChoiceRecord, Closing, Decision, Excerpt, RequestFacts
from proxy.metrics import Metrics
from proxy.routes.common import told
from proxy.routes.console import console_page, console_script, console_style
from proxy.routes.decisions import list_decisions, show_decision
from proxy.settings import SettingsShape
from proxy.world import World

ALICE = Work(
    id="demo/alice",
    title="Alice's Adventures in Wonderland",
    creators=("Lewis Carroll",),
    license="LicenseRef-demo-protected",
    url="https://www.gutenberg.org/ebooks/11",
    market="licensable",
    nature="creative",
    form="novel",
    tags=("demo", "plays-a-protected-work"),
    words=26441,
    chars=148000,
)
RECITED = (
    "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or "
    "twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it"
)


def make_match(work: Work = ALICE, words: int = 40, start: int = 0, end: int = 172) -> Match:
    """A verbatim match in `content`."""
    return Match(
        detector="verbatim",
        work=work,
        channel="content",
        output=Span(start, end),
        source=Span(36 + start, 36 + end),
        stretches=(Stretch(0, 6, words),),
        words=words,
        counted=words,
        span_words=words,
    )


def make_choice(action: Action, number: int = 0, text: str = RECITED, work: Work = ALICE) -> ChoiceRecord:
    """A choice that a text was matched in, unless it passes."""
    factors: dict[FactorName, float] = {"purpose": 0.6, "nature": 0.8, "amount": 0.95, "market": 0.5}
    match = make_match(work, end=len(text))
    reason = "a run of 41 words is over limits.text.words 40"
    judged = JudgedMatch(match, action, 1.0, 1.0, 0.0012, reason)
    found = action is not Action.PASS
    score = {"pass": 0.0, "attribute": 0.31, "rewrite": 0.66, "block": 0.87}[action.value]
    verdict = Verdict(
        action=action,
        score=score,
        standing_score=score if action is Action.PASS else score - 0.04,
        factors=factors,
        unknown=("market",) if found else (),
        matches=(judged,) if found else (),
        reasons=(reason,) if found else ("nothing was found",),
        policy="balanced@3f2a",
    )
    evidence = Evidence(
        matches=(match,) if found else (), channels=(ChannelSize("content", 41, len(text)),), closed=True
    )
    return ChoiceRecord(
        choice=number,
        kind="text",
        verdict=verdict,
        evidence=evidence,
        use=Use(),
        mode="enforce",
        applied=action,
        finish_reason="content_filter" if action.stops else "stop",
        delivered_chars=len(text) // 2 if action.stops else len(text),
        excerpts=(Excerpt("content", Span(0, len(text)), text),) if found else (),
    )


def make_decision(number: int, *choices: ChoiceRecord, tenant: str = "default") -> Decision:
    """A completed decision; a higher number is a later one."""
    decision_id = f"dec_01J{number:023d}"
    facts = RequestFacts(
        decision_id=decision_id,
        at=datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=number),
        route="/v1/chat/completions",
        model="sample-generator-not-a-model",
        tenant=tenant,
        stream=True,
        mode="enforce",
        policy="balanced@3f2a",
        index="9c1e5f0a77d2b413",
    )
    return Decision(decision_id, facts, choices, Closing("completed"))


@dataclass(frozen=True, slots=True)
class Gatehouse:
    """What the console's routes need of a service."""

    world: World


def console_app(ledger: "MemoryLedger", settings: SettingsShape | None = None) -> Litestar:
    """The console and the JSON behind it, on a ledger in memory."""
    routes = [console_page, console_style, console_script, list_decisions, show_decision]
    service = Gatehouse(World(SegmentIndex([], "0" * 16), Doorkeeper(settings or SettingsShape())))
    state = State({"ledger": ledger, "metrics": Metrics(), "service": service})
    return Litestar(routes, state=state, exception_handlers={Exception: told}, openapi_config=None)


class MemoryLedger:
    """A ledger that only reads; `broken` makes it unavailable."""

    def __init__(self, decisions: Sequence[Decision] = ()) -> None:
        self.decisions = list(decisions)
        self.broken = False

    async def recent(
        self, limit: int = 50, *, after: str | None = None, action: Action | None = None, tenant: str | None = None
    ) -> tuple[Decision, ...]:
        self._check()
        newest = sorted(self.decisions, key=lambda decision: decision.decision_id, reverse=True)
        fit = [decision for decision in newest if action is None or decision.action is action]
        fit = [decision for decision in fit if tenant is None or (decision.facts and decision.facts.tenant == tenant)]
        return tuple(decision for decision in fit if after is None or decision.decision_id < after)[:limit]

    async def get(self, decision_id: str) -> Decision | None:
        self._check()
        return next((decision for decision in self.decisions if decision.decision_id == decision_id), None)

    def add(self, decision: Decision) -> None:
        """Put a decision in, replacing one of the same id."""
        self.decisions = [kept for kept in self.decisions if kept.decision_id != decision.decision_id]
        self.decisions.append(replace(decision))

    def _check(self) -> None:
        if self.broken:
            raise LedgerUnavailableError("ledger `sqlite:///x.db` cannot be read: disk gone")
