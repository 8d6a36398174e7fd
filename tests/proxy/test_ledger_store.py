import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexes.errors import UsageError
from indexes.model import Span
from policies.model import Action
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.identity import least_decision_id, new_decision_id
from proxy.ledger.record import Closing, Excerpt
from proxy.ledger.store import SqlLedger
from tests.support.records import choice_record, ledger_url, request_facts


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    opened = SqlLedger.open(ledger_url(tmp_path), patience=5)
    yield opened
    await opened.aclose()


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        return int(database.execute("SELECT count(*) FROM ledger_entries").fetchone()[0])


def files(folder: Path) -> list[tuple[str, bytes]]:
    return [(file.name, file.read_bytes()) for file in folder.iterdir()]


async def test_a_record_is_read_back_equal_to_the_last_bit(ledger: SqlLedger) -> None:
    facts, record = request_facts(), choice_record()
    await ledger.append(facts, record)
    found = await ledger.get(facts.decision_id)
    assert found is not None
    assert found.facts == facts
    assert found.choices == (record,)
    assert found.closing is None


async def test_a_request_that_runs_is_found_before_it_has_a_verdict_and_without_waiting(ledger: SqlLedger) -> None:
    facts, record = request_facts(), choice_record()
    assert ledger.begin(facts)
    await ledger.flush()
    found = await ledger.get(facts.decision_id)
    assert found is not None
    assert (found.facts, found.choices, found.closing) == (facts, (), None)
    await ledger.append(facts, record)
    await ledger.close(facts.decision_id, Closing("completed"))
    await ledger.flush()
    (found,) = await ledger.recent()
    assert (found.facts, found.choices, found.closing) == (facts, (record,), Closing("completed"))


async def test_text_that_json_and_databases_trip_over_is_kept(ledger: SqlLedger) -> None:
    text = 'zero \0, quote ", back \\, 愛, e\u0301, \U0001f600, \u2028'
    facts = request_facts(model=text)
    await ledger.append(facts, choice_record(text=text))
    found = await ledger.get(facts.decision_id)
    assert found is not None
    assert found.facts is not None
    assert found.facts.model == text
    assert found.choices[0].excerpts[0].text == text


async def test_half_a_surrogate_pair_does_not_lose_the_decision(ledger: SqlLedger) -> None:
    facts = request_facts(model="m\ud800")
    await ledger.append(facts, choice_record(text="x\udfff"))
    found = await ledger.get(facts.decision_id)
    assert found is not None
    assert found.facts is not None
    assert (found.facts.model, found.choices[0].excerpts[0].text) == ("m?", "x?")


async def test_what_is_not_pass_is_on_the_disk_when_append_returns(ledger: SqlLedger, tmp_path: Path) -> None:
    for number, action in enumerate((Action.ATTRIBUTE, Action.REWRITE, Action.BLOCK), start=1):
        await ledger.append(request_facts(), choice_record(action))
        assert rows(tmp_path) == number


