"""Records as rows and rows as records: the JSON forms, and what is kept apart to be erasable."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from proxy.ledger.chain import Draft, canonical
from proxy.ledger.record import ChoiceRecord, Closing, Decision, Excerpt, RequestFacts, Sent

FORMAT = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ChoiceBody:
    """The body of a `choice` row."""

    facts: RequestFacts
    choice: ChoiceRecord
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class OpeningBody:
    """The body of an `opening` row, which long streams have, so that they are found if their process dies."""

    facts: RequestFacts
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class ClosingBody:
    """The body of a `closing` row; `facts` only where no row before it holds them."""

    closing: Closing
    facts: RequestFacts | None = None
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class ErasureBody:
    """The body of an `erasure` row: the text of one decision, or all text of rows older than `before_us`, is gone."""

    erased: int
    before_us: int | None = None
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Private:
    """What says something about a person, or repeats a work: kept apart, under a salt, and erasable."""

    user: str | None = None
    client: str | None = None
    excerpts: tuple[Excerpt, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """A stored row as read back: what is needed of it to rebuild its decision."""

    decision_id: str
    kind: str
    body: str
    private: str | None


def opening_draft(facts: RequestFacts) -> Draft:
    """The row that says that a request runs."""
    return Draft(
        kind="opening",
        decision_id=facts.decision_id,
        at_us=now_us(),
        body=canonical(OpeningBody(_public(facts))),
        tenant=facts.tenant,
        private=_private(Private(facts.user, facts.client)),
    )


def choice_draft(
    facts: RequestFacts, choice: ChoiceRecord, sent: tuple[Sent, ...] | None = None, keep: int = 0
) -> Draft:
    """The row of one choice's verdict; of what was `sent` fingerprints are kept for `keep` microseconds."""
    at_us = now_us()
    return Draft(
        kind="choice",
        decision_id=facts.decision_id,
        at_us=at_us,
        body=canonical(ChoiceBody(_public(facts), replace(choice, excerpts=()))),
        tenant=facts.tenant,
        action=choice.verdict.action.value,
        private=_private(Private(facts.user, facts.client, choice.excerpts)),
        sent=sent if keep else None,
        until_us=at_us + keep,
    )


def closing_draft(decision_id: str, closing: Closing, facts: RequestFacts | None) -> Draft:
    """The row of a request's end."""
    return Draft(
        kind="closing",
        decision_id=decision_id,
        at_us=now_us(),
        body=canonical(ClosingBody(closing, _public(facts) if facts else None)),
        tenant=facts.tenant if facts else None,
        private=_private(Private(facts.user, facts.client)) if facts else None,
    )


def erasure_draft(decision_id: str | None, before_us: int | None, erased: int) -> Draft:
    """The row that says which text was erased on purpose, so that any other missing text is a fault."""
    return Draft(
        kind="erasure", decision_id=decision_id, at_us=now_us(), body=canonical(ErasureBody(erased, before_us))
    )


def decision(decision_id: str, rows: Sequence[Read]) -> Decision:
    """A decision from its rows, in the order in which they were written; of a choice written twice the last counts."""
    facts: RequestFacts | None = None
    choices: dict[int, ChoiceRecord] = {}
    closing: Closing | None = None
    unreadable = 0
    for row in rows:
        try:
            private = msgspec.json.decode(row.private, type=Private) if row.private is not None else Private()
            if row.kind == "choice":
                body = msgspec.json.decode(row.body, type=ChoiceBody)
                facts = replace(body.facts, user=private.user, client=private.client)
                choices[body.choice.choice] = replace(body.choice, excerpts=private.excerpts)
            elif row.kind == "opening":
                begun = msgspec.json.decode(row.body, type=OpeningBody)
                facts = replace(begun.facts, user=private.user, client=private.client)
            elif row.kind == "closing":
                end = msgspec.json.decode(row.body, type=ClosingBody)
                closing = end.closing
                if end.facts is not None and facts is None:
                    facts = replace(end.facts, user=private.user, client=private.client)
        except msgspec.MsgspecError:
            unreadable += 1
    return Decision(decision_id, facts, tuple(choices[number] for number in sorted(choices)), closing, unreadable)


def now_us() -> int:
    """The time in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def to_us(at: datetime) -> int:
    """An aware time in microseconds since 1970, UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def _public(facts: RequestFacts) -> RequestFacts:
    return replace(facts, user=None, client=None)


def _private(private: Private) -> str | None:
    return None if private == Private() else canonical(private)
