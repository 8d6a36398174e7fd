"""What accounts were given of works, shared by all workers: in the ledger's database, as amounts and no text.

Each change is one transaction that has the accounts it is about to itself. What is promised to an answer, and the seat
of a channel that streams unheld, lapse by themselves if the worker that asked for them dies.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import msgspec
from sqlalchemy import Connection, Row, delete, event, func, insert, or_, select, text, update

from policies.amounts import union
from proxy.budget import OPENING, Account, Ask, Grant, Interval
from proxy.ledger.engine import Place, unavailable
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.tables import budgets, seats

T = TypeVar("T")

PATIENCE_SECONDS: Final = 10.0
SEATS: Final = 8
"""Channels of one account for which words of every work are set aside."""
_LONGEST: Final = 200


class Segment(msgspec.Struct, array_like=True):
    """Source tokens `low` to `high` of a work, `units` half-words each, given at a time in microseconds since 1970."""

    low: int
    high: int
    units: int
    at_us: int


class Promise(msgspec.Struct, array_like=True):
    """Half-words promised to an answer that runs, until a time in microseconds since 1970."""

    units: int
    until_us: int


class Content(msgspec.Struct):
    """What an account has of one work. `window_us` is the longest that a policy asked about."""

    given: list[Segment] = []
    held: dict[str, Promise] = {}
    window_us: int = 0

    def prune(self, now: int) -> None:
        """Forget what no longer counts."""
        self.given = [each for each in self.given if each.at_us > now - self.window_us]
        self.held = {holder: each for holder, each in self.held.items() if each.until_us > now}

    def within(self, now: int, window_us: int) -> list[Segment]:
        """What was given within a window."""
        return [each for each in self.given if each.at_us > now - window_us]

    def give(self, spans: Sequence[tuple[int, int, int]], now: int) -> None:
        """Add source tokens (first, end, units) given now; those that were given before count from now on."""
        fresh = list(union((low, high) for low, high, _ in spans))
        kept = [part for each in self.given for part in _without(each, fresh)]
        self.given = sorted([*kept, *(Segment(*span, now) for span in spans)], key=lambda each: each.low)

    def used(self) -> int:
        """Half-words given and promised."""
        return _units(self.given) + sum(each.units for each in self.held.values())

    def until_us(self) -> int:
        """When nothing of it will count any more."""
        ends = [each.at_us + self.window_us for each in self.given] + [each.until_us for each in self.held.values()]
        return max(ends, default=0)


@dataclass(frozen=True, slots=True)
class Given:
    """What an answer gave of a work: source tokens as first, end and units; the work has `words`."""

    work: str
    words: int
    spans: tuple[tuple[int, int, int], ...]


class BudgetStore:
    """The accounts. Every method raises LedgerUnavailableError when the database cannot be had in time."""

    def __init__(self, place: Place, *, clock: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._place = place
        self._clock = clock
        self._engine = place.writer()
        if place.file is not None:
            event.listen(self._engine, "connect", _relaxed)
        # INVARIANT: one thread, so that what was begun is done in order, and a holder that settles has the last word.
        self._threads = ThreadPoolExecutor(1, "fairgate-budget")

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], int] = lambda: time.time_ns() // 1000) -> Self:
        """The accounts beside the ledger of this URL, which was opened before, so that its tables are there."""
        return cls(Place(url), clock=clock)

    async def sit(self, holder: str, accounts: Sequence[Account], channels: int, lapse: float) -> bool:
        """Take seats for channels that stream unheld; False when they must be held, since some work is nearly used up.

        A holder may ask again, for more. Seats lapse after so many seconds.
        """
        return await self._run(accounts, lambda connection: self._sit(connection, holder, accounts, channels, lapse))

    async def promise(
        self, holder: str, accounts: Sequence[Account], asks: Sequence[Ask], lapse: float
    ) -> list[tuple[Grant, ...]]:
        """Promise what is asked for as far as there is any, in place of what was promised to this holder before.

        Some is left aside for other channels, but not of what has left already.
        """
        return await self._run(accounts, lambda connection: self._promise(connection, holder, accounts, asks, lapse))

    async def settle(self, holder: str, accounts: Sequence[Account], given: Sequence[Given]) -> None:
        """The holder is done: what it really gave takes the place of what was promised, its seats are free."""
        await self._run(accounts, lambda connection: self._settle(connection, holder, accounts, given))

    async def aclose(self) -> None:
        """Let go of the database."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    async def _run(self, accounts: Sequence[Account], work: Callable[[Connection], T]) -> T:
        def run() -> T:
            try:
                with unavailable(self._place, "keep budgets in"), self._engine.connect() as connection:
                    with connection.begin():
                        _lock(connection, accounts)
                        done = work(connection)
                    self._place.confirm(connection)
                    return done
            except OSError as error:
                raise LedgerUnavailableError(f"cannot keep budgets in ledger `{self._place.name}`: {error}") from error

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except TimeoutError as error:
            raise LedgerUnavailableError(
                f"budgets in ledger `{self._place.name}` could not be looked at within {PATIENCE_SECONDS:g} seconds"
            ) from error

    def _sit(
        self, connection: Connection, holder: str, accounts: Sequence[Account], channels: int, lapse: float
    ) -> bool:
        now = self._clock()
        taken = [self._taken(connection, account, now) for account in accounts]
        if any(
            self._is_tight(connection, account, count, channels, now)
            for account, count in zip(accounts, taken, strict=True)
        ):
            return False
        until = now + int(lapse * 1e6)
        for account in accounts:
            mine = (seats.c.account == account.name) & (seats.c.holder == holder)
            more = {"seats": seats.c.seats + channels, "until_us": until}
            if not connection.execute(update(seats).where(mine).values(**more)).rowcount:
                row = {"account": account.name, "holder": holder, "seats": channels, "until_us": until}
                connection.execute(insert(seats).values(**row))
        return True

    def _is_tight(self, connection: Connection, account: Account, taken: int, channels: int, now: int) -> bool:
        """Whether some work might be used up while these channels stream unheld.

        Beyond `SEATS` there is no longer something aside for each, so they are held from half of a budget on.
        """
        aside, crowded = OPENING * (min(taken, SEATS) + channels), taken + channels > SEATS
        query = select(budgets.c.words, budgets.c.content).where(budgets.c.account == account.name)
        near = [] if account.words is None else [budgets.c.used > _least(2 * account.words, aside, crowded)]
        if account.work_share is not None:
            share = (1 if crowded else 2) * account.work_share
            near.append(budgets.c.used > share * budgets.c.words - aside - 1)
        for row in connection.execute(query.where(budgets.c.used > 0, or_(*near))):
            bound = account.bound(row.words)
            content = _decoded(row.content)
            content.prune(now)
            used = _units(content.within(now, _us(account))) + sum(each.units for each in content.held.values())
            if used and used > _least(bound, aside, crowded):
                return True
        return False

    def _promise(
        self, connection: Connection, holder: str, accounts: Sequence[Account], asks: Sequence[Ask], lapse: float
    ) -> list[tuple[Grant, ...]]:
        now = self._clock()
        others = [self._taken(connection, account, now, but=holder) for account in accounts]
        found = []
        for ask in asks:
            grants = []
            for at, account in enumerate(accounts):
                with self._content(connection, account, ask.work.id, ask.work.words, now) as content:
                    content.held.pop(holder, None)
                    given = content.within(now, _us(account))
                    rest = account.bound(ask.work.words) - _units(given)
                    rest -= sum(each.units for each in content.held.values())
                    free = max(rest - OPENING * min(others[at], SEATS), min(ask.left[at], rest))
                    promised = max(0, min(ask.wanted[at], free) if ask.hold else rest)
                    if promised and ask.hold:
                        content.held[holder] = Promise(promised, now + int(lapse * 1e6))
                grants.append(Grant(tuple(union((each.low, each.high) for each in given)), promised))
            found.append(tuple(grants))
        return found

    def _settle(self, connection: Connection, holder: str, accounts: Sequence[Account], given: Sequence[Given]) -> None:
        now = self._clock()
        for account in accounts:
            for each in given:
                with self._content(connection, account, each.work, each.words, now) as content:
                    content.held.pop(holder, None)
                    content.give(each.spans, now)
            connection.execute(delete(seats).where(seats.c.account == account.name, seats.c.holder == holder))
            connection.execute(delete(seats).where(seats.c.account == account.name, seats.c.until_us <= now))
        if given:
            names = [account.name for account in accounts]
            connection.execute(delete(budgets).where(budgets.c.account.in_(names), budgets.c.until_us <= now))

    @staticmethod
    def _taken(connection: Connection, account: Account, now: int, but: str = "") -> int:
        """Channels of an account that stream unheld, without those of one holder."""
        query = select(func.coalesce(func.sum(seats.c.seats), 0)).where(
            seats.c.account == account.name, seats.c.until_us > now, seats.c.holder != but
        )
        return int(connection.execute(query).scalar_one())

    @contextmanager
    def _content(self, connection: Connection, account: Account, work: str, words: int, now: int) -> Iterator[Content]:
        """What an account has of a work; what is changed is written."""
        key = _key(work)
        mine = (budgets.c.account == account.name) & (budgets.c.work == key)
        row: Row[Any] | None = connection.execute(select(budgets.c.content).where(mine)).first()
        content = _decoded(row.content) if row is not None else Content()
        content.window_us = max(content.window_us, _us(account))
        content.prune(now)
        before = msgspec.json.encode(content)
        yield content
        encoded = msgspec.json.encode(content)
        values = {"used": content.used(), "until_us": content.until_us(), "content": encoded.decode(), "words": words}
        if row is None and content.used():
            connection.execute(insert(budgets).values(account=account.name, work=key, **values))
        elif row is not None and encoded != before:
            connection.execute(update(budgets).where(mine).values(**values))


