import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.model import Action
from proxy.ledger.engine import Place
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.record import Closing
from proxy.ledger.schema import VERSION_TABLE
from proxy.ledger.store import SqlLedger
from proxy.ledger.tables import metadata
from proxy.ledger.verify import Report, verify
from tests.support.postgres import postgresql
from tests.support.records import choice_record, request_facts

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def url(server: str) -> str:
    """The server's database with no ledger in it."""
    execute(server, f"DROP TABLE IF EXISTS {', '.join([VERSION_TABLE, *metadata.tables])}")
    return server


def execute(url: str, statement: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(statement)


def verified(url: str) -> Report:
    engine = Place(url).reader()
    with engine.begin() as connection:
        report = verify(connection)
    engine.dispose()
    return report


async def test_records_come_back_equal_and_the_chain_is_whole(url: str) -> None:
    ledger = SqlLedger.open(url)
    facts = request_facts(model="zero \0 and 愛 and \ud800")
    await ledger.append(facts, choice_record(text="zero \0 byte"))
    await ledger.close(facts.decision_id, Closing("completed"))
    await ledger.flush()
    found = await ledger.get(facts.decision_id)
    assert found is not None
    assert found.choices == (choice_record(text="zero \0 byte"),)
    assert found.facts is not None
    assert found.facts.model == "zero \0 and 愛 and ?"
    assert await ledger.recent(action=Action.BLOCK) == (found,)
    await ledger.erase(facts.decision_id)
    await ledger.erase_before(datetime.now(UTC))
    await ledger.aclose()
    report = verified(url)
    assert (report.faults, report.rows, report.texts, report.erased) == ((), 4, 0, 1)


async def test_two_hundred_at_once_are_all_committed(url: str) -> None:
    ledger = SqlLedger.open(url)
    await asyncio.gather(*(ledger.append(request_facts(), choice_record()) for _ in range(200)))
    await ledger.aclose()
    report = verified(url)
    assert (report.faults, report.rows) == ((), 200)


def test_two_processes_write_at_once_and_the_first_to_come_makes_the_tables(url: str) -> None:
    command = [sys.executable, "-m", "tests.support.appender", url, "160"]
    children = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for child in children:
        output, errors = child.communicate(timeout=60)
        assert (child.returncode, errors, output.count("dec_")) == (0, "", 160)
    report = verified(url)
    assert (report.faults, report.rows, len(report.heads)) == ((), 640, 2)


async def test_tampering_is_found(url: str) -> None:
    ledger = SqlLedger.open(url)
    for _ in range(3):
        await ledger.append(request_facts(), choice_record())
    await ledger.aclose()
    execute(url, "UPDATE ledger_entries SET action = 'pass' WHERE seq = 2")
    execute(url, "DELETE FROM ledger_entries WHERE seq = 3")
    assert [(fault.kind, fault.seq) for fault in verified(url).faults] == [("changed", 2), ("truncated", 3)]


async def test_a_connection_lost_while_idle_costs_nothing(url: str) -> None:
    ledger = SqlLedger.open(url)
    first, after = request_facts(), request_facts()
    await ledger.append(first, choice_record())
    execute(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    await ledger.append(after, choice_record())
    await ledger.aclose()
    report = verified(url)
    assert (report.faults, report.rows, len(report.heads)) == ((), 2, 1)


async def test_a_ledger_that_cannot_be_written_fails_who_waits_and_keeps_the_rest(url: str) -> None:
    ledger = SqlLedger.open(url)
    refused, queued, after = request_facts(), request_facts(), request_facts()
    execute(url, "ALTER TABLE ledger_entries RENAME TO away")
    await ledger.append(queued, choice_record(Action.PASS))
    with pytest.raises(LedgerUnavailableError, match="cannot write to ledger"):
        await ledger.append(refused, choice_record())
    execute(url, "ALTER TABLE away RENAME TO ledger_entries")
    await ledger.append(after, choice_record())
    await ledger.flush()
    found = [await ledger.get(facts.decision_id) is not None for facts in (refused, queued, after)]
    await ledger.aclose()
    assert found == [False, True, True]
    assert verified(url).faults == ()


def test_a_database_without_a_ledger_is_said_to_be_none(url: str) -> None:
    from click.testing import CliRunner

    from proxy.commands.ledger import ledger_command

    result = CliRunner().invoke(ledger_command, ["verify", "--ledger", url])
    assert isinstance(result.exception, LedgerUnavailableError)
    assert "holds no ledger" in str(result.exception)
