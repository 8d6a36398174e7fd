import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from policies.model import Action
from proxy.ledger.engine import Place
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.record import Closing
from proxy.ledger.store import SqlLedger
from proxy.ledger.verify import Report, verify
from tests.support.records import choice_record, ledger_url, request_facts

ROOT = Path(__file__).parents[2]


def appender(url: str, count: int, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.appender", url, str(count), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def verified(url: str) -> Report:
    engine = Place(url).reader()
    with engine.begin() as connection:
        report = verify(connection)
    engine.dispose()
    return report


def acknowledged(output: str) -> list[str]:
    """Whole lines only: the last may have been cut by the kill."""
    return [line for line in output.splitlines(keepends=True) if line.endswith("\n") and line.startswith("dec_")]


def stored(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        return {found for (found,) in database.execute("SELECT decision_id FROM ledger_entries WHERE kind = 'choice'")}


async def test_two_hundred_at_once_are_all_committed_in_one_chain(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path))
    ids = []

    async def one(action: Action) -> None:
        facts = request_facts()
        await ledger.append(facts, choice_record(action))
        await ledger.close(facts.decision_id, Closing("completed"))
        ids.append(facts.decision_id)

    await asyncio.gather(*(one(Action.PASS if number % 3 else Action.BLOCK) for number in range(200)))
    await ledger.aclose()
    assert stored(tmp_path) == set(ids)
    report = verified(ledger_url(tmp_path))
    assert (report.faults, report.rows, len(report.heads)) == ((), 400, 1)


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    url = ledger_url(tmp_path)
    promised: set[str] = set()
    for _ in range(3):
        child = appender(url, 100_000)
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(random.uniform(0.02, 0.3))  # noqa: S311 (anywhere in its work)
        child.kill()
        output = first + child.communicate(timeout=30)[0]
        promised |= {line.strip() for line in acknowledged(output)}
    assert len(promised) > 3
    assert promised <= stored(tmp_path)
    report = verified(url)
    assert (report.faults, len(report.heads)) == ((), 3)


def test_two_processes_write_to_one_ledger_at_once(tmp_path: Path) -> None:
    url = ledger_url(tmp_path)
    children = [appender(url, 240) for _ in range(2)]  # both find no file: one makes it, the other waits
    promised: set[str] = set()
    for child in children:
        output, errors = child.communicate(timeout=60)
        assert (child.returncode, errors) == (0, "")
        promised |= {line.strip() for line in acknowledged(output)}
    assert len(promised) == 480
    assert stored(tmp_path) == promised
    report = verified(url)
    assert (report.faults, report.rows, len(report.heads)) == ((), 960, 2)


def test_a_full_disk_refuses_and_is_forgiven_when_there_is_room_again(tmp_path: Path) -> None:
    child = appender(ledger_url(tmp_path), 800, str(300_000))
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    lines = output.splitlines()
    refused = [line for line in lines if line.startswith("refused")]
    assert refused
    assert "cannot write to ledger" in refused[0]
    assert lines[-1].startswith("dec_")
    assert {line.strip() for line in acknowledged(output)} <= stored(tmp_path)
    assert verified(ledger_url(tmp_path)).faults == ()


async def test_a_locked_ledger_fails_who_waits_keeps_what_is_queued_and_recovers(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path), patience=0.6)
    queued, blocked, later = request_facts(), request_facts(), request_facts()
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        await ledger.append(queued, choice_record(Action.PASS))
        with pytest.raises(LedgerUnavailableError, match=r"within 0\.6 seconds|database is locked") as caught:
            await ledger.append(blocked, choice_record())
        assert "\n" not in str(caught.value)
        with pytest.raises(LedgerUnavailableError):
            await ledger.flush()
        assert not ledger.healthy
        holder.execute("ROLLBACK")
    await ledger.flush()
    assert ledger.healthy
    await ledger.append(later, choice_record())
    await ledger.flush()
    assert {queued.decision_id, later.decision_id} <= stored(tmp_path)
    await ledger.aclose()
    assert verified(ledger_url(tmp_path)).faults == ()


