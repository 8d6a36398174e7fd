"""Slow detectors off the event loop, batched across callers."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from proxy.judge import Judge, JudgeError
from proxy.metrics import Metrics, Stage


class Slow:
    """A detector that answers when it is let, and remembers what it was asked together."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.begun = threading.Event()
        self.free = threading.Event()
        if not held:
            self.free.set()

    def __call__(self, items: list[str]) -> list[str]:
        self.batches.append(items)
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.free.wait(5)
        if "poison" in items:
            raise ValueError("a bad window")
        return [item.upper() for item in items]


class Times:
    """What was told of time."""

    def __init__(self) -> None:
        self.stages: list[tuple[Stage, float]] = []
        self.waits: list[float] = []

    def stage_took(self, name: Stage, seconds: float) -> None:
        self.stages.append((name, seconds))

    def semantic_waited(self, seconds: float) -> None:
        self.waits.append(seconds)


async def begun(slow: Slow) -> None:
    assert await asyncio.to_thread(slow.begun.wait, 5)


async def test_what_is_asked_at_the_same_time_is_answered_in_one_batch_in_another_thread() -> None:
    slow = Slow()
    async with Judge(slow, patience=0.02) as judge:
        assert await asyncio.gather(*(judge.ask(f"w{number}") for number in range(8))) == [f"W{n}" for n in range(8)]
    assert slow.batches == [[f"w{number}" for number in range(8)]]
    assert slow.threads != {threading.get_ident()}


async def test_what_is_asked_while_the_thread_works_makes_the_next_batch() -> None:
    slow = Slow(held=True)
    async with Judge(slow, patience=0) as judge:
        first = asyncio.create_task(judge.ask("a"))
        await begun(slow)
        later = [asyncio.create_task(judge.ask(item)) for item in "bcd"]
        await asyncio.sleep(0.01)
        slow.free.set()
        assert await asyncio.gather(first, *later) == list("ABCD")
    assert slow.batches == [["a"], ["b", "c", "d"]]
    assert len(slow.threads) == 1


async def test_the_first_of_a_batch_waits_a_little_for_others() -> None:
    slow = Slow()
    async with Judge(slow, patience=0.2) as judge:
        first = asyncio.create_task(judge.ask("a"))
        await asyncio.sleep(0.01)
        assert await asyncio.gather(first, judge.ask("b")) == ["A", "B"]
    assert slow.batches == [["a", "b"]]


async def test_the_event_loop_goes_on_while_a_detector_works() -> None:
    slow = Slow(held=True)
    async with Judge(slow) as judge:
        asked = asyncio.create_task(judge.ask("a"))
        await begun(slow)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asked.done()
        slow.free.set()
        assert await asked == "A"


async def test_no_batch_is_larger_than_the_most() -> None:
    slow = Slow()
    async with Judge(slow, most=3, patience=0.02) as judge:
        await asyncio.gather(*(judge.ask(str(number)) for number in range(8)))
    assert [len(batch) for batch in slow.batches] == [3, 3, 2]


async def test_a_batch_that_fails_fails_for_those_in_it_alone() -> None:
    slow = Slow()
    async with Judge(slow, most=2, patience=0.02) as judge:
        answers = await asyncio.gather(*map(judge.ask, ("a", "poison", "b", "c")), return_exceptions=True)
        assert answers[2:] == ["B", "C"]
        assert [str(each) for each in answers[:2]] == [
            "a slow detector failed: a bad window; what was asked is not judged"
        ] * 2
        assert answers[0] is not answers[1]
        assert await judge.ask("d") == "D"


async def test_a_detector_that_answers_less_than_it_was_asked_is_an_error() -> None:
    def half(items: list[str]) -> Sequence[str]:
        return items[:-1]

    async with Judge(half, patience=0.01) as judge:
        with pytest.raises(JudgeError, match="gave 1 answers to 2 questions"):
            await asyncio.gather(judge.ask("a"), judge.ask("b"))


async def test_who_is_cancelled_while_waiting_is_not_worked_for_and_harms_no_one() -> None:
    slow = Slow(held=True)
    async with Judge(slow, patience=0) as judge:
        first = asyncio.create_task(judge.ask("a"))
        await begun(slow)
        gone, stays = asyncio.create_task(judge.ask("gone")), asyncio.create_task(judge.ask("b"))
        await asyncio.sleep(0.01)
        gone.cancel()
        first.cancel()
        await asyncio.sleep(0)
        slow.free.set()
        assert await stays == "B"
    assert gone.cancelled()
    assert first.cancelled()
    assert slow.batches == [["a"], ["b"]]


async def test_closing_answers_what_waits_and_takes_nothing_more() -> None:
    slow = Slow(held=True)
    judge = Judge(slow, patience=0)
    async with judge:
        asked = [asyncio.create_task(judge.ask(item)) for item in "ab"]
        await begun(slow)
        late = asyncio.create_task(judge.ask("c"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(judge.close())
        await asyncio.sleep(0)
        with pytest.raises(JudgeError, match="closed"):
            await judge.ask("d")
        slow.free.set()
        await closing
        assert await asyncio.gather(*asked, late) == ["A", "B", "C"]
    assert not [thread for thread in threading.enumerate() if thread.ident in slow.threads]


async def test_beyond_the_backlog_a_question_waits_to_be_put() -> None:
    slow = Slow(held=True)
    async with Judge(slow, patience=0, backlog=2) as judge:
        asked = [asyncio.create_task(judge.ask(item)) for item in "abcd"]
        await begun(slow)
        slow.free.set()
        assert await asyncio.gather(*asked) == list("ABCD")
    assert max(map(len, slow.batches)) <= 2


async def test_the_wait_and_the_work_are_told_for_each_question() -> None:
    times, slow = Times(), Slow(held=True)
    async with Judge(slow, times, patience=0) as judge:
        asked = [asyncio.create_task(judge.ask(item)) for item in "ab"]
        await begun(slow)
        await asyncio.sleep(0.02)
        slow.free.set()
        await asyncio.gather(*asked)
    assert [name for name, _ in times.stages] == ["semantic", "semantic"]
    assert all(seconds >= 0.02 for _, seconds in times.stages)
    assert len(times.waits) == 2
    assert all(seconds >= 0.02 for seconds in times.waits)


async def test_the_metrics_of_a_server_hear_of_it() -> None:
    metrics = Metrics()
    async with Judge(Slow(), metrics) as judge:
        await judge.ask("a")
    said = metrics.exposition()[0].decode()
    assert 'fairgate_stage_seconds_count{stage="semantic"} 1.0' in said
    assert "fairgate_semantic_wait_seconds_count 1.0" in said