def _least(bound: int, aside: int, crowded: bool) -> int:  # noqa: FBT001 (private, and named at each call)
    """The most that may be used of a bound while something is set aside."""
    return min(bound - aside, bound // 2) if crowded else bound - aside


def _decoded(content: str) -> Content:
    return msgspec.json.decode(content, type=Content)


def _units(segments: Sequence[Segment]) -> int:
    return sum(each.units * (each.high - each.low) for each in segments)


def _without(segment: Segment, spans: Sequence[Interval]) -> Iterator[Segment]:
    """What of a segment lies outside sorted, disjoint intervals."""
    at = segment.low
    for low, high in spans:
        if high <= at or low >= segment.high:
            continue
        if at < low:
            yield Segment(at, low, segment.units, segment.at_us)
        at = high
    if at < segment.high:
        yield Segment(at, segment.high, segment.units, segment.at_us)


def _us(account: Account) -> int:
    return int(account.window * 1_000_000)


def _key(work: str) -> str:
    """A work's id as a key; one that is too long by its digest."""
    return work if len(work) <= _LONGEST else f"sha256:{hashlib.sha256(work.encode()).hexdigest()}"


def _lock(connection: Connection, accounts: Sequence[Account]) -> None:
    """Have these accounts to ourselves until the transaction ends; on SQLite it has the file to itself already."""
    if connection.dialect.name == "postgresql":
        for key in sorted(_lock_key(account.name) for account in accounts):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"fairgate budget {name}".encode()).digest()[:8], "big", signed=True)


def _relaxed(connection: Any, _record: object) -> None:
    """A commit survives the process; a machine that dies may forget the last ones, which forgets some words given."""
    connection.execute("PRAGMA synchronous=NORMAL")
