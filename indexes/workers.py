"""Worker processes. Each has a pipe of its own, so that one that dies, in the middle of whatever, is known to be dead.

`concurrent.futures` shares one pipe among all: a worker that dies while it hands over a large result leaves the reader
waiting for the rest for ever.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar, cast

from indexes.errors import FairgateError

T = TypeVar("T")
DIED: Final = "a process that read works died, perhaps for want of memory; run it again with fewer `--jobs`"


@dataclass(slots=True)
class Task(Generic[T]):
    """Something to run; `done` says that its outcome is here."""

    function: Callable[..., T]
    arguments: tuple[object, ...]
    done: bool = False
    value: T | None = None
    error: Exception | None = None

    def outcome(self) -> T:
        """What it gave, once it is done; raises what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


class Pool(Protocol):
    """Runs functions of modules, here or elsewhere."""

    jobs: int

    def submit(self, function: Callable[..., T], *arguments: object) -> Task[T]:
        """Have a function run."""

    def result(self, task: Task[T]) -> T:
        """Wait for what it gives; raises what it raised, and FairgateError where a process died."""


class Here:
    """Runs everything in this process, at once."""

    jobs = 1

    def submit(self, function: Callable[..., T], *arguments: object) -> Task[T]:
        """A task that is done."""
        return Task(function, arguments, done=True, value=function(*arguments))

    def result(self, task: Task[T]) -> T:
        """What it gave."""
        return task.outcome()


@dataclass(slots=True)
class Worker:
    """A process, and what it is doing."""

    process: BaseProcess
    pipe: Connection
    task: Task[Any] | None = field(default=None)


class Workers:
    """Runs functions in as many processes, first come first served. Use it in a `with` block, from one thread."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._waiting: deque[Task[Any]] = deque()
        self._workers: list[Worker] = []

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        for _ in range(self.jobs):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._workers.append(Worker(process, ours))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if kind is not None:
                worker.process.kill()
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()
            worker.process.close()

    def submit(self, function: Callable[..., T], *arguments: object) -> Task[T]:
        """Have a function of a module run with arguments that can be pickled."""
        task = Task(function, arguments)
        self._waiting.append(task)
        self._turn(0)
        return task

    def result(self, task: Task[T]) -> T:
        """Wait for what a task gives; raises what it raised, and FairgateError where a process died."""
        while not task.done:
            self._turn(None)
        return task.outcome()

    def _turn(self, patience: float | None) -> None:
        """Take what is finished, and hand out what waits."""
        busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
        free = len(busy) < len(self._workers) and self._waiting
        try:
            for pipe in wait(list(busy), 0 if free else patience) if busy else ():
                take(busy[cast("Connection", pipe)])
            for worker in self._workers:
                if worker.task is None and self._waiting:
                    worker.task = self._waiting.popleft()
                    worker.pipe.send((worker.task.function, worker.task.arguments))
        except (EOFError, OSError) as error:
            raise FairgateError(DIED) from error


def take(worker: Worker) -> None:
    """Take a finished task from a worker."""
    task = cast("Task[Any]", worker.task)
    task.value, task.error = worker.pipe.recv()
    task.done, worker.task = True, None


def serve(pipe: Connection) -> None:
    """Do what comes through a pipe until it is closed. Ctrl-C is for the one at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=leave_with, args=(parent.sentinel,), daemon=True).start()
    with suppress(EOFError, ConnectionError):  # the other end is closed, or gone
        while True:
            function, arguments = pipe.recv()
            pipe.send(outcome(function, arguments))


def outcome(function: Callable[..., T], arguments: tuple[object, ...]) -> tuple[T | None, FairgateError | None]:
    """What a function gives, or the fault that it says."""
    try:
        return function(*arguments), None
    except FairgateError as error:
        return None, error


def leave_with(sentinel: int) -> None:
    """Wait for a process to end, and end."""
    wait([sentinel])
    os._exit(1)
