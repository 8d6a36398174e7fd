"""Brings a ledger's schema to the revision this fairgate writes, once, whoever comes first."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from proxy.ledger.errors import LedgerUnavailableError

REVISION = "0001"
KNOWN = ("0001",)
VERSION_TABLE = "ledger_schema"
LOCK = 0x6661697267617465  # "fairgate": the advisory lock under which PostgreSQL schemas and chains are begun


def prepare(engine: Engine, place: str) -> None:
    """Create the tables or upgrade them; returns at once when they are up to date. Refuses a newer ledger."""
    if engine.dialect.name == "sqlite":
        _write_ahead(engine)
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


def _write_ahead(engine: Engine) -> None:
    """Readers never wait for the writer. Kept in the file; switching needs it for a moment alone, hence the retry."""
    for attempt in range(3):
        try:
            with engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None  # noqa: S101 (a connection just made has its driver's behind it)
                raw.execute("PRAGMA journal_mode=WAL")
                return
        except OperationalError:
            if attempt == 2:
                raise


def _upgrade(connection: Connection) -> None:
    from alembic import command  # a third of a second that a ledger up to date need not pay
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, REVISION)
