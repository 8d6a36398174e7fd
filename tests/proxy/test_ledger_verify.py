# ruff: noqa: S608 (the statements are a forger's, put together here from constants)
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.ledger.chain import Head, Row, row_hash
from proxy.ledger.engine import Place
from proxy.ledger.record import Closing
from proxy.ledger.store import SqlLedger
from proxy.ledger.verify import Report, verify
from tests.support.records import choice_record, ledger_url, request_facts


async def written(folder: Path, *, chains: int = 2, requests: int = 3) -> list[str]:
    """A ledger of whole chains, a verdict and an end a request; returns the decisions in order."""
    ids = []
    for _ in range(chains):
        ledger = SqlLedger.open(ledger_url(folder))
        for _ in range(requests):
            facts = request_facts()
            ids.append(facts.decision_id)
            await ledger.append(facts, choice_record())
            await ledger.close(facts.decision_id, Closing("completed"))
        await ledger.aclose()
    return ids


def tamper(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def verified(folder: Path, kept: tuple[Head, ...] = ()) -> Report:
    engine = Place(ledger_url(folder)).reader()
    with engine.begin() as connection:
        report = verify(connection, kept)
    engine.dispose()
    return report


def kinds(report: Report) -> set[str]:
    return {fault.kind for fault in report.faults}


FIRST = "(SELECT chain FROM ledger_chains WHERE number = 1)"
SECOND = "(SELECT chain FROM ledger_chains WHERE number = 2)"


async def test_an_untouched_ledger_has_no_fault(tmp_path: Path) -> None:
    await written(tmp_path)
    report = verified(tmp_path)
    assert report.faults == ()
    assert (report.rows, report.texts, report.erased) == (12, 6, 0)
    assert [head.length for head in report.heads] == [6, 6]


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, '\"block\"', '\"pass\"')",
        "body = body || ' '",
        "decision_id = 'dec_00000000000000000000000000'",
        "decision_id = NULL",
        "tenant = 'other'",
        "tenant = NULL",
        "action = 'pass'",
        "kind = 'closing'",
        "at_us = at_us + 1",
        "at_us = 'then'",
        "sealed = NULL",
        "sealed = '00'",
        "body = x'00'",
    ],
)
async def test_a_change_of_any_column_is_found_at_its_row(tmp_path: Path, change: str) -> None:
    await written(tmp_path)
    tamper(tmp_path, f"UPDATE ledger_entries SET {change} WHERE seq = 3 AND chain = {FIRST}")
    report = verified(tmp_path)
    changed = [fault for fault in report.faults if fault.kind == "changed"]
    assert [fault.seq for fault in changed] == [3]
    assert kinds(report) <= {"changed", "text_changed"}


async def test_a_row_changed_and_hashed_anew_no_longer_leads_to_the_next(tmp_path: Path) -> None:
    await written(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        row = Row(*database.execute(f"SELECT * FROM ledger_entries WHERE seq = 3 AND chain = {FIRST}").fetchone())
    assert row.hash == row_hash(row)
    forged = row_hash(replace(row, action="pass"))
    tamper(
        tmp_path,
        f"UPDATE ledger_entries SET action = 'pass', hash = '{forged}' WHERE seq = 3 AND chain = '{row.chain}'",
    )
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.seq) == ("moved", 4)


async def test_a_deleted_row_is_found(tmp_path: Path) -> None:
    await written(tmp_path)
    tamper(tmp_path, f"DELETE FROM ledger_entries WHERE seq IN (3, 4) AND chain = {SECOND}")
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.seq, fault.detail) == ("deleted", 3, "2 rows before 5 are gone")


async def test_a_deleted_row_whose_gap_was_closed_is_found(tmp_path: Path) -> None:
    await written(tmp_path)
    close_gap = [f"UPDATE ledger_entries SET seq = {at - 1} WHERE seq = {at} AND chain = {FIRST}" for at in (4, 5, 6)]
    tamper(tmp_path, f"DELETE FROM ledger_entries WHERE seq = 3 AND chain = {FIRST}", *close_gap)
    report = verified(tmp_path)
    assert kinds(report) >= {"moved", "truncated"}
    assert ("moved", 3) in {(fault.kind, fault.seq) for fault in report.faults}


async def test_a_first_row_that_was_deleted_is_found(tmp_path: Path) -> None:
    await written(tmp_path)
    tamper(tmp_path, f"DELETE FROM ledger_entries WHERE seq = 1 AND chain = {FIRST}")
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.seq) == ("deleted", 1)


