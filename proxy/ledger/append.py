"""One transaction of the writer: drafts become linked rows, the chain's anchor moves with them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_, update

from proxy.ledger import batches, schema
from proxy.ledger.chain import GENESIS, SALT_BYTES, Draft, Head, Row, follow, opening, seal
from proxy.ledger.fingerprints import content
from proxy.ledger.stored import erasure_draft, now_us
from proxy.ledger.tables import chains, entries, erasable, fingerprints

# What every transaction says is put together once: SQLAlchemy takes longer to build a statement than to run it.
_MINE = chains.c.chain == bindparam("mine")
_ANCHOR = select(chains.c.length, chains.c.head).where(_MINE).with_for_update()
_MOVE = update(chains).where(_MINE).values(length=bindparam("now_length"), head=bindparam("now_head"))
_ADD_ENTRIES, _ADD_TEXTS, _ADD_GRAMS = insert(entries), insert(erasable), insert(fingerprints)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Text to erase: of one decision, or of every row written before `before_us`."""

    decision_id: str | None = None
    before_us: int | None = None


def prepared(work: Draft | Erasure) -> Draft | Erasure:
    """What is to be written, with all that can be worked out before a transaction begins, for which others wait."""
    if isinstance(work, Draft) and work.sent is not None:
        return replace(work, sent=None, fingerprints=content(work.sent))
    return work


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
    found = connection.execute(_ANCHOR, {"mine": head.chain}).first()
    return found is not None and (found.length, found.head) == (head.length, head.hash)


def extend(connection: Connection, head: Head, work: Sequence[Draft | Erasure]) -> Head:
    """Put drafts at the end of a chain, erase what is to be erased; returns the new head."""
    new = head
    group = _Group()
    for item in work:
        if isinstance(item, Erasure):
            group.insert(connection)  # it may erase what stands before it in this very transaction
            group = _Group()
            draft = erasure_draft(item.decision_id, item.before_us, _erase(connection, item))
        else:
            draft = item
        new = group.put(new, draft)
    group.insert(connection)
    connection.execute(_MOVE, {"mine": head.chain, "now_length": new.length, "now_head": new.hash})
    return new


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows on their way into the tables, with what stands beside them."""

    rows: list[Row] = field(default_factory=list)
    texts: list[dict[str, object]] = field(default_factory=list)
    grams: list[dict[str, object]] = field(default_factory=list)

    def put(self, head: Head, draft: Draft) -> Head:
        """Link a draft behind the head; returns the new head."""
        sealed = None
        place = {"chain": head.chain, "seq": head.length + 1, "at_us": draft.at_us}
        if draft.private is not None:
            salt = os.urandom(SALT_BYTES)
            sealed = seal(draft.private, salt)
            self.texts.append({**place, "salt": salt.hex(), "content": draft.private})
        if draft.fingerprints is not None:
            self.grams.append({**place, "until_us": draft.until_us, "content": draft.fingerprints})
        row, new = follow(head, draft, sealed)
        self.rows.append(row)
        return new

    def insert(self, connection: Connection) -> None:
        """Write all of it."""
        if self.rows:
            connection.execute(_ADD_ENTRIES, [row.columns() for row in self.rows])
        if self.texts:
            connection.execute(_ADD_TEXTS, self.texts)
        if self.grams:
            connection.execute(_ADD_GRAMS, self.grams)


def _erase(connection: Connection, erasure: Erasure) -> int:
    """Delete the erasable part of the rows meant, and their fingerprints; returns how many had one."""
    if erasure.before_us is not None:
        batches.forget_before(connection, erasure.before_us)
        return connection.execute(delete(erasable).where(erasable.c.at_us < erasure.before_us)).rowcount
    mine = select(entries.c.chain, entries.c.seq, entries.c.at_us).where(entries.c.decision_id == erasure.decision_id)
    found = connection.execute(mine).all()
    places = {(row.chain, row.seq) for row in found}
    if not places:
        return 0
    times = [row.at_us for row in found]
    batches.forget(connection, places, min(times), max(times))
    return connection.execute(delete(erasable).where(tuple_(erasable.c.chain, erasable.c.seq).in_(places))).rowcount
