"""How many decisions a second the ledger takes: `python -m benchmarks.ledger [URL]`, one JSON line a figure.

Beside each figure, what the disk itself allows: commits of SQLite alone, one row each, with the same settings.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from policies.model import Action
from proxy.ledger.record import Closing
from proxy.ledger.store import SqlLedger
from tests.support.records import choice_record, request_facts

CONCURRENT = 64


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, **more}), flush=True)


async def appended(ledger: SqlLedger, action: Action, count: int) -> tuple[float, list[float]]:
    """Seconds until all of `count` decisions are committed, 64 requests at a time, and what each append waited."""
    record, left = choice_record(action), iter(range(count))
    waits: list[float] = []

    async def client() -> None:
        for _ in left:
            facts = request_facts()
            before = time.perf_counter()
            await ledger.append(facts, record)
            waits.append(time.perf_counter() - before)
            await ledger.close(facts.decision_id, Closing("completed"))

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONCURRENT)))
    await ledger.flush()
    return time.perf_counter() - started, sorted(waits)


async def measure(url: str, where: str) -> None:
    ledger = SqlLedger.open(url)
    await appended(ledger, Action.BLOCK, 200)
    for action, name in ((Action.PASS, "ledger_pass_batched"), (Action.BLOCK, "ledger_block_committed")):
        count = 10_000
        cpu = time.process_time()
        seconds, waits = await appended(ledger, action, count)
        cpu = time.process_time() - cpu
        more = {"where": where, "concurrent": CONCURRENT, "decisions": count, "rows": 2 * count}
        say(name, count / seconds, "decisions/s", **more)
        say(f"{name}_cpu", cpu / count * 1e6, "us/decision", where=where)
        say(f"{name}_wait_p50", waits[count // 2] * 1e3, "ms", where=where)
        say(f"{name}_wait_p99", waits[count * 99 // 100] * 1e3, "ms", where=where)
    await ledger.aclose()


def commits_alone(folder: Path) -> float:
    """Commits a second of one row each, with nothing of ours around."""
    with closing(sqlite3.connect(folder / "alone.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE t (body TEXT)")
        started = time.perf_counter()
        for _ in range(1000):
            database.execute("INSERT INTO t VALUES (?)", ("x" * 2000,))
        return 1000 / (time.perf_counter() - started)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:  # the disk of the checkout: /tmp may be memory
        say("sqlite_commits_alone", commits_alone(Path(folder)), "commits/s")
        asyncio.run(measure(f"sqlite:///{folder}/ledger.db", "sqlite"))
    for url in sys.argv[1:]:
        asyncio.run(measure(url, url.partition(":")[0]))


if __name__ == "__main__":
    main()
