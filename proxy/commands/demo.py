"""`fairgate demo`: sample works, the sample generator, the proxy and the console in one process."""

import errno
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from indexes.errors import FairgateError, UsageError
from proxy import demo

if TYPE_CHECKING:
    import uvicorn
    from litestar import Litestar

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_START_SECONDS = 30.0


@click.command("demo")
@click.option("--port", type=click.IntRange(1, 65535), default=8800, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine alone.")
@click.option(
    "--pace", type=click.FloatRange(0, 10_000), default=30.0, show_default=True, help="Milliseconds between two words."
)
def demo_command(port: int, host: str, pace: float) -> int:
    """Try fairgate: sample works, a sample generator (not a language model), the proxy and the console."""
    if host not in _LOOPBACK:
        raise UsageError(f"`{host}` is reached from elsewhere, and the demo has no keys: leave --host at 127.0.0.1")
    with TemporaryDirectory(prefix="fairgate-demo-") as folder, listening(host, port) as public:
        return _run(Path(folder), public, f"http://{'[::1]' if host == '::1' else host}:{port}", pace / 1000)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to an address; raises UsageError when it is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
            found.listen(128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UsageError(f"port {port} on {host} is in use: choose another with --port") from error
            raise UsageError(f"cannot listen on {host}:{port} ({(error.strerror or '').lower()})") from error
        yield found


def _run(folder: Path, public: socket.socket, base: str, pace: float) -> int:
    """Serve until told to stop; the index, the ledger and all else stand in `folder` and go with it."""
    from proxy.app import create_app
    from proxy.demo.generator import MODEL, create_generator
    from proxy.demo.sample_index import build_sample_index
    from proxy.settings import Overrides, load

    build_sample_index(folder / "index")
    with listening("127.0.0.1", 0) as private, _in_background(_server(create_generator(pace)), private):
        upstream = f"http://127.0.0.1:{private.getsockname()[1]}/v1"
        (folder / "fairgate.yaml").write_text("{}\n", encoding="utf-8")
        ledger = f"sqlite:///{folder}/ledger.db"
        given = Overrides(upstream=upstream, index=str(folder / "index"), ledger=ledger)
        server = _server(create_app(load(folder / "fairgate.yaml", given)))
        click.echo(_to_try(base, MODEL), err=True)
        # The server hands on the signal that ended it; here both are a wish to end, with the folder taken away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[public])
    return 0 if server.started else 1


def _to_try(base: str, model: str) -> str:
    """What to type to see it work."""
    lines = Path(demo.__file__).with_name("to_try.txt").read_text(encoding="utf-8")
    return lines.replace("BASE", base).replace("MODEL", model)


def _server(app: "Litestar") -> "uvicorn.Server":
    import uvicorn

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=3
    )
    return uvicorn.Server(config)


@contextmanager
def _in_background(server: "uvicorn.Server", private: socket.socket) -> Iterator[None]:
    """Serve on a thread for the length of the block; raises FairgateError if that does not start."""
    thread = threading.Thread(target=server.run, kwargs={"sockets": [private]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise FairgateError("the sample generator did not start")
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
