"""Decision records as a drive would write them, and a ledger of real rows in a file."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from indexes.model import Match, Span, Stretch, Work
from policies.model import (
    Action,
    ChannelSize,
    EarlierAmount,
    Evidence,
    JudgedMatch,
    Quotation,
    Use,
    Verdict,
)
from proxy.ledger.identity import new_decision_id
from proxy.ledger.record import ChoiceRecord, Excerpt, RequestFacts

WORK = Work(
    id="emma.txt",
    title="Emma \N{EM DASH} “a novel”",
    creators=("Jane Austen",),
    license="PDM-1.0",
    private_to=("acme",),
    nature="creative",
    form="novel",
    form_inferred=True,
    year=1815,
    market="none",
    heart=((10, 20), (30, 44)),
    tags=("own",),
    words=158_000,
    chars=883_000,
    digest="ab" * 32,
)


def request_facts(**changes: object) -> RequestFacts:
    facts = RequestFacts(
        decision_id=new_decision_id(),
        at=datetime.now(UTC),
        route="/v1/chat/completions",
        model="sample",
        tenant="acme",
        stream=True,
        mode="enforce",
        policy="balanced@3f2a",
        index="9c1e9c1e9c1e9c1e",
        user="5e884898da28",
        request_id="req-1",
        client="203.0.113.7",
    )
    return replace(facts, **changes)  # type: ignore[arg-type]  # the test names fields of the record


def choice_record(action: Action = Action.BLOCK, choice: int = 0, text: str = "It is a truth") -> ChoiceRecord:
    match = Match(
        detector="verbatim",
        work=WORK,
        channel="content",
        output=Span(120, 292),
        source=Span(10_233, 10_405),
        stretches=(Stretch(20, 2000, 18), Stretch(39, 2019, 13, 1, common=True)),
        words=31,
        counted=18,
        span_words=32,
        grounded=False,
    )
    evidence = Evidence(
        matches=(match,),
        channels=(ChannelSize("content", 100, 610), ChannelSize("tool_calls[0].arguments", 0, 0)),
        quotations=(Quotation("content", Span(120, 292), credited=True, comment_words=40),),
        earlier=(EarlierAmount("emma.txt", (Span(0, 40), Span(90, 120))),),
        budget_left=(("emma.txt", 760),),
        licensed=("emma.txt",),
        closed=True,
    )
    verdict = Verdict(
        action=action,
        score=0.1 + 0.2,  # a float that only its shortest full form gives back
        standing_score=1 / 3,
        factors={"purpose": 0.6, "nature": 0.8, "amount": 2 / 7, "market": 0.5},
        unknown=("market",),
        matches=(JudgedMatch(match, action, 1.0, 0.31, 0.00002, "over `limits.text.words`", (WORK,), 2),),
        reasons=("score 0.30 is at or over thresholds.attribute 0.25",),
        policy="balanced@3f2a",
    )
    return ChoiceRecord(
        choice=choice,
        kind="text",
        verdict=verdict,
        evidence=evidence,
        use=Use(purpose="research", commercial=False, tenant="acme"),
        mode="enforce",
        applied=action,
        finish_reason="content_filter" if action.stops else "stop",
        delivered_chars=292,
        excerpts=(Excerpt("content", Span(120, 292), text),) if text else (),
    )


def ledger_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.db'}"
