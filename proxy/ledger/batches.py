"""Fingerprints by the thousand: folded into batches whose grams stand by bucket, taken out again text by text.

A batch is built beside the rows it will replace and counts once it is `complete`; the transaction that completes it
deletes those rows. So a search sees each text once, and a fold that dies leaves a batch that the next sweeps away.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, tuple_, update

from proxy.ledger.fingerprints import BUCKET_BITS, POSTING, Piece, read
from proxy.ledger.stored import now_us
from proxy.ledger.tables import batches, fingerprints, postings

FORMAT: Final = 1
FOLD_BYTES: Final = 5 << 20
"""Fingerprints that make a batch: some 4,000 answers of 300 words."""
MOST_MEMBERS: Final = 1 << 16
GRACE_US: Final = 3_600_000_000
"""How long what is over may stay in a batch that holds more, so that it is not written anew again and again."""
BUCKETS: Final = 1 << BUCKET_BITS
STEP: Final = 1024
"""Rows written or deleted in one transaction: some milliseconds, for which other writers wait."""
ROW: Final = np.dtype([("rest", "<u4"), ("text", "<u2"), ("place", "<u2"), ("context", "<u2")])
"""A gram in its bucket: the rest of its key, whose it is, the number of its last token, the bits around it."""

Transact: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Begins a transaction that writes; it is committed when its block ends."""
Place: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Member:
    """A piece of a channel in a batch: its choice's place in the chain, and what `fingerprints.Piece` says of it."""

    chain: str
    seq: int
    at_us: int
    until_us: int
    channel: str
    tokens: int
    first: int


class _OvertakenError(Exception):
    """Rows that a batch was to replace were deleted while it was built; undoes the transaction that it is raised in."""


Members: TypeAlias = list[Member | None]
"""By number, as the rows of the batch name them; None for what was taken out."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A row of fingerprints that no batch holds yet."""

    chain: str
    seq: int
    at_us: int
    until_us: int
    pieces: list[Piece]

    def members(self) -> Iterator[Member]:
        """One member for each piece; one for a choice without any, so that it counts as looked at."""
        for piece in self.pieces or [Piece("", 0, 0, b"")]:
            yield Member(self.chain, self.seq, self.at_us, self.until_us, piece.channel, piece.tokens, piece.first)


def loose(connection: Connection, since_us: int = 0) -> Iterator[Loose]:
    """Fingerprints that no batch holds yet, oldest first; those of an unknown format are passed over."""
    return _read(_loose_rows(connection, since_us))


def _loose_rows(connection: Connection, since_us: int = 0) -> Iterator[Row[Any]]:
    query = (
        select(fingerprints)
        .where(fingerprints.c.at_us >= since_us)
        .order_by(fingerprints.c.at_us, fingerprints.c.chain, fingerprints.c.seq)
    )
    yield from connection.execution_options(yield_per=500).execute(query)


def _read(rows: Iterable[Row[Any]]) -> Iterator[Loose]:
    for row in rows:
        found = read(row.content)
        if found is not None:
            yield Loose(row.chain, row.seq, row.at_us, row.until_us, found)


