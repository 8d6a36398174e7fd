"""What a ledger needs done from time to time: text and fingerprints erased when their time is over, new ones folded.

Every process that serves asks for its turn; one at a time has it, for as long as it renews it, and another takes over
when it is gone.
"""

import asyncio
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, select, update

from indexes.errors import FairgateError
from proxy.ledger import batches
from proxy.ledger.engine import Place, unavailable
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.stored import now_us
from proxy.ledger.tables import chores, erasable

EVERY_SECONDS: Final = 60.0
TURN_SECONDS: Final = 180.0
"""How long a turn lasts that is not renewed; no single step takes as long."""
HOUR: Final = 3600.0
AT_ONCE: Final = 2000
"""Texts erased in one transaction, for which answers wait."""
_UPKEEP: Final = "upkeep"

logger = logging.getLogger("fairgate")


class Eraser(Protocol):
    """Erases text, and says in the chain that it did."""

    async def erase_before(self, at: datetime) -> None:
        """Erase the excerpts, users and clients of all rows written before `at` (aware)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long text and fingerprints are kept, in seconds; None for ever, and as long as they were written for."""

    retention: float | None = None
    fingerprints: float | None = None


class LostTurnError(LedgerUnavailableError):
    """Another process has taken over."""


class Upkeep:
    """Looks after one ledger, from one process of those that share it. `every` so many seconds it asks for its turn."""

    def __init__(self, url: str, eraser: Eraser, terms: Terms, every: float = EVERY_SECONDS) -> None:
        self._place = Place(url)
        self._eraser = eraser
        self._terms = terms
        self._every = every
        self._me = uuid.uuid4().hex
        self._engine: Engine | None = None
        self._may_erase = 0.0

    async def run(self) -> None:
        """Look after the ledger until cancelled; what cannot be done now is logged, and tried again later."""
        try:
            while True:
                await asyncio.sleep(self._every)
                try:
                    await self.once()
                except (FairgateError, OSError, ValueError) as error:
                    logger.warning("upkeep of the ledger waits: %s", error)
        finally:
            await asyncio.shield(asyncio.to_thread(self.close))

    async def once(self) -> bool:
        """Do what there is to do now; returns whether it was our turn."""
        if not await asyncio.to_thread(self._turn):
            return False
        await self._erase_texts()
        await asyncio.to_thread(self._tend_fingerprints)
        return True

    def close(self) -> None:
        """Give the turn back and let go of the database."""
        if self._engine is None:
            return
        mine = (chores.c.name == _UPKEEP) & (chores.c.holder == self._me)
        try:
            with unavailable(self._place, "write to"), self._engine.begin() as connection:
                connection.execute(update(chores).where(mine).values(holder=None, until_us=0))
        except LedgerUnavailableError as error:
            logger.warning("another process waits for its turn at the ledger: %s", error)
        self._engine.dispose()
        self._engine = None

    async def _erase_texts(self) -> None:
        """Erase text that is past its time, some at a time; once an hour at most, as each time is a row."""
        retention = self._terms.retention
        loop = asyncio.get_running_loop()
        if retention is None or loop.time() < self._may_erase:
            return
        self._may_erase = loop.time() + min(HOUR, retention / 24)
        until = now_us() - int(retention * 1_000_000)
        erased = 0
        while (step := await asyncio.to_thread(self._next, until)) is not None:
            before_us, number = step
            await self._eraser.erase_before(_EPOCH + timedelta(microseconds=before_us))
            erased += number
        if erased:
            before = _EPOCH + timedelta(microseconds=until)
            logger.info("erased the text of %d rows written before %s", erased, before.isoformat(timespec="seconds"))

    def _next(self, until: int) -> tuple[int, int] | None:
        """Before when to erase next, and how many rows that is about; None when none is left from before `until`."""
        due = select(erasable.c.at_us).where(erasable.c.at_us < until).order_by(erasable.c.at_us).limit(AT_ONCE)
        with self._transact() as connection:
            times = connection.scalars(due).all()
        if not times:
            return None
        return (until if len(times) < AT_ONCE else times[-1] + 1), len(times)

    def _tend_fingerprints(self) -> None:
        keep = self._terms.fingerprints
        now = now_us()
        before_us = 0 if keep is None else now - int(keep * 1_000_000)
        gone = batches.expire(self._transact, now, before_us)
        if gone and self._engine is not None:
            with unavailable(self._place, "write to"), self._engine.connect() as connection:
                self._place.scrub(connection)
            logger.info("deleted the fingerprints of %d choices: their time was over", gone)
        while batches.fold(self._transact):
            pass

    def _turn(self) -> bool:
        """Whether it is our turn; if so, for `TURN_SECONDS` more."""
        if self._engine is None:
            self._engine = self._place.writer()
        with unavailable(self._place, "write to"), self._engine.begin() as connection:
            return self._renew(connection)

    def _renew(self, connection: Connection) -> bool:
        now = now_us()
        free = (chores.c.holder == self._me) | (chores.c.until_us < now)
        mine = update(chores).where(chores.c.name == _UPKEEP, free)
        until = now + int(TURN_SECONDS * 1_000_000)
        return connection.execute(mine.values(holder=self._me, until_us=until)).rowcount == 1

    @contextmanager
    def _transact(self) -> Iterator[Connection]:
        """A transaction that writes, while it is our turn; raises LostTurnError when it no longer is."""
        if self._engine is None:
            raise LostTurnError(f"the upkeep of ledger `{self._place.name}` was closed")
        with unavailable(self._place, "write to"), self._engine.begin() as connection:
            if not self._renew(connection):
                raise LostTurnError(f"another process looks after ledger `{self._place.name}` now")
            yield connection


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
