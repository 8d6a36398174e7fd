"""The one thread of a process that writes to the ledger: a bounded queue, committed in groups.

What someone waits for is committed at once, with all that is queued before it, unless commits follow hard on one
another: then a few wait for each other, since a commit costs more than its rows. What no one waits for is gathered for
a moment first, so that passes cost a fraction of a commit each. A fault fails those who wait and keeps the rest queued;
the thread goes on, and tries again.
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from proxy.ledger.append import Erasure, begin, extend, prepared, stands
from proxy.ledger.chain import Draft, Head
from proxy.ledger.engine import Place, reason
from proxy.ledger.errors import LedgerUnavailableError

CAPACITY = 4096
GROUP = 512
LINGER_SECONDS = 0.1
PACE_SECONDS = 0.02
"""From one commit to the next, unless `CROWD` wait for it."""
CROWD = 16
RETRY_SECONDS = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to commit, and who waits for it; `work` None only waits for all before it."""

    work: Draft | Erasure | None
    waiter: Future[None] | None


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told, from any thread: `queued` how many rows wait, `lost` how many never will be written."""

    queued: Callable[[int], None]
    lost: Callable[[int], None]


class Writer:
    """Commits what is submitted, in order. `submit` and `room` may be called from any thread."""

    def __init__(self, engine: Engine, place: Place, capacity: int, watch: Watch) -> None:
        self._engine = engine
        self._place = place
        self._capacity = capacity
        self._watch = watch
        self._queue: deque[Item] = deque()
        self._writing = 0  # items taken from the queue and not yet answered
        self._behind = 0  # how many stood in the queue when the group was taken
        self._waiting = 0  # items in the queue that someone waits for
        self._changed = threading.Condition()
        self._rooms: list[Future[None]] = []
        self._closing_until: float | None = None
        self._not_before = 0.0  # after a fault, when to try again what no one waits for
        self._committed = 0.0  # when the last group was taken
        self._head: Head | None = None
        self.healthy = True
        self._single = 0  # how many items from the head of the queue are to be written one by one
        self._thread = threading.Thread(target=self._run, name="fairgate-ledger", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._queue) + self._writing

    def submit(self, work: Draft | Erasure | None, *, wait: bool) -> Future[None] | None:
        """Queue work; with `wait`, the future is done when it is committed and fails when it could not be.

        Raises LedgerUnavailableError once the writer is closing.
        """
        waiter: Future[None] | None = Future() if wait else None
        if waiter is not None:
            waiter.set_running_or_notify_cancel()  # a caller that goes away does not take its record with it
        with self._changed:
            if self._closing_until is not None or not self._thread.is_alive():
                raise LedgerUnavailableError(f"ledger `{self._place.name}` is closed: nothing more is written to it")
            self._queue.append(Item(work, waiter))
            self._waiting += wait
            if wait or len(self._queue) in (1, min(GROUP, self._capacity)):
                self._changed.notify()  # else the thread lingers anyway, and to wake it would only cost
        self._watch.queued(len(self))
        return waiter

    @property
    def full(self) -> bool:
        """Whether there is no room in the queue."""
        return len(self) >= self._capacity

    def room(self) -> Future[None] | None:
        """None while there is room in the queue, else a future that is done when some was made."""
        with self._changed:
            if len(self) < self._capacity:
                return None
            made: Future[None] = Future()
            self._rooms.append(made)
            return made

    def close(self, patience: float) -> int:
        """Commit what is queued, for at most `patience` seconds, and end; returns how many items were lost."""
        with self._changed:
            if self._closing_until is None:
                self._closing_until = time.monotonic() + patience
            self._changed.notify()
        self._thread.join(patience + 1.0)
        return len(self)

    def _run(self) -> None:
        while (group := self._take()) is not None:
            self._write(group)
            self._writing = 0
            self._make_room()
            self._watch.queued(len(self))
        self._abandon()
        self._engine.dispose()

    def _take(self) -> list[Item] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing_until is not None)
            due = max(time.monotonic() + LINGER_SECONDS, self._not_before)
            while (wait := self._wait(due)) > 0:
                self._changed.wait(wait)
            if not self._queue or self._out_of_time():
                return None
            size = 1 if self._single or not self.healthy else min(GROUP, len(self._queue))
            self._single = max(0, self._single - 1)
            group = [self._queue.popleft() for _ in range(size)]
            self._writing, self._behind = size, len(self._queue)
            self._committed = time.monotonic()
            self._waiting -= sum(item.waiter is not None for item in group)
            return group

    def _wait(self, due: float) -> float:
        """Seconds until what is queued is to be written; 0 or less for now."""
        now = time.monotonic()
        if self._closing_until is not None:
            return min(self._not_before, self._closing_until) - now
        if len(self._queue) >= min(GROUP, self._capacity):
            due = self._not_before
        if not self._waiting:
            return due - now
        return 0.0 if self._waiting >= CROWD else min(due, self._committed + PACE_SECONDS) - now

    def _out_of_time(self) -> bool:
        return self._closing_until is not None and time.monotonic() >= self._closing_until

    def _write(self, group: Sequence[Item]) -> None:
        try:
            self._commit([prepared(item.work) for item in group if item.work is not None])
        except Exception as error:  # noqa: BLE001 (the thread must live; whoever waits is told)
            if len(group) > 1 and _of_the_row(error):
                self._singly(group)
            else:
                self._fail(group, error)
        else:
            self._succeed(group)

    def _commit(self, work: Sequence[Draft | Erasure]) -> None:
        with self._engine.connect() as connection:
            with connection.begin():
                head = self._head
                if head is None or not stands(connection, head):
                    head = begin(connection, uuid.uuid4().hex)
                head = extend(connection, head, work)
            self._place.confirm(connection)
            self._head = head
            if any(isinstance(item, Erasure) for item in work):
                self._place.scrub(connection)

    def _singly(self, group: Sequence[Item]) -> None:
        """A row of the group was refused as such: write them one by one, so that it alone is lost."""
        with self._changed:
            self._queue.extendleft(reversed(group))
            self._waiting += sum(item.waiter is not None for item in group)
            self._single, self._writing = len(group), 0

    def _succeed(self, group: Sequence[Item]) -> None:
        self.healthy = True
        self._not_before = 0.0
        self._writing = 0  # before those who wait go on and ask how many rows are left
        for item in group:
            if item.waiter is not None:
                item.waiter.set_result(None)

    def _fail(self, group: Sequence[Item], error: Exception) -> None:
        """Tell who waits. A row that the database refuses as such is dropped.

        If it is the ledger that could not be written, all who waited before the attempt began are told, and what no
        one waits for is kept; until it works again a single row is tried at a time.
        """
        message = f"cannot write to ledger `{self._place.name}`: {reason(error)}"
        told = list(group)
        if _of_the_row(error):
            logger.error("%s: the row is lost", message, exc_info=error)
            self._watch.lost(sum(item.waiter is None for item in group))
        else:
            logger.error(message)
            self._engine.dispose()  # whatever state its connections are in, they are not asked again
            with self._changed:
                self.healthy = False
                told += [self._queue.popleft() for _ in range(self._behind)]
                self._queue.extendleft(item for item in reversed(told) if item.waiter is None)
                self._waiting = sum(item.waiter is not None for item in self._queue)
                self._writing = 0
                self._not_before = time.monotonic() + RETRY_SECONDS
        for item in told:
            if item.waiter is not None:
                fault = LedgerUnavailableError(message)
                fault.__cause__ = error
                item.waiter.set_exception(fault)

    def _make_room(self) -> None:
        with self._changed:
            if len(self) >= self._capacity:
                return
            rooms, self._rooms = self._rooms, []
        for room in rooms:
            if room.set_running_or_notify_cancel():
                room.set_result(None)

    def _abandon(self) -> None:
        """The time to drain is over: whoever still waits is told, and what is left is said once."""
        left = [item for item in self._queue if item.waiter is not None]
        for item in left:
            if item.waiter is not None:
                item.waiter.set_exception(LedgerUnavailableError(f"ledger `{self._place.name}` was closed unwritten"))
        if self._queue:
            logger.error("%d rows were lost: ledger %s could not be written", len(self._queue), self._place.name)
            self._watch.lost(len(self._queue))


def _of_the_row(error: Exception) -> bool:
    """Whether this row cannot be written, rather than the ledger as a whole."""
    return isinstance(error, DataError | IntegrityError) or not isinstance(error, DBAPIError | OSError)