def unpacked(stored: bytes) -> Members | None:
    """The members of a batch; None where they are of a format that this fairgate does not know."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(stored)
        version, found = msgspec.msgpack.decode(raw, type=tuple[int, list[Member | None]])
    except (msgspec.MsgspecError, zstandard.ZstdError):
        return None
    return found if version == FORMAT else None


def packed(members: Members) -> bytes:
    """What `unpacked` reads."""
    return zstandard.ZstdCompressor().compress(msgspec.msgpack.encode((FORMAT, members)))


def fold(transact: Transact, least: int = FOLD_BYTES) -> bool:
    """Fold the oldest loose fingerprints into a batch if there are `least` bytes of them; returns whether it did.

    To be called by one process at a time. What others erase meanwhile is in no batch afterwards.
    """
    with transact() as connection:
        _sweep(connection)
        rows = _oldest(connection)
    taken = _taken(rows)
    if not taken or sum(len(row.content) for row in rows) < least:
        return False
    members: Members = [member for row in taken for member in row.members()]
    batch = now_us()
    with transact() as connection:
        connection.execute(insert(batches).values(id=batch, complete=False, **_columns(members)))
    built = _rows(batch, taken)
    for start in range(0, len(built), STEP):
        with transact() as connection:
            if not _stands(connection, batch):
                return False
            connection.execute(insert(postings), built[start : start + STEP])
    try:
        with transact() as connection:
            return _complete(connection, batch, [(row.chain, row.seq) for row in taken])
    except _OvertakenError:
        with transact() as connection:
            _sweep(connection)
        return False


def expire(transact: Transact, now: int, before_us: int = 0) -> int:
    """Delete fingerprints whose time is over at `now`, or that were written before `before_us`; returns how many.

    Of a batch that holds others, too, only once an hour has passed.
    """
    over = (fingerprints.c.until_us <= now) | (fingerprints.c.at_us < before_us)
    some = select(fingerprints.c.chain, fingerprints.c.seq).where(over).limit(STEP)
    gone, last = 0, STEP
    while last == STEP:
        with transact() as connection:
            found = [tuple(row) for row in connection.execute(some)]
            last = _delete(connection, found)
            gone += last
    wholly = (batches.c.until_us <= now) | (batches.c.last_us < before_us)
    partly = (batches.c.due_us <= now - GRACE_US) | (batches.c.first_us < before_us - GRACE_US)
    with transact() as connection:
        ripe = connection.scalars(select(batches.c.id).where(batches.c.complete, wholly | partly)).all()
    for batch in ripe:
        with transact() as connection:
            gone += _take_out(connection, batch, lambda each: each.until_us <= now or each.at_us < before_us)
    return gone


def forget(connection: Connection, places: Collection[Place], first_us: int, last_us: int) -> None:
    """Delete the fingerprints of these rows, which were written between the two times."""
    _sweep(connection)
    _delete(connection, list(places))
    _forget_from_batches(connection, first_us, last_us, lambda each: (each.chain, each.seq) in places)


def forget_before(connection: Connection, before_us: int) -> None:
    """Delete the fingerprints of everything written before a time."""
    _sweep(connection)
    connection.execute(delete(fingerprints).where(fingerprints.c.at_us < before_us))
    _forget_from_batches(connection, 0, before_us, lambda each: each.at_us < before_us)


def _forget_from_batches(connection: Connection, first_us: int, last_us: int, doomed: Callable[[Member], bool]) -> None:
    met = (batches.c.first_us <= last_us) & (batches.c.last_us >= first_us)
    for batch in connection.scalars(select(batches.c.id).where(met)).all():
        _take_out(connection, batch, doomed)


def _oldest(connection: Connection) -> list[Row[Any]]:
    """The oldest loose rows, enough to fill a batch; they are read later, when others need not wait for it."""
    rows: list[Row[Any]] = []
    held = 0
    for row in _loose_rows(connection):
        rows.append(row)
        held += len(row.content)
        if held >= FOLD_BYTES or len(rows) == MOST_MEMBERS:
            break
    return rows


def _taken(rows: Iterable[Row[Any]]) -> list[Loose]:
    """As many of these rows as the numbers of a batch's members reach for."""
    taken: list[Loose] = []
    count = 0
    for row in _read(rows):
        count += max(1, len(row.pieces))
        if count > MOST_MEMBERS:
            break
        taken.append(row)
    return taken


