"""Brings a ledger's schema to the revision this fairgate writes, once, whoever comes first."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from proxy.ledger.errors import LedgerUnavailableError

REVISION = "0003"
KNOWN = ("0001", "0002", "0003")
VERSION_TABLE = "ledger_schema"
LOCK = 0x6661697267617465  # "fairgate": the advisory lock under which PostgreSQL schemas and chains are begun


def prepare(engine: Engine, place: str, patience: float) -> None:
    """Create the tables or upgrade them; returns at once when they are up to date. Refuses a newer ledger."""
    if engine.dialect.name == "sqlite":
        _write_ahead(engine, patience)
    with engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE, so that one process upgrades and the others wait
        lock(connection)
        if check(connection, place) != REVISION:
            _upgrade(connection)


def check(connection: Connection, place: str) -> str | None:
    """The revision of the ledger behind a connection, None where there is none yet; raises for one we do not know."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    if found is not None and found not in KNOWN:
        raise LedgerUnavailableError(
            f"ledger `{place}` was written by a newer fairgate (schema {found}, this one knows up to {REVISION}): "
            "upgrade fairgate, or name another ledger"
        )
    return found


def lock(connection: Connection) -> None:
    """Until the transaction ends no one else upgrades the schema or begins a chain."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _write_ahead(engine: Engine, patience: float) -> None:
    """Readers never wait for the writer. Kept in the file.

    Switching needs the file alone for a moment, and where several processes make the same new file at once SQLite
    refuses some of them without waiting (one of 240 in a trial of four at a time).
    """
    until = time.monotonic() + patience
    while True:
        try:
            with engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA journal_mode=WAL").fetchall()
                return
        except (sqlite3.OperationalError, OperationalError) as error:
            if time.monotonic() > until:
                if isinstance(error, OperationalError):
                    raise
                raise OperationalError("PRAGMA journal_mode=WAL", None, error) from error
            time.sleep(0.02)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # a third of a second that a ledger up to date need not pay
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, REVISION)
