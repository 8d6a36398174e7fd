"""What budgets cost: a seat, a promise and a settlement, alone and beside a ledger that is being written to."""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from indexes.model import Work
from proxy.budget import Account, Ask
from proxy.budget_store import BudgetStore, Given
from proxy.ledger.store import SqlLedger
from tests.support.postgres import postgresql
from tests.support.records import choice_record, request_facts

TURNS = 400
ACCOUNT = Account("tenant:bench", 100_000, None, 86_400.0)
WORK = Work("book", "The Book", words=200_000)


async def timed(action: Callable[[], Awaitable[object]], into: list[float]) -> None:
    began = time.perf_counter()
    await action()
    into.append((time.perf_counter() - began) * 1000)


async def measure(url: str, name: str, *, busy: bool) -> None:
    ledger = SqlLedger.open(url)
    store = BudgetStore.open(url)
    took: dict[str, list[float]] = {"sit": [], "promise": [], "settle": []}
    writing = asyncio.ensure_future(write(ledger)) if busy else None
    for turn in range(TURNS):
        holder = f"dec_{turn}:0"
        await timed(lambda holder=holder: store.sit(holder, (ACCOUNT,), 1, 60.0), took["sit"])
        asks = [Ask(WORK, (16,), (96,))]
        await timed(lambda holder=holder, asks=asks: store.promise(holder, (ACCOUNT,), asks, 60.0), took["promise"])
        given = [Given("book", 200_000, ((turn * 45, turn * 45 + 40, 2),))]
        await timed(lambda holder=holder, given=given: store.settle(holder, (ACCOUNT,), given), took["settle"])
    if writing is not None:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    await store.aclose()
    await ledger.aclose()
    for what, times in took.items():
        times.sort()
        for percent in (50, 99):
            value = round(times[len(times) * percent // 100], 3)
            row = {"name": f"budget_{what}_p{percent}", "value": value, "unit": "ms", "database": name, "busy": busy}
            print(json.dumps(row), flush=True)


async def write(ledger: SqlLedger) -> None:
    """Decisions one after another, each committed to the disk."""
    while True:
        await ledger.append(request_facts(), choice_record())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for busy in (False, True):
            url = f"sqlite:///{Path(folder) / f'ledger-{busy}.db'}"
            asyncio.run(measure(url, "SQLite", busy=busy))
    with postgresql() as url:
        for busy in (False, True):
            asyncio.run(measure(url, "PostgreSQL", busy=busy))


if __name__ == "__main__":
    main()
