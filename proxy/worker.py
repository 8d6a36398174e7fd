"""One process that serves: uvicorn on sockets that are bound already, until a signal says to stop.

SIGTERM and SIGINT let running answers finish for `limits.drain`; SIGQUIT, or a second SIGINT, halts them at once.
SIGHUP reloads. While answers finish the sockets stay open: /readyz says that the server stops, and what is new is
refused.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import uvicorn
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from proxy.app import create_app, create_metrics_app
from proxy.reload import Reloader
from proxy.service import Service
from proxy.settings import Settings, duration, renewed

_ORPHAN_SECONDS = 1.0
_CONNECTION_SECONDS = 5
logger = logging.getLogger("fairgate")


@dataclass(frozen=True, slots=True)
class Post:
    """Where a worker stands: `sockets` listen already, `shared` is the folder of the metrics of all workers.

    `parent` is the process that looks after it, None where it stands alone; `ready` is called once it accepts.
    """

    sockets: Sequence[socket.socket]
    shared: Path | None
    parent: int | None
    ready: Callable[[], None]


def work(settings: Settings, post: Post) -> int:
    """Serve until told to stop; raises FairgateError when settings, index, policies or ledger cannot be had."""
    settings = renewed(settings)  # in the place of a worker that died it must not know keys that were taken away since
    app = create_app(settings, post.shared)
    service: Service = app.state["service"]
    reloader: Reloader = app.state["reloader"]
    port = settings.values.metrics.port
    served = app if port is None else ByPort(app, port, create_metrics_app(app))
    _settle_memory()
    config = uvicorn.Config(
        served, loop="uvloop", http="httptools", ws="none", access_log=False, log_level="warning", backlog=4096,
        timeout_graceful_shutdown=_CONNECTION_SECONDS, server_header=False,
    )  # fmt: skip
    server = Server(config, post.ready)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(Shift(server, service, reloader, post).serve())
    return 0 if server.started else 1


class Server(uvicorn.Server):
    """uvicorn that leaves signals to us and says when it accepts."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Shift:
    """A server's working life: it serves until a signal, or the loss of its parent, says to stop; then it drains."""

    def __init__(self, server: Server, service: Service, reloader: Reloader, post: Post) -> None:
        self._server = server
        self._service = service
        self._reloader = reloader
        self._post = post
        self._stop = anyio.Event()

    async def serve(self) -> None:
        """Serve to the end."""
        loop = asyncio.get_running_loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: self._stop.set,
            signal.SIGINT: self._interrupted,
            signal.SIGQUIT: self._halt,
            signal.SIGHUP: self._reloader.ask,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        async with anyio.create_task_group() as group:
            group.start_soon(self._end)
            if self._post.parent is not None:
                group.start_soon(self._watch_parent, self._post.parent)
            await self._server.serve(list(self._post.sockets))
            group.cancel_scope.cancel()

    async def _end(self) -> None:
        await self._stop.wait()
        service = self._service
        seconds = duration(service.settings.values.limits.drain)
        if service.running:
            logger.info("stopping: waiting up to %g seconds for %d answers to finish", seconds, service.running)
        if not await service.drain.finish(lambda: service.running > 0, seconds):
            logger.warning("stopping: answers that did not finish in time were ended with an error")
        self._server.should_exit = True

    async def _watch_parent(self, parent: int) -> None:
        """A worker does not outlive the process that looks after it."""
        while os.getppid() == parent:  # noqa: ASYNC110 (nothing tells of a parent's death on every system)
            await anyio.sleep(_ORPHAN_SECONDS)
        logger.error("the process that looks after this worker is gone: stopping")
        self._stop.set()

    def _interrupted(self) -> None:
        """The terminal sends SIGINT to every process; one that has a parent leaves it to the parent."""
        if self._post.parent is None:
            self._halt() if self._stop.is_set() else self._stop.set()

    def _halt(self) -> None:
        self._stop.set()
        self._service.drain.halt()


class ByPort:
    """Two applications, told apart by the port a request came in on."""

    def __init__(self, main: ASGIApp, port: int, other: ASGIApp) -> None:
        self._main = main
        self._port = port
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to the one that is meant."""
        server = scope.get("server")
        if scope["type"] == ScopeType.HTTP and server is not None and server[1] == self._port:
            await self._other(scope, receive, send)
        else:
            await self._main(scope, receive, send)


def _settle_memory() -> None:
    """Keep the collector away from what lives as long as the server, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
