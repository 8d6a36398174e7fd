"""Bound sockets: one that listens, or a port that is kept for several processes which each listen on it.

On Linux the processes each have a queue of their own and the kernel shares new connections out among them: with one
queue, whichever process wakes first empties it. Where the kernel does not share out, they have one queue after all.
"""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from indexes.errors import UsageError

_BACKLOG: Final = 4096
_SHARES_OUT: Final = sys.platform == "linux"


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens on an address; raises UsageError when it is taken or not ours."""
    with _bound(host, port, backlog=_BACKLOG) as found:
        yield found


@contextmanager
def kept(host: str, port: int) -> Iterator[socket.socket]:
    """A port that is kept for as long as the block lasts, to be joined; raises UsageError when it is taken or not ours.

    Until one has joined, connections are refused.
    """
    if not _SHARES_OUT:
        with listening(host, port) as found:
            yield found
        return
    with listening(host, port):
        pass  # alone on it, or the port would be shared with a stranger
    with _bound(host, port, shared=True) as found:
        yield found


def joined(port: socket.socket) -> socket.socket:
    """A socket of this process that listens on a port that was kept."""
    if not _SHARES_OUT:
        return port
    found = _made(port.family, shared=True)
    found.bind(port.getsockname())
    found.listen(_BACKLOG)
    return found


@contextmanager
def _bound(host: str, port: int, *, shared: bool = False, backlog: int | None = None) -> Iterator[socket.socket]:
    with _made(socket.AF_INET6 if ":" in host else socket.AF_INET, shared=shared) as found:
        try:
            found.bind((host, port))
            if backlog is not None:
                found.listen(backlog)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UsageError(f"port {port} on {host} is in use: choose another with --port") from error
            raise UsageError(f"cannot listen on {host}:{port} ({(error.strerror or '').lower()})") from error
        yield found


def _made(family: socket.AddressFamily | int, *, shared: bool) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return found
