import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexes.errors import FairgateError, UsageError
from policies.model import Action
from proxy.commands.ledger import ledger_command
from proxy.ledger.record import Closing
from proxy.ledger.store import SqlLedger
from tests.support.records import choice_record, ledger_url, request_facts

Run = Callable[..., Result]


@pytest.fixture
async def url(tmp_path: Path) -> str:
    """A ledger of one block, one pass and one failure."""
    ledger = SqlLedger.open(ledger_url(tmp_path))
    blocked = request_facts(model="=cmd|'/c calc'!A1")
    await ledger.append(blocked, choice_record(text="secret passage"))
    await ledger.close(blocked.decision_id, Closing("completed"))
    passed = request_facts()
    await ledger.append(passed, choice_record(Action.PASS, text=""))
    await ledger.close(passed.decision_id, Closing("client_left"))
    failed = request_facts()
    await ledger.close(failed.decision_id, Closing("upstream_failed", "connection refused"), failed)
    await ledger.aclose()
    return ledger_url(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(ledger_command, arguments)


def test_verify_says_that_all_is_as_written(url: str) -> None:
    result = run("verify", "--ledger", url)
    assert (result.exit_code, result.output) == (0, "5 rows in 1 chains (3 texts, 0 erased): all as written\n")


def test_verify_names_the_row_and_exits_1(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("UPDATE ledger_entries SET action = 'pass' WHERE seq = 1")
        database.commit()
    result = run("verify", "--ledger", url)
    assert result.exit_code == 1
    assert "changed: chain " in result.output
    assert " row 1: its content is not what was written (decision `dec_" in result.output
    assert result.output.endswith("1 faults\n")


def test_an_earlier_report_is_held_against_the_ledger(url: str, tmp_path: Path) -> None:
    report = run("verify", "--ledger", url, "--json")
    assert json.loads(report.output)["faults"] == []
    kept = tmp_path / "kept.json"
    kept.write_text(report.output, encoding="utf-8")
    assert run("verify", "--ledger", url, "--against", str(kept)).exit_code == 0
    kept.write_text(report.output.replace('"length":5', '"length":6'), encoding="utf-8")
    result = run("verify", "--ledger", url, "--against", str(kept))
    assert result.exit_code == 1
    assert "not_continued" in result.output


def test_a_report_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("[]", encoding="utf-8")
    result = run("verify", "--ledger", url, "--against", str(kept))
    assert isinstance(result.exception, UsageError)


def test_export_gives_each_row_with_its_place_in_the_chain_and_no_text(url: str) -> None:
    result = run("export", "--ledger", url)
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert [(row["seq"], row["kind"]) for row in rows] == [
        (1, "choice"),
        (2, "closing"),
        (3, "choice"),
        (4, "closing"),
        (5, "closing"),
    ]
    assert rows[1]["previous"] == rows[0]["hash"]
    assert rows[0]["body"]["choice"]["verdict"]["action"] == "block"
    assert "secret passage" not in result.output
    assert "203.0.113.7" not in result.output


def test_an_export_can_be_checked_without_fairgate(url: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
    recipe = page.partition("```python\n")[2].partition("```")[0]
    lines = run("export", "--ledger", url).output.splitlines()
    exec(recipe, {"lines": lines})  # noqa: S102 (the page's own recipe; it asserts)
    forged = [line.replace('"action":"block"', '"action":"pass"') for line in lines]
    with pytest.raises(AssertionError):
        exec(recipe, {"lines": forged})  # noqa: S102


def test_export_gives_text_to_who_asks_for_it(url: str) -> None:
    rows = [json.loads(line) for line in run("export", "--ledger", url, "--text").output.splitlines()]
    assert rows[0]["private"]["excerpts"][0]["text"] == "secret passage"
    assert rows[0]["private"]["client"] == "203.0.113.7"
    assert rows[1]["private"] is None


def test_export_as_a_table_opens_in_a_spreadsheet_and_runs_nothing(url: str) -> None:
    rows = list(csv.DictReader(run("export", "--ledger", url, "--format", "csv").output.splitlines()))
    assert [(row["kind"], row["action"], row["outcome"]) for row in rows] == [
        ("choice", "block", ""),
        ("closing", "", "completed"),
        ("choice", "pass", ""),
        ("closing", "", "client_left"),
        ("closing", "", "upstream_failed"),
    ]
    assert (rows[0]["works"], rows[0]["matches"], rows[0]["policy"]) == ("emma.txt", "1", "balanced@3f2a")
    assert rows[0]["model"] == "'=cmd|'/c calc'!A1"
    assert (rows[4]["route"], rows[4]["detail"]) == ("/v1/chat/completions", "connection refused")


def test_export_leaves_out_what_is_older(url: str) -> None:
    assert run("export", "--ledger", url, "--since", "2100-01-01").output == ""
    assert len(run("export", "--ledger", url, "--since", "1h").output.splitlines()) == 5
    assert run("export", "--ledger", url, "--since", "yesterday").exit_code == 2


def test_export_of_text_as_a_table_is_refused(url: str) -> None:
    assert isinstance(run("export", "--ledger", url, "--format", "csv", "--text").exception, UsageError)


def test_stats_counts_by_action(url: str) -> None:
    result = run("stats", "--ledger", url)
    assert result.output.startswith("3 decisions, 20")
    assert "block               1" in result.output
    counted = json.loads(run("stats", "--ledger", url, "--json").output)
    assert counted["actions"] == {"block": 1, "pass": 1}
    assert (counted["decisions"], counted["rows"], counted["texts"]) == (3, 5, 3)


@pytest.mark.parametrize("command", ["verify", "export", "stats"])
def test_a_ledger_that_is_not_there_is_said_and_not_made(command: str, tmp_path: Path) -> None:
    result = run(command, "--ledger", ledger_url(tmp_path))
    assert isinstance(result.exception, FairgateError)
    assert str(result.exception).startswith(f"no ledger at `{tmp_path / 'ledger.db'}`")
    assert list(tmp_path.iterdir()) == []


def test_another_database_is_no_ledger(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("CREATE TABLE other (x)")
    result = run("verify", "--ledger", ledger_url(tmp_path))
    assert isinstance(result.exception, FairgateError)
    assert "holds no ledger" in str(result.exception)


async def several(folder: Path, count: int = 3) -> tuple[str, list[str]]:
    """A ledger that several processes wrote to in turns, and its decisions in the order they were made in."""
    url = ledger_url(folder)
    writers = [SqlLedger.open(url) for _ in range(count)]
    ids = []
    for turn in range(4 * count):
        facts = request_facts(tenant=f"tenant-{turn % count}")
        await writers[turn % count].append(facts, choice_record(text=f"passage {turn}"))
        ids.append(facts.decision_id)
    for writer in writers:
        await writer.aclose()
    return url, ids


async def test_rows_of_several_writers_are_exported_in_order_of_time(tmp_path: Path) -> None:
    url, ids = await several(tmp_path)
    rows = [json.loads(line) for line in run("export", "--ledger", url, "--text").output.splitlines()]
    assert [row["decision_id"] for row in rows] == ids
    assert [row["private"]["excerpts"][0]["text"] for row in rows] == [f"passage {turn}" for turn in range(12)]
    chains = list(dict.fromkeys(row["chain"] for row in rows))
    assert len(chains) == 3
    for chain in chains:
        its = [row for row in rows if row["chain"] == chain]
        assert [row["seq"] for row in its] == [1, 2, 3, 4]
        assert [row["previous"] for row in its[1:]] == [row["hash"] for row in its[:-1]]
    table = list(csv.DictReader(run("export", "--ledger", url, "--format", "csv").output.splitlines()))
    assert [(row["decision_id"], row["chain"], row["seq"]) for row in table] == [
        (row["decision_id"], row["chain"], str(row["seq"])) for row in rows
    ]


async def test_what_one_writer_erased_of_anothers_is_no_fault(tmp_path: Path) -> None:
    url, ids = await several(tmp_path)
    ledger = SqlLedger.open(url)
    await ledger.erase(ids[1])
    await ledger.aclose()
    result = run("verify", "--ledger", url)
    assert (result.exit_code, result.output) == (0, "13 rows in 4 chains (11 texts, 1 erased): all as written\n")


async def test_a_fault_in_one_of_several_chains_is_named_and_the_others_stand(tmp_path: Path) -> None:
    url, ids = await several(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        (chain,) = database.execute("SELECT chain FROM ledger_entries WHERE decision_id = ?", (ids[4],)).fetchone()
        database.execute("DELETE FROM ledger_entries WHERE decision_id = ?", (ids[4],))
        database.commit()
    result = run("verify", "--ledger", url)
    assert result.exit_code == 1
    assert result.output.startswith(f"deleted: chain {chain} row 2: ")
    assert result.output.count("chain ") == 1
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("DELETE FROM ledger_entries WHERE chain = ?", (chain,))
        database.execute("DELETE FROM ledger_chains WHERE chain = ?", (chain,))
        database.commit()
    assert "deleted: chain " in run("verify", "--ledger", url).output
