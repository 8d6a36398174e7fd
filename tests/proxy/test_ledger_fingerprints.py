import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from policies.model import Action
from proxy.ledger import batches, fingerprints, schema
from proxy.ledger.engine import Place
from proxy.ledger.reading import stats
from proxy.ledger.record import RequestFacts, Sent
from proxy.ledger.store import SqlLedger
from proxy.ledger.tables import batches as batch_table
from proxy.ledger.tables import fingerprints as loose_table
from proxy.ledger.upkeep import Terms, Upkeep
from proxy.ledger.verify import verify
from tests.support.ledgers import DAY, found_in, reading, say, search, words, writing
from tests.support.postgres import postgresql
from tests.support.records import choice_record, ledger_url, request_facts

WORK = words(random.Random(1), 300)  # noqa: S311 (seeded)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a ledger, with none in it."""
    if request.param == "sqlite":
        return ledger_url(tmp_path)
    found: str = request.getfixturevalue("server")
    psycopg = pytest.importorskip("psycopg")
    with closing(psycopg.connect(found, autocommit=True)) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return found


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[SqlLedger]:
    opened = SqlLedger.open(url, keep=DAY)
    yield opened
    await opened.aclose()


def counts(url: str) -> tuple[int, int]:
    """Loose rows, and batches."""
    with reading(url) as connection:
        return len(connection.execute(select(loose_table)).all()), len(connection.execute(select(batch_table)).all())


def files_with(folder: Path, text: bytes) -> list[str]:
    return [file.name for file in folder.iterdir() if text in file.read_bytes()]


def quoting(start: int) -> str:
    return "nobody else says it so: " + " ".join(WORK[start : start + 20]) + " and there it ends"


async def five(ledger: SqlLedger) -> list[RequestFacts]:
    return await say(ledger, *(quoting(start) for start in range(0, 100, 20)))


def fold(url: str) -> bool:
    with writing(url) as transact:
        return batches.fold(transact, least=1)


def found(url: str, facts: list[RequestFacts]) -> list[int]:
    return found_in(search(url, " ".join(WORK)), facts, url)


async def test_folded_or_loose_the_same_is_found(ledger: SqlLedger, url: str) -> None:
    facts = await five(ledger)
    before = search(url, " ".join(WORK))
    assert fold(url)
    assert counts(url) == (0, 1)
    assert search(url, " ".join(WORK)) == before
    assert found(url, facts) == [0, 1, 2, 3, 4]
    more = await five(ledger)
    assert found(url, facts + more) == list(range(10))
    with reading(url) as connection:
        assert stats(connection).fingerprints == 10
    assert fold(url)
    assert counts(url) == (0, 2)
    assert found(url, facts + more) == list(range(10))


async def test_few_fingerprints_are_left_loose(ledger: SqlLedger, url: str) -> None:
    await five(ledger)
    with writing(url) as transact:
        assert not batches.fold(transact)
    assert counts(url) == (5, 0)


@pytest.mark.parametrize("folded", [False, True])
async def test_fingerprints_are_erased_with_the_text_and_the_chain_stays_whole(
    ledger: SqlLedger, url: str, *, folded: bool
) -> None:
    facts = await five(ledger)
    if folded:
        assert fold(url)
    await ledger.erase(facts[2].decision_id)
    assert found(url, facts) == [0, 1, 3, 4]
    assert search(url, "nothing of all this").others == 1
    with reading(url) as connection:
        assert verify(connection).faults == ()
    await ledger.erase_before(datetime.now(UTC))
    assert found(url, facts) == []
    assert counts(url) == (0, 0)


async def test_no_gram_of_what_was_erased_stays_in_a_batch(ledger: SqlLedger, url: str) -> None:
    facts = await five(ledger)
    assert fold(url)

    def held() -> int:
        with reading(url) as connection:
            rows = connection.exec_driver_sql("SELECT content FROM ledger_postings").all()
            return sum(len(row.content) for row in rows) // batches.ROW.itemsize

    def grams(number: int) -> int:
        (piece,) = fingerprints.pieces(Sent("content", quoting(20 * number)))
        return len(piece.postings) // fingerprints.POSTING.itemsize

    assert held() == sum(grams(number) for number in range(5))
    await ledger.erase(facts[1].decision_id)
    assert held() == sum(grams(number) for number in (0, 2, 3, 4))