def _rows(batch: int, taken: Iterable[Loose]) -> list[dict[str, object]]:
    """The rows of a batch, a bucket each, sorted by the rest of the key."""
    found = [piece for row in taken for piece in (row.pieces or [Piece("", 0, 0, b"")])]
    grams = np.frombuffer(b"".join(piece.postings for piece in found), POSTING)
    counts = [len(piece.postings) // POSTING.itemsize for piece in found]
    rows = np.empty(len(grams), ROW)
    for name in ("rest", "place", "context"):
        rows[name] = grams[name]
    rows["text"] = np.repeat(np.arange(len(found)), counts)
    order = np.lexsort((rows["rest"], grams["bucket"]))
    rows, buckets = rows[order], grams["bucket"][order]
    edges = np.flatnonzero(np.diff(buckets, prepend=-1)).tolist()
    return [
        {"batch": batch, "bucket": int(buckets[start]), "content": rows[start:end].tobytes()}
        for start, end in zip(edges, [*edges[1:], len(rows)], strict=True)
    ]


def _columns(members: Members) -> dict[str, object]:
    there = [member for member in members if member is not None]
    return {
        "first_us": min(each.at_us for each in there),
        "last_us": max(each.at_us for each in there),
        "due_us": min(each.until_us for each in there),
        "until_us": max(each.until_us for each in there),
        "choices": len({(each.chain, each.seq) for each in there}),
        "members": packed(members),
    }


def _stands(connection: Connection, batch: int) -> bool:
    return connection.scalar(select(batches.c.id).where(batches.c.id == batch).with_for_update()) is not None


def _complete(connection: Connection, batch: int, places: Sequence[Place]) -> bool:
    if not _stands(connection, batch):
        return False
    if _delete(connection, places) != len(places):
        raise _OvertakenError
    connection.execute(update(batches).where(batches.c.id == batch).values(complete=True))
    return True


def _delete(connection: Connection, places: Sequence[Place]) -> int:
    gone = 0
    for start in range(0, len(places), STEP):
        mine = tuple_(fingerprints.c.chain, fingerprints.c.seq).in_(places[start : start + STEP])
        gone += connection.execute(delete(fingerprints).where(mine)).rowcount
    return gone


def _sweep(connection: Connection) -> None:
    """Delete batches that are not complete: left behind, or being built of what is about to be deleted.

    Who builds one notices, and begins again later. It comes before loose rows are deleted, as completing does.
    """
    for batch in connection.scalars(select(batches.c.id).where(~batches.c.complete)).all():
        if connection.execute(delete(batches).where(batches.c.id == batch, ~batches.c.complete)).rowcount:
            connection.execute(delete(postings).where(postings.c.batch == batch))


def _take_out(connection: Connection, batch: int, doomed: Callable[[Member], bool]) -> int:
    """Delete members of a batch with all their grams; returns of how many choices."""
    query = select(batches.c.members).where(batches.c.id == batch).with_for_update()
    members = unpacked(connection.scalar(query) or b"")
    if members is None:
        return 0
    numbers = [number for number, each in enumerate(members) if each is not None and doomed(each)]
    gone = {(each.chain, each.seq) for number in numbers if (each := members[number]) is not None}
    for number in numbers:
        members[number] = None
    if not any(members):
        connection.execute(delete(batches).where(batches.c.id == batch))
        connection.execute(delete(postings).where(postings.c.batch == batch))
    elif numbers:
        _take_out_grams(connection, batch, np.array(numbers))
        connection.execute(update(batches).where(batches.c.id == batch).values(**_columns(members)))
    return len(gone)


def _take_out_grams(connection: Connection, batch: int, numbers: NDArray[np.int64]) -> None:
    changed = []
    for bucket, content in connection.execute(
        select(postings.c.bucket, postings.c.content).where(postings.c.batch == batch)
    ).all():
        rows = np.frombuffer(content, ROW)
        stay = ~np.isin(rows["text"], numbers)
        if not stay.all():
            changed.append({"its_bucket": bucket, "left": rows[stay].tobytes()})
    if changed:
        own = (postings.c.batch == batch) & (postings.c.bucket == bindparam("its_bucket"))
        connection.execute(update(postings).where(own).values(content=bindparam("left")), changed)