async def test_rows_that_changed_places_are_found(tmp_path: Path) -> None:
    await written(tmp_path)
    swap = [
        f"UPDATE ledger_entries SET seq = {to} WHERE seq = {at} AND chain = {FIRST}"
        for at, to in ((2, 99), (3, 2), (99, 3))
    ]
    tamper(tmp_path, *swap)
    report = verified(tmp_path)
    assert [(fault.kind, fault.seq) for fault in report.faults if fault.kind == "moved"] == [
        ("moved", 2),
        ("moved", 3),
        ("moved", 4),
    ]


async def test_rows_that_changed_places_with_their_links_are_found(tmp_path: Path) -> None:
    await written(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        query = f"SELECT hash FROM ledger_entries WHERE chain = {FIRST} ORDER BY seq"
        hashes = [found for (found,) in database.execute(query)]
    swap = [
        f"UPDATE ledger_entries SET seq = {to}, previous = '{hashes[after - 1]}' WHERE seq = {at} AND chain = {FIRST}"
        for at, to, after in ((3, 99, 4), (4, 3, 2), (5, 5, 3), (99, 4, 4))
    ]
    tamper(tmp_path, *swap)
    report = verified(tmp_path)
    assert [(fault.kind, fault.seq) for fault in report.faults if fault.kind == "changed"] == [
        ("changed", 3),
        ("changed", 4),
        ("changed", 5),
    ]


@pytest.mark.parametrize("left", [5, 1, 0])
async def test_a_chain_cut_off_at_its_end_is_found_by_its_anchor(tmp_path: Path, left: int) -> None:
    await written(tmp_path)
    tamper(tmp_path, f"DELETE FROM ledger_entries WHERE seq > {left} AND chain = {FIRST}")
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.seq) == ("truncated", left + 1)


async def test_a_row_added_at_the_end_is_found_by_the_anchor(tmp_path: Path) -> None:
    await written(tmp_path)
    columns = "kind, decision_id, at_us, tenant, action, body, sealed, previous, hash"
    tamper(
        tmp_path,
        f"INSERT INTO ledger_entries (chain, seq, {columns}) SELECT chain, 7, {columns} FROM ledger_entries "
        f"WHERE seq = 6 AND chain = {FIRST}",
    )
    assert kinds(verified(tmp_path)) == {"moved", "anchor"}


async def test_a_whole_chain_that_is_gone_is_found_by_the_next(tmp_path: Path) -> None:
    await written(tmp_path, chains=3)
    tamper(
        tmp_path,
        f"DELETE FROM ledger_entries WHERE chain = {SECOND}",
        "DELETE FROM ledger_chains WHERE number = 2",
    )
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.detail) == ("deleted", "1 chains before it are gone")


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM ledger_chains WHERE number = 2", "unanchored"),
        ("UPDATE ledger_chains SET length = 5 WHERE number = 1", "anchor"),
        ("UPDATE ledger_chains SET head = opening WHERE number = 1", "anchor"),
        ("UPDATE ledger_chains SET started_us = 0 WHERE number = 1", "anchor"),
        ("UPDATE ledger_chains SET started_us = 'then' WHERE number = 1", "anchor"),
        ("UPDATE ledger_chains SET opening = head WHERE number = 1", "anchor"),
        ("UPDATE ledger_chains SET previous = head WHERE number = 2", "anchor"),
        ("UPDATE ledger_chains SET number = 7 WHERE number = 2", "deleted"),
    ],
)
async def test_a_changed_anchor_is_found(tmp_path: Path, statement: str, kind: str) -> None:
    await written(tmp_path)
    tamper(tmp_path, statement)
    assert kind in kinds(verified(tmp_path))


async def test_changed_text_is_found(tmp_path: Path) -> None:
    await written(tmp_path)
    tamper(
        tmp_path,
        f"UPDATE ledger_erasable SET content = replace(content, 'truth', 'lie') WHERE seq = 3 AND chain = {FIRST}",
    )
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.seq) == ("text_changed", 3)


async def test_a_changed_salt_is_found(tmp_path: Path) -> None:
    await written(tmp_path)
    tamper(tmp_path, f"UPDATE ledger_erasable SET salt = 'none' WHERE seq = 3 AND chain = {FIRST}")
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.seq) == ("text_changed", 3)


