"""Looking decisions up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from policies.model import Action
from proxy.ledger.identity import least_decision_id
from proxy.ledger.record import Decision
from proxy.ledger.stored import Read, decision
from proxy.ledger.tables import batches, chains, entries, erasable, fingerprints


@dataclass(frozen=True, slots=True)
class Query:
    """Which decisions are meant, newest first; None leaves a key open.

    `after` is the id of the last decision already seen: those older than it follow. `action` fits when any choice's
    verdict has it.
    """

    limit: int = 50
    after: str | None = None
    action: Action | None = None
    tenant: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """How much a ledger holds. `actions` counts choices by the verdict's action; times are those of the rows.

    `fingerprints` counts the choices whose fingerprints are kept.
    """

    decisions: int
    rows: int
    chains: int
    texts: int
    actions: dict[str, int]
    first: datetime | None
    last: datetime | None
    fingerprints: int = 0


def recent(connection: Connection, query: Query) -> tuple[Decision, ...]:
    """The decisions that fit, newest first."""
    ids = select(entries.c.decision_id).where(entries.c.kind.in_(("opening", "choice", "closing")))
    if query.after is not None:
        ids = ids.where(entries.c.decision_id < query.after)
    if query.since is not None:
        ids = ids.where(entries.c.decision_id >= least_decision_id(query.since))
    if query.action is not None:
        ids = ids.where(entries.c.action == query.action.value)
    if query.tenant is not None:
        ids = ids.where(entries.c.tenant == query.tenant)
    ids = ids.distinct().order_by(entries.c.decision_id.desc()).limit(query.limit)
    return _decisions(connection, [row.decision_id for row in connection.execute(ids)])


def get(connection: Connection, decision_id: str) -> Decision | None:
    """One decision; None where no row bears the id."""
    found = _decisions(connection, [decision_id])
    return found[0] if found else None


def stats(connection: Connection) -> Stats:
    """Counts over the whole ledger."""
    count = func.count
    whole = connection.execute(
        select(count(), count(entries.c.decision_id.distinct()), func.min(entries.c.at_us), func.max(entries.c.at_us))
    ).one()
    kinds = select(entries.c.action, count()).where(entries.c.kind == "choice").group_by(entries.c.action)
    actions = {str(action): int(number) for action, number in connection.execute(kinds)}
    return Stats(
        decisions=whole[1],
        rows=whole[0],
        chains=connection.scalar(select(count()).select_from(chains)) or 0,
        texts=connection.scalar(select(count()).select_from(erasable)) or 0,
        actions=dict(sorted(actions.items())),
        first=_time(whole[2]),
        last=_time(whole[3]),
        fingerprints=_fingerprinted(connection),
    )


def _fingerprinted(connection: Connection) -> int:
    loose = connection.scalar(select(func.count()).select_from(fingerprints)) or 0
    return loose + int(connection.scalar(select(func.sum(batches.c.choices)).where(batches.c.complete)) or 0)


def _decisions(connection: Connection, ids: Sequence[str]) -> tuple[Decision, ...]:
    if not ids:
        return ()
    same = (erasable.c.chain == entries.c.chain) & (erasable.c.seq == entries.c.seq)
    query = (
        select(entries.c.decision_id, entries.c.kind, entries.c.body, erasable.c.content)
        .select_from(entries.outerjoin(erasable, same))
        .where(entries.c.decision_id.in_(ids), entries.c.kind.in_(("opening", "choice", "closing")))
        .order_by(entries.c.at_us, entries.c.chain, entries.c.seq)
    )
    rows: dict[str, list[Read]] = {found: [] for found in ids}
    for decision_id, kind, body, content in connection.execute(query):
        rows[decision_id].append(Read(decision_id, kind, body, content))
    return tuple(decision(found, its) for found, its in rows.items() if its)


def _time(at_us: int | None) -> datetime | None:
    return None if at_us is None else datetime.fromtimestamp(at_us / 1_000_000, tz=UTC)
