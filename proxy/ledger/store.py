"""The ledger as the proxy holds it: an async shell over the writer's thread and readers' threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine

from policies.model import Action
from proxy.ledger import lookup, reading, schema
from proxy.ledger.append import Erasure
from proxy.ledger.chain import Draft
from proxy.ledger.engine import Place, unavailable
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.lookup import Wanted
from proxy.ledger.reading import Query
from proxy.ledger.record import ChoiceRecord, Closing, Decision, RequestFacts, Sent
from proxy.ledger.stored import choice_draft, closing_draft, now_us, opening_draft, to_us
from proxy.ledger.writer import CAPACITY, Watch, Writer

PATIENCE_SECONDS = 10.0

T = TypeVar("T")


class SqlLedger:
    """Where decisions are written, on SQLite or PostgreSQL.

    Every method raises LedgerUnavailableError when the database cannot be written or read in time; the ledger lives on
    and works again as soon as the database does.
    """

    def __init__(self, place: Place, writer: Writer, reader: Engine, patience: float, keep: float) -> None:
        self._place = place
        self._writer = writer
        self._reader = reader
        self._patience = patience
        self._keep_us = int(keep * 1_000_000)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        capacity: int = CAPACITY,
        patience: float = PATIENCE_SECONDS,
        keep: float = 0.0,
        watch: Callable[[int], None] | None = None,
        lost: Callable[[int], None] | None = None,
    ) -> Self:
        """Open a ledger, creating it or upgrading its schema first. Blocks; call it once, at start.

        `capacity` bounds the rows that wait to be written, `patience` the seconds a caller waits; for `keep` seconds
        fingerprints of what was sent are kept; `watch` is told how
        many rows wait whenever that changes, `lost` how many queued rows will never be written, both from any thread.
        Raises UsageError for a wrong URL, LedgerUnavailableError when the ledger cannot be had or is too new for us.
        """
        place = Place(url, patience)
        with unavailable(place, "open"):
            maker = place.writer(create=True)
            try:
                schema.prepare(maker, place.name, patience)
            finally:
                maker.dispose()
            reader = place.reader()
        watcher = Watch(watch or _unwatched, lost or _unwatched)
        return cls(place, Writer(place.writer(), place, capacity, watcher), reader, patience, keep)

    @property
    def queued(self) -> int:
        """How many rows wait to be written now."""
        return len(self._writer)

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write went through (true before the first)."""
        return self._writer.healthy

    def begin(self, facts: RequestFacts) -> bool:
        """Record that a request runs, without waiting; returns whether that was queued: not while the queue is full."""
        try:
            if self._writer.full:
                return False
            self._writer.submit(opening_draft(facts), wait=False)
        except LedgerUnavailableError:
            return False
        return True

    async def append(self, facts: RequestFacts, choice: ChoiceRecord, sent: tuple[Sent, ...] | None = None) -> None:
        """Record one choice's verdict. Returns once it is committed; for a verdict of pass, once it is queued.

        Of what was `sent` fingerprints are kept for as long as this ledger was opened to `keep` them.
        """
        draft = choice_draft(facts, choice, sent, self._keep_us)
        await self._put(draft, wait=choice.verdict.action is not Action.PASS)

    async def close(self, decision_id: str, closing: Closing, facts: RequestFacts | None = None) -> None:
        """Record how a request ended; returns once that is queued. `facts` where no choice of it was recorded."""
        await self._put(closing_draft(decision_id, closing, facts), wait=False)

    async def flush(self) -> None:
        """Return when all that was queued so far is committed; so it also says whether the ledger can be written."""
        await self._put(None, wait=True)

    async def erase(self, decision_id: str) -> None:
        """Erase the excerpts, user and client of one decision; the record stays, and says that they were erased."""
        await self._put(Erasure(decision_id=decision_id), wait=True)

    async def erase_before(self, at: datetime) -> None:
        """Erase the excerpts, users and clients of all rows written before `at` (aware)."""
        await self._put(Erasure(before_us=min(to_us(at), now_us())), wait=True)

    async def recent(
        self,
        limit: int = 50,
        *,
        after: str | None = None,
        action: Action | None = None,
        tenant: str | None = None,
        since: datetime | None = None,
    ) -> tuple[Decision, ...]:
        """Committed decisions, newest first, `limit` at most; `after` goes on below the decision of that id."""
        query = Query(limit, after, action, tenant, since)
        return await self._read(lambda connection: reading.recent(connection, query))

    async def get(self, decision_id: str) -> Decision | None:
        """One committed decision, None where the ledger has none of that id."""
        return await self._read(lambda connection: reading.get(connection, decision_id))

    async def search(self, wanted: Wanted, request: lookup.Request) -> lookup.Answer:
        """Look for copies of a work in all that was delivered so far and whose fingerprints are kept."""
        with suppress(LedgerUnavailableError):  # what cannot be written now can still be read
            await self.flush()
        return await self._read(lambda connection: lookup.look_up(connection, wanted, request))

    async def aclose(self) -> None:
        """Commit what is queued, then let go of the database. Nothing is written afterwards."""
        lost = await asyncio.to_thread(self._writer.close, self._patience)
        await asyncio.to_thread(self._reader.dispose)
        if lost:
            raise LedgerUnavailableError(f"ledger `{self._place.name}` was closed with {lost} rows unwritten")

    async def _put(self, work: Draft | Erasure | None, *, wait: bool) -> None:
        try:
            async with asyncio.timeout(self._patience):
                while (full := self._writer.room()) is not None:
                    await asyncio.wrap_future(full)
                waiter: Future[None] | None = self._writer.submit(work, wait=wait)
                if waiter is not None:
                    await asyncio.wrap_future(waiter)
        except TimeoutError as error:
            raise LedgerUnavailableError(
                f"ledger `{self._place.name}` did not take a row within {self._patience:g} seconds: "
                "see whether its database is locked or overloaded"
            ) from error

    async def _read(self, query: Callable[[Connection], T]) -> T:
        def run() -> T:
            with unavailable(self._place, "read"), self._reader.begin() as connection:
                return query(connection)

        return await asyncio.to_thread(run)


def _unwatched(_number: int) -> None:
    """Nobody asked."""