async def test_text_slipped_under_a_row_that_had_none_is_found(tmp_path: Path) -> None:
    await written(tmp_path)
    tamper(tmp_path, f"UPDATE ledger_erasable SET seq = 4 WHERE seq = 3 AND chain = {FIRST}")
    assert [(fault.kind, fault.seq) for fault in verified(tmp_path).faults] == [
        ("text_missing", 3),
        ("text_changed", 4),
    ]


async def test_text_erased_on_purpose_leaves_the_chain_whole(tmp_path: Path) -> None:
    ids = await written(tmp_path)
    ledger = SqlLedger.open(ledger_url(tmp_path))
    await ledger.erase(ids[1])
    await ledger.aclose()
    report = verified(tmp_path)
    assert (report.faults, report.texts, report.erased) == ((), 5, 1)


async def test_text_past_its_time_leaves_the_chain_whole(tmp_path: Path) -> None:
    await written(tmp_path)
    ledger = SqlLedger.open(ledger_url(tmp_path))
    await ledger.erase_before(datetime.now(UTC))
    await ledger.append(request_facts(), choice_record())
    await ledger.aclose()
    report = verified(tmp_path)
    assert (report.faults, report.texts, report.erased) == ((), 1, 6)


async def test_text_that_vanished_without_a_word_is_a_fault(tmp_path: Path) -> None:
    ids = await written(tmp_path)
    ledger = SqlLedger.open(ledger_url(tmp_path))
    await ledger.erase(ids[1])
    await ledger.aclose()
    tamper(tmp_path, f"DELETE FROM ledger_erasable WHERE seq = 1 AND chain = {FIRST}")
    (fault,) = verified(tmp_path).faults
    assert (fault.kind, fault.seq) == ("text_missing", 1)
    assert ids[0] in fault.detail


async def test_a_chain_written_anew_with_its_anchor_is_found_by_heads_kept_elsewhere(tmp_path: Path) -> None:
    await written(tmp_path)
    kept = verified(tmp_path).heads
    assert verified(tmp_path, kept).faults == ()
    (tmp_path / "ledger.db").unlink()
    await written(tmp_path)
    report = verified(tmp_path, kept)
    assert {(fault.kind, fault.chain) for fault in report.faults} == {("not_continued", head.chain) for head in kept}


async def test_heads_kept_elsewhere_find_a_chain_cut_off_with_its_anchor(tmp_path: Path) -> None:
    await written(tmp_path)
    kept = verified(tmp_path).heads
    tamper(
        tmp_path,
        f"DELETE FROM ledger_entries WHERE seq > 4 AND chain = {SECOND}",
        "DELETE FROM ledger_erasable WHERE (chain, seq) NOT IN (SELECT chain, seq FROM ledger_entries)",
        "UPDATE ledger_chains SET length = 4, head = "
        f"(SELECT hash FROM ledger_entries WHERE seq = 4 AND chain = {SECOND}) WHERE number = 2",
    )
    assert verified(tmp_path).faults == ()
    assert kinds(verified(tmp_path, kept)) == {"not_continued"}


async def test_heads_kept_elsewhere_find_a_last_row_forged_with_its_anchor(tmp_path: Path) -> None:
    await written(tmp_path)
    kept = verified(tmp_path).heads
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        row = Row(*database.execute(f"SELECT * FROM ledger_entries WHERE seq = 6 AND chain = {SECOND}").fetchone())
    forged = row_hash(replace(row, tenant="other"))
    tamper(
        tmp_path,
        f"UPDATE ledger_entries SET tenant = 'other', hash = '{forged}' WHERE seq = 6 AND chain = {SECOND}",
        f"UPDATE ledger_chains SET head = '{forged}' WHERE number = 2",
    )
    assert verified(tmp_path).faults == ()
    assert [(fault.kind, fault.seq) for fault in verified(tmp_path, kept).faults] == [("not_continued", 6)]


async def test_a_ledger_put_back_from_an_older_copy_is_gone_on_with_in_a_new_chain(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path))
    await ledger.append(request_facts(), choice_record())
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as now, closing(sqlite3.connect(tmp_path / "old.db")) as old:
        now.backup(old)
        await ledger.append(request_facts(), choice_record())
        old.backup(now)
    facts = request_facts()
    await ledger.append(facts, choice_record())
    await ledger.aclose()
    report = verified(tmp_path)
    assert (report.faults, [head.length for head in report.heads]) == ((), [1, 1])
