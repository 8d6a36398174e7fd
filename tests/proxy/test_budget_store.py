"""Where budgets are kept, on SQLite and on PostgreSQL: shared, settled once, gone when the time has come."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from indexes.model import Work
from proxy.budget import Account, Ask
from proxy.budget_store import BudgetStore, Given
from proxy.ledger.engine import Place
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.store import SqlLedger
from proxy.ledger.tables import budgets, seats
from tests.support.postgres import postgresql
from tests.support.records import ledger_url

WORK = Work("book", "The Book", words=10_000)
ACCOUNT = Account("tenant:acme", 100, None, 3600.0)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return ledger_url(tmp_path)
    return str(request.getfixturevalue("server"))


@asynccontextmanager
async def opened(url: str, count: int = 1) -> AsyncIterator[list[BudgetStore]]:
    await SqlLedger.open(url).aclose()
    engine = Place(url).writer()
    with engine.begin() as connection:
        for table in (budgets, seats):
            connection.execute(table.delete())
    engine.dispose()
    stores = [BudgetStore.open(url) for _ in range(count)]
    try:
        yield stores
    finally:
        for store in stores:
            await store.aclose()


def ask(wanted: int) -> list[Ask]:
    return [Ask(WORK, (0,), (wanted,))]


async def test_what_many_are_promised_at_once_is_never_more_than_there_is(url: str) -> None:
    async with opened(url, 4) as stores:

        async def one(number: int) -> int:
            ((grant,),) = await stores[number % 4].promise(f"dec:{number}", (ACCOUNT,), ask(30), 60.0)
            return grant.promised

        promised = await asyncio.gather(*[one(number) for number in range(24)])
        assert sum(promised) == 200
        assert sorted(promised, reverse=True)[:7] == [30, 30, 30, 30, 30, 30, 20]


async def test_a_holder_that_asks_again_has_one_promise_and_settles_it(url: str) -> None:
    async with opened(url) as (store,):
        for wanted in (50, 120):
            ((grant,),) = await store.promise("one", (ACCOUNT,), ask(wanted), 60.0)
            assert grant.promised == wanted
        await store.settle("one", (ACCOUNT,), [Given("book", 10_000, ((5, 25, 2), (40, 41, 1)))])
        ((grant,),) = await store.promise("two", (ACCOUNT,), ask(1000), 60.0)
        assert grant.promised == 200 - 41
        assert grant.given == ((5, 25), (40, 41))


async def test_what_is_given_twice_is_used_once(url: str) -> None:
    async with opened(url) as (store,):
        for spans in (((0, 40, 2),), ((20, 60, 2),), ((10, 12, 2), (50, 55, 2))):
            await store.settle("one", (ACCOUNT,), [Given("book", 10_000, spans)])
        ((grant,),) = await store.promise("two", (ACCOUNT,), ask(1000), 60.0)
        assert (grant.promised, grant.given) == (80, ((0, 60),))


async def test_to_ask_what_is_left_takes_nothing(url: str) -> None:
    async with opened(url) as (store,):
        for holder in ("one", "two"):
            ((grant,),) = await store.promise(holder, (ACCOUNT,), [Ask(WORK, (0,), (500,), hold=False)], 60.0)
            assert grant.promised == 200


async def test_a_share_of_the_work_bounds_it_too_but_not_below_a_copy_that_shows(url: str) -> None:
    account = Account("tenant:acme", 100, 0.005, 3600.0)
    async with opened(url) as (store,):
        for words, bound in ((10_000, 100), (1000, 16), (100_000, 200)):
            work = Work(f"work of {words}", "", words=words)
            ((grant,),) = await store.promise("one", (account,), [Ask(work, (0,), (1000,))], 60.0)
            assert grant.promised == bound


async def test_an_answer_may_stream_unheld_while_there_is_something_aside_for_it(url: str) -> None:
    async with opened(url) as (store,):
        await store.settle("first", (ACCOUNT,), [Given("book", 10_000, ((0, 75, 2),))])
        seated = [await store.sit(f"dec:{number}", (ACCOUNT,), 1, 60.0) for number in range(5)]
        assert seated == [True, True, True, False, False]
        ((grant,),) = await store.promise("dec:0", (ACCOUNT,), ask(1000), 60.0)
        assert grant.promised == 50 - 2 * 16
        for holder in ("dec:1", "dec:2"):
            await store.settle(holder, (ACCOUNT,), ())
        ((grant,),) = await store.promise("dec:0", (ACCOUNT,), ask(1000), 60.0)
        assert grant.promised == 50


async def test_many_answers_are_held_from_half_of_a_budget_on(url: str) -> None:
    account = Account("tenant:acme", 1000, None, 3600.0)
    async with opened(url) as (store,):
        for given, crowd in ((400, True), (600, False)):
            await store.settle("first", (account,), [Given("book", 10_000, ((0, given, 2),))])
            seated = [await store.sit(f"{given}:{number}", (account,), 1, 60.0) for number in range(12)]
            assert seated[:8] == [True] * 8
            assert seated[8:] == [crowd] * 4
            for number in range(12):
                await store.settle(f"{given}:{number}", (account,), ())


async def test_long_ids_and_any_characters_are_kept_apart(url: str) -> None:
    async with opened(url) as (store,):
        for number in range(2):
            name = f"{'é' * 500}{number}"
            await store.settle("one", (ACCOUNT,), [Given(name, 10_000, ((0, 10 * (number + 1), 2),))])
        for number in range(2):
            work = Work(f"{'é' * 500}{number}", "", words=10_000)
            ((grant,),) = await store.promise("two", (ACCOUNT,), [Ask(work, (0,), (1000,))], 60.0)
            assert grant.promised == 200 - 20 * (number + 1)


async def test_what_no_longer_counts_is_deleted(tmp_path: Path) -> None:
    url, now = ledger_url(tmp_path), [1_700_000_000_000_000]
    async with opened(url):
        store = BudgetStore.open(url, clock=lambda: now[0])
        await store.settle("one", (ACCOUNT,), [Given("old", 10_000, ((0, 10, 2),))])
        await store.sit("gone", (ACCOUNT,), 1, 60.0)
        now[0] += 3_601_000_000
        await store.settle("two", (ACCOUNT,), [Given("new", 10_000, ((0, 10, 2),))])
        await store.aclose()
    engine = Place(url).reader()
    with engine.connect() as connection:
        assert [row.work for row in connection.execute(budgets.select())] == ["new"]
        assert connection.execute(seats.select()).all() == []
    engine.dispose()


PROCESS = """
import asyncio, sys
from tests.proxy.test_budget_store import ACCOUNT, ask
from proxy.budget_store import BudgetStore, Given
async def main(url, name):
    store = BudgetStore.open(url)
    total = 0
    for turn in range(40):
        ((grant,),) = await store.promise(f"{name}:{turn}", (ACCOUNT,), ask(6), 60.0)
        start = 1000 * int(name) + 3 * turn
        given = [Given("book", 10_000, ((start, start + grant.promised // 2, 2),))] if grant.promised else []
        await store.settle(f"{name}:{turn}", (ACCOUNT,), given)
        total += grant.promised
    await store.aclose()
    print(total)
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.live
async def test_four_processes_use_one_budget_up_to_the_last_word(url: str) -> None:
    async with opened(url):
        command = [sys.executable, "-c", PROCESS, url]
        pipe = asyncio.subprocess.PIPE
        running = [await asyncio.create_subprocess_exec(*command, str(n), cwd=ROOT, stdout=pipe) for n in range(4)]
        said = [(await process.communicate())[0] for process in running]
        assert sum(int(each) for each in said) == 200


async def test_a_database_that_cannot_be_had_is_said_in_one_line(tmp_path: Path) -> None:
    url = ledger_url(tmp_path)
    async with opened(url) as (store,):
        (tmp_path / "ledger.db").rename(tmp_path / "elsewhere.db")
        for _ in range(2):
            with pytest.raises(LedgerUnavailableError, match="cannot keep budgets in ledger") as caught:
                await store.promise("one", (ACCOUNT,), ask(10), 60.0)
            assert "\n" not in str(caught.value)