async def test_what_is_erased_while_a_batch_is_built_is_in_none_afterwards(ledger: SqlLedger, url: str) -> None:
    facts = await five(ledger)
    steps = 0
    with writing(url) as transact:

        def watched() -> object:
            nonlocal steps
            steps += 1
            if steps == 4:  # its rows are written, and it is about to be completed
                asyncio.run_coroutine_threadsafe(ledger.erase(facts[3].decision_id), loop).result(20)
            return transact()

        loop = asyncio.get_running_loop()
        assert not await asyncio.to_thread(batches.fold, watched, 1)  # type: ignore[arg-type]  # it is one of those
    assert steps >= 4
    assert counts(url) == (4, 0)
    assert found(url, facts) == [0, 1, 2, 4]
    assert fold(url)
    assert found(url, facts) == [0, 1, 2, 4]


class DeadError(Exception):
    """What ends a fold in these tests."""


def die_folding(url: str) -> None:
    """Begin a fold, and break off at its fourth transaction."""
    with writing(url) as transact:
        left = iter(range(3))

        def dying() -> object:
            if next(left, None) is None:
                raise DeadError
            return transact()

        with pytest.raises(DeadError):
            batches.fold(dying, least=1)  # type: ignore[arg-type]  # it is one of those


async def test_a_fold_that_died_is_swept_away_and_done_again(ledger: SqlLedger, url: str) -> None:
    facts = await five(ledger)
    die_folding(url)
    assert counts(url) == (5, 1)
    assert found(url, facts) == [0, 1, 2, 3, 4]
    assert search(url, "nothing").choices == 5
    assert fold(url)
    assert counts(url) == (0, 1)
    assert found(url, facts) == [0, 1, 2, 3, 4]


async def test_erasing_takes_what_a_fold_that_died_has_left_at_once(ledger: SqlLedger, url: str) -> None:
    facts = await five(ledger)
    die_folding(url)
    await ledger.erase(facts[0].decision_id)
    assert counts(url) == (4, 0)
    with reading(url) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM ledger_postings").scalar() == 0


def in_an_hour_and(seconds: float) -> int:
    return int((datetime.now(UTC) + timedelta(hours=1, seconds=seconds)).timestamp() * 1_000_000)


@pytest.mark.parametrize("folded", [False, True])
async def test_fingerprints_are_deleted_when_their_time_is_over(ledger: SqlLedger, url: str, *, folded: bool) -> None:
    facts = await five(ledger)
    if folded:
        assert fold(url)
    with writing(url) as transact:
        assert batches.expire(transact, in_an_hour_and(0)) == 0
        assert found(url, facts) == [0, 1, 2, 3, 4]
        assert batches.expire(transact, in_an_hour_and(DAY)) == 5
    assert counts(url) == (0, 0)


@pytest.mark.parametrize("folded", [False, True])
async def test_a_shorter_time_holds_for_what_is_there_already(ledger: SqlLedger, url: str, *, folded: bool) -> None:
    facts = await five(ledger)
    if folded:
        assert fold(url)
    with writing(url) as transact:
        now = in_an_hour_and(-3600)
        assert batches.expire(transact, now, now) == 5
    assert found(url, facts) == []


async def test_of_a_batch_what_is_over_goes_and_the_rest_stays(url: str) -> None:
    short = SqlLedger.open(url, keep=1.0)
    early = await five(short)
    await short.aclose()
    long = SqlLedger.open(url, keep=DAY)
    late = await five(long)
    await long.aclose()
    assert fold(url)
    await asyncio.sleep(1.0)
    assert found(url, early + late) == [5, 6, 7, 8, 9]  # not told any more, even before it is deleted
    with writing(url) as transact:
        assert batches.expire(transact, in_an_hour_and(-3600)) == 0  # within the hour it is not worth while
        assert batches.expire(transact, in_an_hour_and(1)) == 5
    assert found(url, early + late) == [5, 6, 7, 8, 9]
    assert counts(url) == (0, 1)


async def test_without_a_time_to_keep_them_no_fingerprints_are_made(url: str) -> None:
    ledger = SqlLedger.open(url)
    await five(ledger)
    await ledger.aclose()
    assert counts(url) == (0, 0)


async def test_the_text_itself_is_nowhere(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path), keep=DAY)
    await ledger.append(
        request_facts(), choice_record(Action.PASS, text=""), (Sent("content", "a vermilion platypus " * 9),)
    )
    await ledger.aclose()
    assert counts(ledger_url(tmp_path)) == (1, 0)
    assert files_with(tmp_path, b"platypus") == []