async def test_a_ledger_moved_away_acknowledges_nothing_until_it_is_back(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path))
    before, lost, after = request_facts(), request_facts(), request_facts()
    await ledger.append(before, choice_record())
    files = [tmp_path / f"ledger.db{suffix}" for suffix in ("", "-wal", "-shm")]
    for file in files:
        file.rename(file.with_name(f"away-{file.name}"))
    for _ in range(2):  # noticed after a commit into the moved file, then on connecting
        with pytest.raises(LedgerUnavailableError, match="cannot write to ledger"):
            await ledger.append(lost, choice_record())
    assert not ledger.healthy
    assert not files[0].exists()
    for file in files:
        file.with_name(f"away-{file.name}").rename(file)
    await ledger.append(after, choice_record())
    assert ledger.healthy
    assert {before.decision_id, after.decision_id} <= stored(tmp_path)
    await ledger.aclose()
    assert verified(ledger_url(tmp_path)).faults == ()


async def test_a_full_queue_holds_callers_back_and_then_fails_them(tmp_path: Path) -> None:
    lengths: list[int] = []
    ledger = SqlLedger.open(ledger_url(tmp_path), capacity=8, patience=0.5, watch=lengths.append)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            *(ledger.append(request_facts(), choice_record(Action.PASS)) for _ in range(40)), return_exceptions=True
        )
        failed = [result for result in results if isinstance(result, LedgerUnavailableError)]
        assert len(failed) == 40 - results.count(None)
        assert 8 <= results.count(None) <= 16
        assert max(lengths) == 8
        holder.execute("ROLLBACK")
    await ledger.append(request_facts(), choice_record(Action.PASS))
    await ledger.aclose()
    assert lengths[-1] == 0
    assert len(stored(tmp_path)) == results.count(None) + 1


async def test_callers_held_back_go_on_as_soon_as_there_is_room(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path), capacity=4)
    started = time.perf_counter()
    await asyncio.gather(*(ledger.append(request_facts(), choice_record(Action.PASS)) for _ in range(60)))
    await ledger.aclose()
    assert len(stored(tmp_path)) == 60
    assert time.perf_counter() - started < 1  # fifteen times the linger would be more


async def test_a_row_the_database_refuses_is_lost_alone_and_counted(tmp_path: Path) -> None:
    lost: list[int] = []
    ledger = SqlLedger.open(ledger_url(tmp_path), lost=lost.append)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON ledger_entries WHEN NEW.tenant = 'poison' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
        database.commit()
    tenants = ["acme"] * 5 + ["poison"] + ["acme"] * 5
    facts = [request_facts(tenant=tenant) for tenant in tenants]
    results = await asyncio.gather(
        *(ledger.append(one, choice_record(Action.PASS if at % 2 else Action.BLOCK)) for at, one in enumerate(facts)),
        return_exceptions=True,
    )
    await ledger.append(facts[5], choice_record(Action.PASS))
    with pytest.raises(LedgerUnavailableError, match="not this one"):
        await ledger.append(facts[5], choice_record(Action.BLOCK))
    await ledger.aclose()
    assert sum(lost) == 2
    assert results == [None] * 11  # the poison was a pass that no one waited for
    assert stored(tmp_path) == {one.decision_id for one in facts if one.tenant == "acme"}
    assert verified(ledger_url(tmp_path)).faults == ()


async def test_closing_a_ledger_that_cannot_be_written_says_what_was_lost(tmp_path: Path) -> None:
    lost: list[int] = []
    ledger = SqlLedger.open(ledger_url(tmp_path), patience=0.3, lost=lost.append)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            await ledger.append(request_facts(), choice_record(Action.PASS))
        with pytest.raises(LedgerUnavailableError, match="3 rows unwritten"):
            await ledger.aclose()
        assert sum(lost) == 3
        holder.execute("ROLLBACK")
