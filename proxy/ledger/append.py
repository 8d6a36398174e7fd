"""One transaction of the writer: drafts become linked rows, the chain's anchor moves with them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, tuple_, update

from proxy.ledger import schema
from proxy.ledger.chain import GENESIS, SALT_BYTES, Draft, Head, Row, follow, opening, seal
from proxy.ledger.stored import erasure_draft, now_us
from proxy.ledger.tables import chains, entries, erasable


@dataclass(frozen=True, slots=True)
class Erasure:
    """Text to erase: of one decision, or of every row written before `before_us`."""

    decision_id: str | None = None
    before_us: int | None = None


def begin(connection: Connection, chain: str) -> Head:
    """Begin a chain after the opening of the one begun last."""
    schema.lock(connection)
    last = connection.execute(
        select(chains.c.number, chains.c.opening).order_by(chains.c.number.desc()).limit(1)
    ).first()
    number, previous = (last.number + 1, last.opening) if last is not None else (1, GENESIS)
    started_us = now_us()
    first = opening(chain, number, started_us, previous)
    connection.execute(
        insert(chains).values(
            chain=chain, number=number, started_us=started_us, previous=previous, opening=first, length=0, head=first
        )
    )
    return Head(chain, 0, first)


def stands(connection: Connection, head: Head) -> bool:
    """Whether the chain's anchor is where we left it.

    It is not when a commit whose answer was lost went through, or when an older ledger was put back.
    """
    query = select(chains.c.length, chains.c.head).where(chains.c.chain == head.chain).with_for_update()
    found = connection.execute(query).first()
    return found is not None and (found.length, found.head) == (head.length, head.hash)


def extend(connection: Connection, head: Head, work: Sequence[Draft | Erasure]) -> Head:
    """Put drafts at the end of a chain, erase what is to be erased; returns the new head."""
    new = head
    rows: list[Row] = []
    kept: list[dict[str, object]] = []
    for item in work:
        if isinstance(item, Erasure):
            _insert(connection, rows, kept)  # it may erase what stands before it in this very transaction
            rows, kept = [], []
            draft = erasure_draft(item.decision_id, item.before_us, _erase(connection, item))
        else:
            draft = item
        sealed = None
        if draft.private is not None:
            salt = os.urandom(SALT_BYTES)
            sealed = seal(draft.private, salt)
            place = {"chain": new.chain, "seq": new.length + 1}
            kept.append({**place, "at_us": draft.at_us, "salt": salt.hex(), "content": draft.private})
        row, new = follow(new, draft, sealed)
        rows.append(row)
    _insert(connection, rows, kept)
    connection.execute(update(chains).where(chains.c.chain == head.chain).values(length=new.length, head=new.hash))
    return new


def _insert(connection: Connection, rows: list[Row], kept: list[dict[str, object]]) -> None:
    if rows:
        connection.execute(insert(entries), [row.columns() for row in rows])
    if kept:
        connection.execute(insert(erasable), kept)


def _erase(connection: Connection, erasure: Erasure) -> int:
    """Delete the erasable part of the rows meant; returns how many had one."""
    if erasure.before_us is not None:
        return connection.execute(delete(erasable).where(erasable.c.at_us < erasure.before_us)).rowcount
    mine = select(entries.c.chain, entries.c.seq).where(entries.c.decision_id == erasure.decision_id)
    places = [tuple(row) for row in connection.execute(mine)]
    if not places:
        return 0
    return connection.execute(delete(erasable).where(tuple_(erasable.c.chain, erasable.c.seq).in_(places))).rowcount
