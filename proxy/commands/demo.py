"""`fairgate demo`: sample works, the sample generator, the proxy and the console in one process."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from indexes.errors import FairgateError, UsageError
from proxy import demo
from proxy.sockets import listening

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
@click.option("--llm", is_flag=True, help="A small real model, which also finds other words (make setup-llm).")
def demo_command(port: int, host: str, pace: float, *, llm: bool) -> int:
    """Try fairgate: sample works, a sample generator (not a language model), the proxy and the console."""
    if host not in _LOOPBACK:
        raise UsageError(f"`{host}` is reached from elsewhere, and the demo has no keys: leave --host at 127.0.0.1")
    with TemporaryDirectory(prefix="fairgate-demo-") as folder, listening(host, port) as public:
        base = f"http://{'[::1]' if host == '::1' else host}:{port}"
        with _model() if llm else nullcontext() as model:
            return _run(Path(folder), public, base, pace / 1000, model)


def _model() -> "AbstractContextManager[str]":
    from proxy.demo.llm import model_file, smollm2

    model_file()  # refuses before anything is begun
    return smollm2()


def _run(folder: Path, public: socket.socket, base: str, pace: float, model: str | None) -> int:
    """Serve until told to stop; the index, the ledger and all else stand in `folder` and go with it."""
    from proxy.app import create_app
    from proxy.demo.generator import create_generator
    from proxy.demo.reply import MODEL
    from proxy.demo.sample_index import build_sample_index
    from proxy.settings import Overrides, load

    build_sample_index(folder / "index")
    with listening("127.0.0.1", 0) as private, _in_background(_server(create_generator(pace)), private):
        upstream = f"http://127.0.0.1:{private.getsockname()[1]}/v1"
        _configure(folder, upstream, model)
        given = Overrides(index=str(folder / "index"), ledger=f"sqlite:///{folder}/ledger.db")
        server = _server(create_app(load(folder / "fairgate.yaml", given)))
        click.echo(_to_try(base, MODEL) + (_to_try_llm(base) if model else ""), err=True)
        # The server hands on the signal that ended it; here both are a wish to end, with the folder taken away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[public])
    return 0 if server.started else 1


def _configure(folder: Path, upstream: str, model: str | None) -> None:
    """Write the demo's settings: the sample generator, and the model beside it, which then finds other words."""
    upstreams = [f"{{name: sample, url: '{upstream}'}}"]
    policy = "name: demo\n"
    if model is not None:
        from proxy.demo.llm import MODEL as LLM

        upstreams.append(f"{{name: llm, url: '{model}', models: [{LLM}]}}")
        policy += "rewrite: {upstream: llm}\n"
    (folder / "demo.yaml").write_text(policy, encoding="utf-8")
    settings = f"upstreams: [{', '.join(upstreams)}]\npolicy: {'balanced' if model is None else folder / 'demo.yaml'}\n"
    (folder / "fairgate.yaml").write_text(settings, encoding="utf-8")


def _to_try_llm(base: str) -> str:
    """What to type to see the model at work."""
    from proxy.demo.llm import MODEL as LLM

    return (
        f"\nWith --llm a small model, {LLM}, goes on where the recital is cut off. It answers for itself, too:\n\n"
        f"  curl -N {base}/v1/chat/completions -H 'content-type: application/json' "
        f'-d \'{{"model": "{LLM}", "stream": true, "messages": [{{"role": "user", "content": "Who are you?"}}]}}\'\n'
    )


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
