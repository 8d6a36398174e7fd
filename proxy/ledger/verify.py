"""Checks every chain of a ledger against its hashes and anchors, and says which row is at fault and how."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import msgspec
from sqlalchemy import Column, Connection, Table, select

from proxy.ledger.chain import GENESIS, Head, Row, opening, row_hash, seal
from proxy.ledger.stored import ErasureBody
from proxy.ledger.tables import chains, entries, erasable

Kind: TypeAlias = Literal[
    "changed", "deleted", "moved", "truncated", "unanchored", "anchor", "text_changed", "text_missing", "not_continued"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: which chain, which row (None for the chain as a whole), what, and in words."""

    chain: str
    seq: int | None
    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification read and found; `heads` are the ends of all chains, worth keeping elsewhere."""

    rows: int
    texts: int
    erased: int
    heads: tuple[Head, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row of the common table."""

    chain: str
    number: int
    started_us: int
    previous: str
    opening: str
    length: int
    head: str


@dataclass(frozen=True, slots=True)
class _Erased:
    """What erasure rows say was erased on purpose."""

    decisions: frozenset[str]
    before_us: int

    def covers(self, row: Row) -> bool:
        return row.at_us < self.before_us or row.decision_id in self.decisions


class _Findings:
    """What is counted and found while rows go by."""

    def __init__(self, kept: Mapping[str, Head]) -> None:
        self.faults: list[Fault] = []
        self.kept = kept
        self.rows = self.texts = self.erased = 0

    def add(self, chain: str, seq: int | None, kind: Kind, detail: str) -> None:
        self.faults.append(Fault(chain, seq, kind, detail))


def verify(connection: Connection, kept: Iterable[Head] = ()) -> Report:
    """Check all chains in one state of the ledger. `kept` are heads of an earlier report that must still stand."""
    findings = _Findings({head.chain: head for head in kept})
    anchors = _anchors(connection, findings)
    _check_openings(anchors, findings)
    erased = _erased(connection)
    starts = {anchor.chain: anchor.opening for anchor in anchors}
    ends = {anchor.chain: Head(anchor.chain, 0, anchor.opening) for anchor in anchors}
    last = Head("", 0, "")
    for found, salt, content in _rows(connection):
        chain = str(found["chain"])
        if last.chain != chain:
            last = Head(chain, 0, starts.get(chain, ""))
            if chain not in starts:
                findings.add(chain, None, "unanchored", "its anchor is gone: how long it was cannot be said")
        row = _typed(found)
        if row is None:
            findings.add(chain, last.length + 1, "changed", "it holds a value of another type than was written")
            last = Head(chain, last.length + 1, str(found["hash"]))
        else:
            _check_row(row, last, findings)
            _check_text(row, salt, content, erased, findings)
            last = Head(chain, row.seq, row.hash)
        ends[chain] = last
        findings.rows += 1
    _check_ends(anchors, ends, findings)
    return Report(findings.rows, findings.texts, findings.erased, tuple(ends.values()), tuple(findings.faults))


def _anchors(connection: Connection, findings: _Findings) -> list[Anchor]:
    anchors = []
    for row in connection.execute(select(*_columns(Anchor, chains)).order_by(chains.c.number)):
        try:
            anchors.append(msgspec.convert(_named(Anchor, row), Anchor))
        except msgspec.ValidationError:
            findings.add(str(row.chain), None, "anchor", "it holds a value of another type than was written")
    return anchors


def _typed(found: dict[str, object]) -> Row | None:
    """The row as a value; None where a column holds what was never written there (SQLite takes anything)."""
    try:
        return msgspec.convert(found, Row)
    except msgspec.ValidationError:
        return None


def _named(cls: type[Row] | type[Anchor], found: Sequence[object]) -> dict[str, object]:
    return dict(zip((field.name for field in fields(cls)), found, strict=False))


def _columns(cls: type[Row] | type[Anchor], table: Table) -> list[Column[Any]]:
    return [table.c[field.name] for field in fields(cls)]


