"""A PostgreSQL server of one's own, on a socket in a new folder, from whatever binaries the machine has."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _binary(name: str) -> Path | None:
    if found := shutil.which(name):
        return Path(found).resolve()
    return next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None)


def _user() -> str | None:
    """PostgreSQL will not run as root: who to run it as then; None to stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL will not run as root, and there is no other user")


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a fresh database; skips the test where there are no binaries or no driver."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    initdb, pg_ctl = _binary("initdb"), _binary("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL binaries on this machine")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="fairgate-pg-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)

    def run(binary: Path, *arguments: str) -> None:
        subprocess.run([binary, *arguments], user=user, cwd=folder, check=True, capture_output=True, timeout=60)

    data = folder / "data"
    try:
        run(initdb, "-D", str(data), "-U", "fairgate", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run(pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://fairgate@/postgres?host={folder}"
        finally:
            run(pg_ctl, "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
