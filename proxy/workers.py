"""Several worker processes on one listening socket, and the parent that looks after them.

The parent only waits: it opens no index and no ledger, starts no thread, and forks each worker from that clean state,
so that a worker started years later is like the first. A worker that dies is started again, later each time while it
dies young.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Final

Run = Callable[[Callable[[], None]], int]
"""Serves in a worker until told to stop and returns an exit code; the callable it is given says that it accepts."""

_YOUNG: Final = 60.0
"""Seconds a worker must live for its next death to count as its first."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_HANDLED: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
logger = logging.getLogger("fairgate")


@dataclass(slots=True)
class Slot:
    """The place of one worker: who stands in it, since when, how often in a row it died young, when to fill it anew."""

    number: int
    process: ForkProcess | None = None
    told: Connection | None = None
    ready: bool = False
    since: float = 0.0
    deaths: int = 0
    due: float = 0.0


@dataclass(slots=True)
class Workers:
    """Keeps `number` workers alive until a signal ends them.

    `patience` is how long they may take to end; `shared` the folder of their metrics. `ready` is called once all
    accept.
    """

    run: Run
    number: int
    patience: float
    shared: Path
    ready: Callable[[], None]
    slots: list[Slot] = field(default_factory=list)

    def supervise(self) -> int:
        """Start the workers and look after them; returns the exit code of the whole.

        The first starts alone: when it cannot, neither could the others, and its exit code is that of the whole.
        """
        self.slots = [Slot(number + 1) for number in range(self.number)]
        with _signals() as signals:
            if (code := self._first(signals)) is not None:
                return code
            for slot in self.slots[1:]:
                self._start(slot)
            said = False
            while not (caught := signals.taken()) & _ENDING:
                if signal.SIGHUP in caught:
                    self._send(signal.SIGHUP)
                self._reap()
                self._fill()
                if not said and all(slot.ready for slot in self.slots):
                    said = True
                    self.ready()
                self._wait(signals)
            self._stop(signals)
        return 0

    def _first(self, signals: "_Signals") -> int | None:
        """Start the first worker; returns an exit code if that ends it all, None once it accepts."""
        slot = self.slots[0]
        self._start(slot)
        while not slot.ready:
            if signals.taken() & _ENDING:
                self._stop(signals)
                return 0
            self._wait(signals)
            process = slot.process
            if process is not None and not slot.ready and not process.is_alive():
                return process.exitcode or 1
        return None

    def _start(self, slot: Slot) -> None:
        told, tell = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        process = context.Process(target=_work, args=(self.run, tell), name=f"fairgate worker {slot.number}")
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)  # until the worker has handlers of its own
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        tell.close()
        slot.process, slot.told, slot.ready, slot.since = process, told, False, time.monotonic()

    def _wait(self, signals: "_Signals") -> None:
        """Until something happens, or a worker is to be started again; notes which workers are ready."""
        dues = [slot.due for slot in self.slots if slot.process is None]
        seconds = max(0.0, min(dues) - time.monotonic()) if dues else None
        news: list[int | Connection | socket.socket] = [signals.wake]
        for slot in self.slots:
            news += [slot.process.sentinel] if slot.process is not None else []
            news += [slot.told] if slot.told is not None else []
        happened = wait(news, seconds)
        for slot in self.slots:
            if slot.told is not None and slot.told in happened:
                with suppress(EOFError):
                    slot.ready = bool(slot.told.recv_bytes())
                slot.told.close()
                slot.told = None

    def _reap(self) -> None:
        """Take note of the dead."""
        for slot in self.slots:
            process = slot.process
            if process is None or process.is_alive():
                continue
            self._bury(slot, process)
            young = time.monotonic() - slot.since < _YOUNG
            slot.deaths = slot.deaths + 1 if young else 1
            delay = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (slot.deaths - 1))
            slot.due = time.monotonic() + delay
            logger.error(
                "worker %d (process %d) %s; another starts in %g seconds",
                slot.number, process.pid, _how(process.exitcode), delay,
            )  # fmt: skip

    def _bury(self, slot: Slot, process: ForkProcess) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        process.join()
        slot.process = None
        if slot.told is not None:
            slot.told.close()
            slot.told = None
        mark_process_dead(process.pid, str(self.shared))  # type: ignore[no-untyped-call]  # theirs has none

    def _fill(self) -> None:
        now = time.monotonic()
        for slot in self.slots:
            if slot.process is None and slot.due <= now:
                self._start(slot)

    def _send(self, number: signal.Signals) -> None:
        for slot in self.slots:
            if slot.process is not None and slot.process.pid is not None and slot.process.is_alive():
                os.kill(slot.process.pid, number)

    def _stop(self, signals: "_Signals") -> None:
        """Have every worker finish what runs; asked again, halt it; after `patience` seconds, kill."""
        self._send(signal.SIGTERM)
        until = time.monotonic() + self.patience
        while left := [slot for slot in self.slots if slot.process is not None and slot.process.is_alive()]:
            if (seconds := until - time.monotonic()) <= 0:
                for slot in left:
                    logger.error("worker %d did not end within %g seconds: killed", slot.number, self.patience)
                self._send(signal.SIGKILL)
                until = time.monotonic() + self.patience
                continue
            wait([signals.wake, *(slot.process.sentinel for slot in left if slot.process is not None)], seconds)
            if signals.taken() & _ENDING:
                self._send(signal.SIGQUIT)
        for slot in self.slots:
            if slot.process is not None:
                self._bury(slot, slot.process)


class _Signals:
    """Signals that came since they were last asked for; `wake` can be read when there are some."""

    def __init__(self, wake: socket.socket) -> None:
        self.wake = wake
        self._caught: set[int] = set()

    def catch(self, number: int, _frame: object) -> None:
        """A handler."""
        self._caught.add(number)

    def taken(self) -> set[int]:
        """Those that came, each once."""
        with suppress(BlockingIOError):
            while self.wake.recv(64):
                pass
        caught, self._caught = self._caught, set()
        return caught


@contextmanager
def _signals() -> Iterator[_Signals]:
    """Catch what ends or reloads a server, for the length of the block."""
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(0)
        far.settimeout(0)
        found = _Signals(near)
        woken = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
        before = {each: signal.signal(each, found.catch) for each in _HANDLED}
        try:
            yield found
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
            signal.set_wakeup_fd(woken)


def _work(run: Run, tell: Connection) -> None:
    """A worker's process, from its first line to its last."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's goes to all; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)

    def ready() -> None:
        tell.send_bytes(b"ready")
        tell.close()

    sys.exit(run(ready))


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