def _check_openings(anchors: list[Anchor], findings: _Findings) -> None:
    """Chains are numbered without a gap, and each opening follows the one before."""
    previous, number = GENESIS, 0
    for anchor in anchors:
        if anchor.number != number + 1:
            findings.add(anchor.chain, None, "deleted", f"{anchor.number - number - 1} chains before it are gone")
        elif anchor.previous != previous:
            findings.add(anchor.chain, None, "anchor", "it does not follow the chain begun before it")
        if anchor.opening != opening(anchor.chain, anchor.number, anchor.started_us, anchor.previous):
            findings.add(anchor.chain, None, "anchor", "its opening was changed")
        previous, number = anchor.opening, anchor.number


def _check_row(row: Row, last: Head, findings: _Findings) -> None:
    if row.seq > last.length + 1:
        findings.add(
            row.chain, last.length + 1, "deleted", f"{row.seq - last.length - 1} rows before {row.seq} are gone"
        )
    elif row.previous != last.hash and last.hash:
        findings.add(
            row.chain, row.seq, "moved", "it does not follow the row before it: one of them was moved or replaced"
        )
    if row.hash != row_hash(row):
        findings.add(row.chain, row.seq, "changed", f"its content is not what was written{_of(row)}")
    kept = findings.kept.get(row.chain)
    if kept is not None and kept.length == row.seq and kept.hash != row.hash:
        findings.add(row.chain, row.seq, "not_continued", "it is not the row that stood there when the head was kept")


def _check_text(row: Row, salt: object, content: object, erased: _Erased, findings: _Findings) -> None:
    if row.sealed is None:
        if content is not None:
            findings.add(row.chain, row.seq, "text_changed", f"it has text and was written without{_of(row)}")
        return
    if salt is None or content is None:
        findings.erased += 1
        if not erased.covers(row):
            findings.add(row.chain, row.seq, "text_missing", f"its text is gone and no erasure is recorded{_of(row)}")
        return
    findings.texts += 1
    if _sealed(content, salt) != row.sealed:
        findings.add(row.chain, row.seq, "text_changed", f"its text is not what was written{_of(row)}")


def _check_ends(anchors: list[Anchor], ends: Mapping[str, Head], findings: _Findings) -> None:
    for anchor in anchors:
        end = ends[anchor.chain]
        if end.length < anchor.length:
            gone = f"rows {end.length + 1} to {anchor.length} are gone from its end"
            findings.add(anchor.chain, end.length + 1, "truncated", gone)
        elif (end.length, end.hash) != (anchor.length, anchor.head):
            findings.add(anchor.chain, None, "anchor", f"its anchor says {anchor.length} rows, another end is there")
    for kept in findings.kept.values():
        length = ends[kept.chain].length if kept.chain in ends else 0
        if length < kept.length:
            findings.add(kept.chain, length + 1, "not_continued", f"it had {kept.length} rows when its head was kept")


def _erased(connection: Connection) -> _Erased:
    decisions: set[str] = set()
    before_us = 0
    query = select(entries.c.decision_id, entries.c.body).where(entries.c.kind == "erasure")
    for decision_id, body in connection.execute(query):
        if decision_id is not None:
            decisions.add(decision_id)
            continue
        try:
            before_us = max(before_us, msgspec.json.decode(body, type=ErasureBody).before_us or 0)
        except msgspec.MsgspecError:
            continue  # its own row is reported as changed
    return _Erased(frozenset(decisions), before_us)


def _rows(connection: Connection) -> Iterator[tuple[dict[str, object], object, object]]:
    """Every row with its salt and text, chain by chain, without holding the ledger in memory."""
    same = (erasable.c.chain == entries.c.chain) & (erasable.c.seq == entries.c.seq)
    query = (
        select(*_columns(Row, entries), erasable.c.salt, erasable.c.content)
        .select_from(entries.outerjoin(erasable, same))
        .order_by(entries.c.chain, entries.c.seq)
    )
    for found in connection.execution_options(yield_per=1000).execute(query):
        yield _named(Row, found), found.salt, found.content


def _sealed(content: object, salt: object) -> str:
    try:
        return seal(str(content), bytes.fromhex(str(salt)))
    except ValueError:
        return ""


def _of(row: Row) -> str:
    return f" (decision `{row.decision_id}`)" if row.decision_id else ""
