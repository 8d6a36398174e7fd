"""Did we ever say this? A work, and the answers that hold copies of it: when, to whom, how much and where."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Connection, select, tuple_

from indexes.errors import UsageError
from indexes.model import Span
from indexes.store import Store
from indexes.text.normalize import Tokens, tokenize
from policies.model import Action
from proxy.ledger.search import Find, Found, Sought, search
from proxy.ledger.stored import ChoiceBody, to_us
from proxy.ledger.tables import entries

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a work of an index, or a text. `chars` maps its words to its code points."""

    tokens: Tokens
    chars: Callable[[Span], Span]
    id: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Since when answers are meant, how many words a copy must likely have, and how many are told, longest first."""

    since: datetime | None = None
    words: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Said:
    """A copied place in an answer; `source` is in code points of the work, the spans in `find` are in words.

    What the row of a choice says is None where it cannot be read.
    """

    find: Find
    source: Span
    decision_id: str | None
    at: datetime | None
    tenant: str | None
    model: str | None = None
    route: str | None = None
    choice: int | None = None
    action: Action | None = None
    applied: Action | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found of what was wanted; `total` counts copied places, of which `said` holds the longest."""

    wanted: Wanted
    found: Found
    said: tuple[Said, ...]
    total: int

    def json(self) -> dict[str, Any]:
        """The answer as programs get it."""
        found, wanted = self.found, self.wanted
        return {
            "object": "list",
            "work": {"id": wanted.id, "title": wanted.title} if wanted.id is not None else None,
            "words": wanted.tokens.words,
            "searched": {"choices": found.choices, "first": found.first, "last": found.last},
            "not_searched": found.others,
            "total": self.total,
            "has_more": self.total > len(self.said),
            "data": [_told(each) for each in self.said],
        }


def text_wanted(text: str) -> Wanted:
    """A text that is looked for."""
    tokens = tokenize(text)
    return Wanted(tokens, lambda span: Span(int(tokens.starts[span.start]), int(tokens.ends[span.end - 1])))


def work_wanted(store: Store, work_id: str) -> Wanted:
    """A work of an index; its text need not be kept there.

    Raises UsageError if there is none of that id, or only signatures of its passages.
    """
    place = store.find(work_id)
    if place is None:
        raise UsageError(f"there is no work `{work_id}` in index `{store.directory}`; see `fairgate index list`")
    if place.work.minhash_only:
        raise UsageError(f"of work `{work_id}` index `{store.directory}` keeps signatures alone; give its text instead")
    segment = place.segment
    first, end = segment.work_bounds(place.ordinal)
    nowhere = np.zeros(0, np.int64)
    tokens = Tokens(np.array(segment.array[first:end]), nowhere, nowhere, segment.units(first, end))

    def chars(span: Span) -> Span:
        return Span(*segment.char_span(first + span.start, first + span.end))

    return Wanted(tokens, chars, work_id, place.work.title)


def look_up(connection: Connection, wanted: Wanted, request: Request) -> Answer:
    """Look for copies in all that was delivered and whose fingerprints are kept."""
    since_us = to_us(request.since) if request.since else 0
    found = search(connection, Sought(wanted.tokens), since_us)
    finds = [find for find in found.finds if find.likely >= request.words]
    finds.sort(key=lambda find: (-find.likely, -find.words, find.chain, find.seq, find.channel, find.output.start))
    rows = dict(_rows(connection, finds[: request.limit]))
    said = tuple(_said(find, wanted, rows.get((find.chain, find.seq))) for find in finds[: request.limit])
    return Answer(wanted, found, said, len(finds))


def _rows(connection: Connection, finds: Sequence[Find]) -> Iterator[tuple[tuple[str, int], Any]]:
    places = sorted({(find.chain, find.seq) for find in finds})
    for start in range(0, len(places), _AT_ONCE):
        mine = tuple_(entries.c.chain, entries.c.seq).in_(places[start : start + _AT_ONCE])
        for row in connection.execute(select(entries).where(mine)):
            yield (row.chain, row.seq), row


def _said(find: Find, wanted: Wanted, row: Any) -> Said:
    source = wanted.chars(find.source)
    if row is None:
        return Said(find, source, None, None, None)
    at = datetime.fromtimestamp(row.at_us / 1_000_000, tz=UTC)
    try:
        body = msgspec.json.decode(row.body, type=ChoiceBody)
    except msgspec.MsgspecError:
        return Said(find, source, row.decision_id, at, row.tenant)
    facts, choice = body.facts, body.choice
    return Said(
        find, source, row.decision_id, at, row.tenant, facts.model, facts.route,
        choice.choice, choice.verdict.action, choice.applied,
    )  # fmt: skip


def _told(said: Said) -> dict[str, Any]:
    find = said.find
    return {
        "decision_id": said.decision_id,
        "at": said.at,
        "tenant": said.tenant,
        "route": said.route,
        "model": said.model,
        "choice": said.choice,
        "channel": find.channel,
        "action": said.action,
        "applied": said.applied,
        "words": find.words,
        "likely_words": find.likely,
        "output": [find.output.start, find.output.end],
        "source": [find.source.start, find.source.end],
        "source_chars": [said.source.start, said.source.end],
    }
