"""Where a ledger is, and the database engines that write to it and read from it."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from indexes.errors import UsageError
from proxy.ledger.errors import LedgerUnavailableError

BUSY_SECONDS = 5.0
_POSTGRESQL = {  # a server that has gone silent is noticed within seconds, not within TCP's two hours
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

logger = logging.getLogger(__name__)


class Place:
    """A ledger's address, read once: `name` for messages (without password), `file` where it is a SQLite file.

    `patience` is how many seconds a SQLite ledger that another process has locked is waited for.
    """

    def __init__(self, url: str, patience: float = BUSY_SECONDS) -> None:
        self.patience = min(patience, BUSY_SECONDS)
        self.url = _parse(url)
        self.name = self.url.render_as_string(hide_password=True)
        self.file = _file(self.url)

    def writer(self, *, create: bool = False) -> Engine:
        """An engine whose transactions write. A SQLite file that is not there is made only with `create`."""
        if self.file is None:
            return _made(self.url, connect_args=_POSTGRESQL, pool_pre_ping=True)
        if not self.file.parent.is_dir():
            raise UsageError(f"`{self.file.parent}` is no folder: make it, or name another place for the ledger")
        engine = _made(_uri(self.file, "rwc" if create else "rw"), connect_args={"timeout": self.patience})
        _sqlite(engine, self.file, begin="BEGIN IMMEDIATE")
        return engine

    def reader(self) -> Engine:
        """An engine whose transactions each see one state of the ledger and change nothing."""
        if self.file is None:
            return _made(self.url, connect_args=_POSTGRESQL, isolation_level="REPEATABLE READ", pool_pre_ping=True)
        if not self.file.is_file():
            raise LedgerUnavailableError(
                f"no ledger at `{self.file}`: start `fairgate serve` first, or name it with --ledger"
            )
        engine = _made(_uri(self.file, "ro"), connect_args={"timeout": self.patience})
        _sqlite(engine, self.file, begin="BEGIN")
        return engine

    def confirm(self, connection: Connection) -> None:
        """Raise FileNotFoundError when the SQLite file that a connection has open is no longer the one at this place.

        SQLite goes on writing to a file that was removed or moved away: such a commit is none.
        """
        if self.file is not None and inode(self.file) != connection.info.get("inode"):
            raise FileNotFoundError(f"`{self.file}` was moved away: put it back, or restart to begin another")

    def scrub(self, connection: Connection) -> None:
        """Let no copy of what was just erased stay in SQLite's log, unless someone is reading an older state of it."""
        if self.file is None:
            return
        raw: Any = connection.connection.driver_connection
        try:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            logger.warning("erased text may stay in `%s-wal` until the next checkpoint: %s", self.file, error)


def inode(file: Path) -> int | None:
    """Which file stands at a path; None where there is none."""
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return None


@contextmanager
def unavailable(place: Place, doing: str) -> Iterator[None]:
    """Every fault of the database inside is a LedgerUnavailableError that says what could not be done, and where."""
    try:
        yield
    except SQLAlchemyError as error:
        raise LedgerUnavailableError(f"cannot {doing} ledger `{place.name}`: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """A foreign error in one line, without the statement or its values."""
    inner = getattr(error, "orig", None) or error
    lines = str(inner).strip().splitlines()
    return lines[0].strip() if lines else type(inner).__name__


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        name = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(
            f"`{url}` is no ledger URL: write sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        ) from error
    if name not in ("sqlite", "postgresql"):
        raise UsageError(
            f"a ledger cannot be kept in `{name}`: write sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        )
    return parsed


def _file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise UsageError(f"`{url}` names no file: a ledger in memory is none; write sqlite:///FILE")
    return Path(url.database).absolute()


def _uri(file: Path, mode: str) -> str:
    return f"sqlite:///file:{quote(str(file))}?mode={mode}&uri=true"


def _made(url: URL | str, **options: Any) -> Engine:
    try:
        return create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise UsageError(f"a ledger in PostgreSQL needs `{error.name}`: pip install 'psycopg[binary]'") from error


def _sqlite(engine: Engine, file: Path, begin: str) -> None:
    """Transactions begin when we say so and as we say, and a commit is on the disk when it returns.

    The driver's own would begin at the first change, too late to wait for another process's turn. FULL, not NORMAL:
    under write-ahead logging NORMAL would lose acknowledged decisions when the machine (not the process) dies.
    """

    def connected(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["inode"] = inode(file)
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten, not only unlinked

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
