import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from proxy.ledger import schema
from proxy.ledger.engine import Place
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.store import SqlLedger
from proxy.ledger.tables import metadata
from tests.support.records import choice_record, ledger_url, request_facts


async def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    await SqlLedger.open(ledger_url(tmp_path)).aclose()
    engine = Place(ledger_url(tmp_path)).reader()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_code_writes_the_newest_revision_and_knows_all() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == schema.REVISION
    assert {revision.revision for revision in script.walk_revisions()} == set(schema.KNOWN)


def test_a_ledger_of_a_newer_fairgate_is_refused_in_one_line_and_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("CREATE TABLE ledger_schema (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO ledger_schema VALUES ('0107')")
        database.commit()
    with pytest.raises(LedgerUnavailableError, match=r"newer fairgate \(schema 0107.*upgrade fairgate") as caught:
        SqlLedger.open(ledger_url(tmp_path))
    assert "\n" not in str(caught.value)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("ledger_schema",)]


async def test_an_upgrade_cut_short_leaves_nothing_behind(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("CREATE TABLE ledger_erasable (x)")  # in the way of the last table of the revision
        database.commit()
    with pytest.raises(LedgerUnavailableError, match="already exists"):
        SqlLedger.open(ledger_url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("ledger_erasable",)]
        database.execute("DROP TABLE ledger_erasable")
    ledger = SqlLedger.open(ledger_url(tmp_path))
    await ledger.append(request_facts(), choice_record())
    await ledger.aclose()


async def test_opening_waits_for_one_who_reads_a_ledger_not_yet_written_ahead(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as reader:
        reader.execute("CREATE TABLE other (x)")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM other")
        opening = asyncio.create_task(asyncio.to_thread(SqlLedger.open, ledger_url(tmp_path)))
        await asyncio.sleep(0.3)
        assert not opening.done()
        reader.execute("ROLLBACK")
    await (await opening).aclose()


async def test_commits_are_on_the_disk_and_readers_wait_for_no_one(tmp_path: Path) -> None:
    ledger = SqlLedger.open(ledger_url(tmp_path))
    engine = Place(ledger_url(tmp_path)).writer()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    engine.dispose()
    await ledger.aclose()