async def test_no_one_waits_for_a_pass_to_be_written(ledger: SqlLedger, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # nothing can be committed now
        for _ in range(50):
            await ledger.append(request_facts(), choice_record(Action.PASS))
        assert (ledger.queued, rows(tmp_path)) == (50, 0)
        holder.execute("ROLLBACK")
    await ledger.flush()
    assert (ledger.queued, rows(tmp_path)) == (0, 50)


async def test_a_pass_is_written_even_if_nothing_comes_after_it(ledger: SqlLedger, tmp_path: Path) -> None:
    await ledger.append(request_facts(), choice_record(Action.PASS))
    for _ in range(100):
        if rows(tmp_path) == 1:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the pass was never written")


async def test_a_record_outlives_the_caller_that_went_away(ledger: SqlLedger) -> None:
    facts = request_facts()
    task = asyncio.create_task(ledger.append(facts, choice_record()))
    await asyncio.sleep(0)
    task.cancel()
    await ledger.flush()
    assert await ledger.get(facts.decision_id) is not None


async def test_choices_and_the_end_of_one_request_are_one_decision(ledger: SqlLedger) -> None:
    facts = request_facts()
    await ledger.append(facts, choice_record(Action.BLOCK, choice=1))
    await ledger.append(facts, choice_record(Action.PASS, choice=0))
    await ledger.close(facts.decision_id, Closing("client_left", "after 2 of 3 choices"))
    await ledger.flush()
    (found,) = await ledger.recent()
    assert [choice.choice for choice in found.choices] == [0, 1]
    assert found.action is Action.BLOCK
    assert found.closing == Closing("client_left", "after 2 of 3 choices")


async def test_a_request_that_failed_before_any_verdict_has_its_end_and_its_facts(ledger: SqlLedger) -> None:
    facts = request_facts()
    await ledger.close(facts.decision_id, Closing("upstream_failed", "connection refused"), facts)
    bare = new_decision_id()
    await ledger.close(bare, Closing("failed"))
    await ledger.flush()
    with_facts, without = await ledger.get(facts.decision_id), await ledger.get(bare)
    assert with_facts is not None
    assert (with_facts.facts, with_facts.choices) == (facts, ())
    assert without is not None
    assert (without.facts, without.closing) == (None, Closing("failed"))


async def test_recent_comes_newest_first_and_goes_on_after_the_last_one_seen(ledger: SqlLedger) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [least_decision_id(start + timedelta(hours=hour)) for hour in range(6)]
    for number, decision_id in enumerate(ids):
        action = Action.BLOCK if number % 2 else Action.PASS
        tenant = "acme" if number < 3 else "umbra"
        await ledger.append(request_facts(decision_id=decision_id, tenant=tenant), choice_record(action))
    await ledger.flush()

    async def found(**query: object) -> list[int]:
        return [ids.index(decision.decision_id) for decision in await ledger.recent(**query)]  # type: ignore[arg-type]

    assert await found() == [5, 4, 3, 2, 1, 0]
    assert await found(limit=2) == [5, 4]
    assert await found(limit=2, after=ids[4]) == [3, 2]
    assert await found(action=Action.BLOCK) == [5, 3, 1]
    assert await found(tenant="acme") == [2, 1, 0]
    assert await found(since=start + timedelta(hours=4)) == [5, 4]
    assert await found(action=Action.BLOCK, tenant="umbra", limit=1) == [5]
    assert await found(tenant="nobody") == []
    assert await ledger.get("dec_00000000000000000000000000") is None


async def test_a_choice_written_twice_counts_once_with_its_last_word(ledger: SqlLedger) -> None:
    facts = request_facts()
    await ledger.append(facts, choice_record(Action.ATTRIBUTE))
    await ledger.append(facts, choice_record(Action.BLOCK))
    found = await ledger.get(facts.decision_id)
    assert found is not None
    assert [choice.verdict.action for choice in found.choices] == [Action.BLOCK]


async def test_an_unreadable_row_is_counted_and_the_rest_of_the_decision_stands(
    ledger: SqlLedger, tmp_path: Path
) -> None:
    facts = request_facts()
    await ledger.append(facts, choice_record(choice=0))
    await ledger.append(facts, choice_record(choice=1))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("UPDATE ledger_entries SET body = '{\"facts\": 1' WHERE seq = 1")
        database.commit()
    found = await ledger.get(facts.decision_id)
    assert found is not None
    assert ([choice.choice for choice in found.choices], found.unreadable) == ([1], 1)


async def test_erasing_one_decision_takes_its_text_user_and_client_and_leaves_the_verdict(ledger: SqlLedger) -> None:
    facts, other = request_facts(), request_facts()
    await ledger.append(facts, choice_record())
    await ledger.append(other, choice_record())
    await ledger.erase(facts.decision_id)
    erased, kept = await ledger.get(facts.decision_id), await ledger.get(other.decision_id)
    assert erased is not None
    assert erased.facts == replace(facts, user=None, client=None)
    assert erased.choices == (choice_record(text=""),)
    assert kept is not None
    assert kept.choices == (choice_record(),)


async def test_text_still_on_its_way_to_the_disk_is_erased_too(ledger: SqlLedger) -> None:
    facts = request_facts()
    await ledger.append(facts, choice_record(Action.PASS))
    await ledger.erase(facts.decision_id)
    erased = await ledger.get(facts.decision_id)
    assert erased is not None
    assert erased.choices == (choice_record(Action.PASS, text=""),)


async def test_erased_text_is_nowhere_in_the_files(ledger: SqlLedger, tmp_path: Path) -> None:
    facts = request_facts()
    secret = "vermilion platypus " * 20
    await ledger.append(facts, replace(choice_record(), excerpts=(Excerpt("content", Span(0, 380), secret),)))
    await ledger.erase(facts.decision_id)
    assert [name for name, content in files(tmp_path) if b"vermilion platypus" in content] == []


async def test_text_past_its_time_goes_and_younger_text_stays(ledger: SqlLedger) -> None:
    old, young = request_facts(), request_facts()
    await ledger.append(old, choice_record())
    between = datetime.now(UTC)
    await asyncio.sleep(0.002)
    await ledger.append(young, choice_record())
    await ledger.erase_before(between)
    found = [await ledger.get(facts.decision_id) for facts in (old, young)]
    assert [len(decision.choices[0].excerpts) for decision in found if decision] == [0, 1]


async def test_closing_writes_what_is_queued_and_then_takes_nothing_more(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path))
    for _ in range(20):
        await ledger.append(request_facts(), choice_record(Action.PASS))
    await ledger.aclose()
    assert rows(tmp_path) == 20
    with pytest.raises(LedgerUnavailableError, match="is closed"):
        await ledger.append(request_facts(), choice_record(Action.PASS))


async def test_a_second_process_finds_what_the_first_wrote(tmp_path: Path) -> None:
    facts = request_facts()
    for number in range(2):
        ledger = SqlLedger.open(ledger_url(tmp_path))
        await ledger.append(facts, choice_record(choice=number))
        await ledger.aclose()
    ledger = SqlLedger.open(ledger_url(tmp_path))
    found = await ledger.get(facts.decision_id)
    await ledger.aclose()
    assert found is not None
    assert found.choices == (choice_record(choice=0), choice_record(choice=1))


def test_ids_are_26_characters_of_one_alphabet_and_sort_by_time() -> None:
    first = new_decision_id()
    time.sleep(0.002)
    later = [new_decision_id() for _ in range(1000)]
    assert len(set(later)) == 1000
    assert all(first < one for one in later)
    assert len(first) == 30
    assert set(first.removeprefix("dec_")) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert (
        least_decision_id(datetime.now(UTC) - timedelta(seconds=1))
        < first
        < least_decision_id(datetime.now(UTC) + timedelta(seconds=1))
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "no ledger URL"),
        ("ledger.db", "no ledger URL"),
        ("mysql://localhost/x", "cannot be kept in `mysql`"),
        ("nosuch://localhost/x", "cannot be kept in `nosuch`"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////nowhere/at/all/l.db", "is no folder"),
    ],
)
def test_a_wrong_address_is_refused_in_one_line(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        SqlLedger.open(url)
    assert "\n" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(LedgerUnavailableError) as caught:
        SqlLedger.open("postgresql://someone:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(os.urandom(8192))
    with pytest.raises(LedgerUnavailableError, match="not a database"):
        SqlLedger.open(ledger_url(tmp_path))
