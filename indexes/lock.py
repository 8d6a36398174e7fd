"""The lock of an index's one writer. It belongs to an open file, so it ends with the process that took it."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

from indexes.errors import FairgateError
from indexes.segment import FULL, reason, remedy
from indexes.state import MANIFEST

LOCK: Final = "lock"
HELD: Final = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of an index. Who finds it held is told by whom; a process that is gone holds nothing.

    Raises FairgateError if another process (or this one, elsewhere) holds it, or there can be no lock here.
    """
    try:
        file = FileIO(os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+")
    except OSError as error:
        raise unwritable(directory, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FairgateError(refusal(directory, file, error)) from error
        note(file, f"{os.getpid()} {socket.gethostname()}\n")
        try:
            yield
        finally:
            note(file, "")


def unwritable(directory: Path, error: OSError) -> FairgateError:
    """That an index, or the folder for one, takes no files, with what to do."""
    if error.errno in FULL:
        return FairgateError(f"cannot write to `{directory}`: {reason(error)}; {remedy(error)}")
    with suppress(OSError):
        if (directory / MANIFEST).exists():
            return FairgateError(
                f"index `{directory}` is read-only here: {reason(error)}; "
                "run this as a user who may write to its folder, or change a copy of it"
            )
    return FairgateError(f"cannot write to `{directory}`: {reason(error)}; choose another `--index`")


def note(file: FileIO, said: str) -> None:
    """Write who holds the lock; the lock holds without it, on a full disk too."""
    with suppress(OSError):
        file.truncate(0)
        file.seek(0)
        file.write(said.encode())


def refusal(directory: Path, file: FileIO, error: OSError) -> str:
    """Why there is no lock to be had."""
    if error.errno not in HELD:
        return f"cannot lock `{directory}`: {reason(error)}; put the index on a disk of this machine"
    who = holder(file.read(200).decode("utf-8", "replace").split())
    return f"index `{directory}` is being written by another process{who}; try again when that is done"


def holder(said: list[str]) -> str:
    """The process a lock's note names, in brackets; nothing where that is gone and its successor has not signed yet."""
    if len(said) != 2 or not said[0].isdigit():
        return ""
    pid, host = int(said[0]), said[1]
    if host != socket.gethostname():
        return f" (pid {pid} on `{host}`)"
    return f" (pid {pid})" if lives(pid) else ""


def lives(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