async def test_fingerprints_of_another_format_are_left_alone(ledger: SqlLedger, url: str) -> None:
    facts = await five(ledger)
    with writing(url) as transact, transact() as connection:
        first = select(loose_table.c.seq).order_by(loose_table.c.seq).limit(1).scalar_subquery()
        connection.execute(update(loose_table).where(loose_table.c.seq == first).values(content=b"\x92\x63\x90"))
    assert found(url, facts) == [1, 2, 3, 4]
    assert fold(url)
    assert counts(url) == (1, 1)
    assert found(url, facts) == [1, 2, 3, 4]


class Clerk:
    """Upkeep of one process, which notes when it erases."""

    def __init__(self, url: str, ledger: SqlLedger, terms: Terms) -> None:
        self.upkeep = Upkeep(url, self, terms)
        self.ledger = ledger
        self.erased: list[datetime] = []

    async def erase_before(self, at: datetime) -> None:
        self.erased.append(at)
        await self.ledger.erase_before(at)


async def test_one_process_at_a_time_looks_after_a_ledger(ledger: SqlLedger, url: str) -> None:
    clerks = [Clerk(url, ledger, Terms()) for _ in range(4)]
    turns = await asyncio.gather(*(clerk.upkeep.once() for clerk in clerks))
    assert sorted(turns) == [False, False, False, True]
    again = await asyncio.gather(*(clerk.upkeep.once() for clerk in clerks))
    assert again == turns
    clerks[turns.index(True)].upkeep.close()
    third = await asyncio.gather(*(clerk.upkeep.once() for clerk in clerks))
    assert sum(third) == 1
    for clerk in clerks:
        clerk.upkeep.close()


async def test_another_process_takes_over_when_the_one_is_gone(ledger: SqlLedger, url: str) -> None:
    gone, other = Clerk(url, ledger, Terms()), Clerk(url, ledger, Terms())
    assert await gone.upkeep.once()
    assert not await other.upkeep.once()
    with writing(url) as transact, transact() as connection:
        connection.exec_driver_sql("UPDATE ledger_chores SET until_us = 1")
    assert await other.upkeep.once()
    assert not await gone.upkeep.once()
    for clerk in (gone, other):
        clerk.upkeep.close()


async def test_text_past_its_retention_is_erased_with_its_fingerprints(
    ledger: SqlLedger, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("proxy.ledger.upkeep.AT_ONCE", 2)
    facts = [request_facts() for _ in range(5)]
    for each in facts:
        await ledger.append(each, choice_record(), (Sent("content", quoting(0)),))
    clerk = Clerk(url, ledger, Terms(retention=1.0))
    assert await clerk.upkeep.once()
    assert clerk.erased == []
    await asyncio.sleep(1.0)
    young = request_facts()
    await ledger.append(young, choice_record(), (Sent("content", quoting(0)),))
    with caplog.at_level("INFO", "fairgate"):
        assert await clerk.upkeep.once()
    clerk.upkeep.close()
    assert len(clerk.erased) == 3
    assert "erased the text of 5 rows written before" in caplog.text
    kept = [decision for each in facts if (decision := await ledger.get(each.decision_id))]
    assert [len(decision.choices[0].excerpts) for decision in kept] == [0] * 5
    left = await ledger.get(young.decision_id)
    assert left is not None
    assert left.choices[0].excerpts
    assert found(url, [*facts, young]) == [5]
    with reading(url) as connection:
        assert verify(connection).faults == ()


async def test_upkeep_goes_on_when_the_ledger_cannot_be_had(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = ledger_url(tmp_path)
    ledger = SqlLedger.open(url, keep=0.1)
    await five(ledger)
    upkeep = Upkeep(url, ledger, Terms(), every=0.05)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as holder:
        holder.execute("ALTER TABLE ledger_chores RENAME TO away")
        running = asyncio.create_task(upkeep.run())
        await asyncio.sleep(0.4)
        assert "upkeep of the ledger waits: cannot write to ledger" in caplog.text
        holder.execute("ALTER TABLE away RENAME TO ledger_chores")
    for _ in range(100):
        if counts(url) == (0, 0):
            break
        await asyncio.sleep(0.05)
    assert counts(url) == (0, 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await ledger.aclose()


def test_switching_to_the_write_ahead_log_is_tried_again_until_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where several make the same new file at once, SQLite refuses some at once, without waiting."""
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE other (x)")
        other.execute("BEGIN EXCLUSIVE")
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                other.execute("ROLLBACK")

        monkeypatch.setattr("proxy.ledger.schema.time.sleep", pause)
        engine = Place(ledger_url(tmp_path), patience=0.01).writer()
        schema.prepare(engine, "here", patience=20)
        engine.dispose()
    assert len(pauses) >= 3
