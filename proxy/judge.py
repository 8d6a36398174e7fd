"""Slow detectors off the event loop: what callers ask at the same time is answered in one batch by one thread.

While the thread works, questions gather; they make the next batch. So a server with one stream waits hardly longer
than the work takes, and one with many pays the price of a batch once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

from indexes.errors import FairgateError
from proxy.metrics import Stage

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST: Final = 64
PATIENCE: Final = 0.002
BACKLOG: Final = 1024


class JudgeError(FairgateError):
    """A slow detector could not look: it failed, or it is closed."""


class Clock(Protocol):
    """Who is told how long things took, in seconds."""

    def stage_took(self, name: Stage, seconds: float) -> None:
        """The stage took so long for one question."""

    def semantic_waited(self, seconds: float) -> None:
        """One question waited so long for its answer, the work on it included."""


@dataclass(slots=True)
class Question(Generic[Item, Result]):
    """Something asked, and where its answer goes."""

    item: Item
    answer: "asyncio.Future[Result]"


class Judge(Generic[Item, Result]):
    """Answers questions through `work`, which gets lists of them and gives one result for each, in their order.

    At most `most` go together; the first of a batch waits at most `patience` seconds for others. While `backlog`
    questions are unanswered a further one waits to be put. Use it in an `async with` block, from one event loop.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result]],
        clock: Clock | None = None,
        *,
        most: int = MOST,
        patience: float = PATIENCE,
        backlog: int = BACKLOG,
    ) -> None:
        self._work = work
        self._clock = clock
        self._most = most
        self._patience = patience
        self._room = asyncio.Semaphore(backlog)
        self._waiting: deque[Question[Item, Result]] = deque()
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fairgate-judge")
        self._running: asyncio.Task[None] | None = None
        self._open = False

    async def __aenter__(self) -> Self:
        self._open = True
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ask(self, item: Item) -> Result:
        """The answer. A caller that is cancelled takes its question back, if it is not being worked on.

        Raises JudgeError if the batch it was in failed, or the judge is closed.
        """
        asked = time.perf_counter()
        async with self._room:
            if not self._open:
                raise JudgeError("the slow detectors are closed; ask a server that is not stopping")
            question: Question[Item, Result] = Question(item, asyncio.get_running_loop().create_future())
            self._waiting.append(question)
            self._news.set()
            answer = await question.answer
        if self._clock is not None:
            self._clock.semantic_waited(time.perf_counter() - asked)
        return answer

    async def close(self) -> None:
        """Take no more questions, answer those that wait, and end the thread."""
        self._open = False
        self._news.set()
        if self._running is not None:
            await self._running
        self._thread.shutdown()

    async def _run(self) -> None:
        """Answer batches until the judge is closed and none waits."""
        while self._open or self._waiting:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                if self._open and len(self._waiting) < self._most:
                    await asyncio.sleep(self._patience)
                await self._answer(self._take())

    def _take(self) -> list[Question[Item, Result]]:
        """The next questions that someone still waits for."""
        batch: list[Question[Item, Result]] = []
        while self._waiting and len(batch) < self._most:
            question = self._waiting.popleft()
            if not question.answer.done():
                batch.append(question)
        return batch

    async def _answer(self, batch: list[Question[Item, Result]]) -> None:
        """Have the thread work on a batch, and tell those who asked."""
        if not batch:
            return
        started = time.perf_counter()
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._results, [each.item for each in batch])
        await asyncio.wait({work})
        if self._clock is not None:
            for _ in batch:
                self._clock.stage_took("semantic", time.perf_counter() - started)
        if (error := work.exception()) is not None:
            fail(batch, error)
            return
        for question, result in zip(batch, work.result(), strict=True):
            if not question.answer.done():
                question.answer.set_result(result)

    def _results(self, items: list[Item]) -> Sequence[Result]:
        """What the work gives, one result an item; runs in the thread."""
        results = self._work(items)
        if len(results) != len(items):
            raise JudgeError(f"a slow detector gave {len(results)} answers to {len(items)} questions; report it")
        return results


def fail(batch: Sequence[Question[Item, Result]], error: BaseException) -> None:
    """Tell those who asked that there is no answer; each gets an error of its own."""
    for question in batch:
        if not question.answer.done():
            failed = JudgeError(f"a slow detector failed: {error}".rstrip(": ") + "; what was asked is not judged")
            failed.__cause__ = error
            question.answer.set_exception(failed)
