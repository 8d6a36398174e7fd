"""`fairgate serve`: the proxy."""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from indexes.errors import UsageError
from proxy import settings as configuration
from proxy.cli import run
from proxy.settings import Overrides, Settings, duration
from proxy.sockets import joined, kept, listening

_LAST_STEPS = 25.0
"""Seconds beyond `limits.drain` that a worker may take: for its last words, its connections, and its ledger's queue."""


@click.command("serve")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Default: ./fairgate.yaml, if it is there."
)
@click.option("--host", help="Default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: 8800.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; default: 1.")
@click.option("--upstream", help="The generator's base URL, which ends in /v1.")
@click.option("--index", help="The index's folder; default: ./fairgate-index.")
@click.option("--policy", help="A preset's name or a file; default: balanced.")
@click.option("--ledger", help="Default: sqlite:///./fairgate-ledger.db.")
@click.option("--check", is_flag=True, help="Check settings, policies and index, and exit.")
def serve_command(config: Path | None, *, check: bool, **given: str | int | None) -> int:
    """Serve the proxy."""
    found = configuration.load(config, Overrides(**given))  # type: ignore[arg-type]  # click has checked the types
    return examine(found) if check else serve(found)


def examine(found: Settings) -> int:
    """Open everything once and say that it is well; raises FairgateError where it is not."""
    from proxy.app import open_parts
    from proxy.ledger.engine import Place

    _need_upstream(found)
    ledger = Place(found.values.ledger.url)
    parts = open_parts(found)
    policies = ", ".join(policy.label for policy in parts.world.doorkeeper.policies)
    click.echo(f"settings, index {parts.world.index.revision} and policies ({policies}) are well")
    click.echo(f"the ledger would be {ledger.name}; it was not opened", err=True)
    return 0


def serve(found: Settings) -> int:
    """Serve until told to stop, in this process or in several; raises FairgateError when it cannot start."""
    from proxy.shared import shared_metrics

    _need_upstream(found)
    _log_to_stderr()
    listen, metrics = found.values.listen, found.values.metrics
    with ExitStack() as stack:
        bind = listening if listen.workers == 1 else kept
        sockets = [stack.enter_context(bind(listen.host, listen.port))]
        if metrics.port is not None:
            sockets.append(stack.enter_context(bind(metrics.host or "127.0.0.1", metrics.port)))
        shared = stack.enter_context(shared_metrics(several=listen.workers > 1))
        if listen.workers == 1 or shared is None:
            from proxy.worker import Post, work

            return work(found, Post(sockets, shared, None, lambda: _announce(found)))
        return _several(found, sockets, shared)


def _several(found: Settings, ports: Sequence[socket.socket], shared: Path) -> int:
    """Have workers serve; this process stays without all that serving needs."""
    from proxy.workers import Workers

    parent = os.getpid()

    def begin(ready: Callable[[], None]) -> int:
        from proxy.worker import Post, work

        sockets = [joined(port) for port in ports]
        return run(lambda: work(found, Post(sockets, shared, parent, ready)))

    patience = duration(found.values.limits.drain) + _LAST_STEPS
    return Workers(begin, found.values.listen.workers, patience, shared, lambda: _announce(found)).supervise()


def _announce(found: Settings) -> None:
    listen, metrics = found.values.listen, found.values.metrics
    if not found.values.tenants:
        click.echo("no keys are configured: serving on loopback only, for the tenant `default`", err=True)
    by = f", {listen.workers} workers" if listen.workers > 1 else ""
    click.echo(f"fairgate listens on http://{_written(listen.host)}:{listen.port}/v1{by}", err=True)
    if metrics.port is not None:
        host = _written(metrics.host or "127.0.0.1")
        click.echo(f"metrics are at http://{host}:{metrics.port}/metrics", err=True)


def _log_to_stderr() -> None:
    """What happens while it serves, one line each, with the time (UTC) and the process."""
    handler = logging.StreamHandler()
    handler.formatter = logging.Formatter("%(asctime)sZ fairgate[%(process)d]: %(message)s", "%Y-%m-%dT%H:%M:%S")
    handler.formatter.converter = time.gmtime
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("fairgate").setLevel(logging.INFO)


def _need_upstream(found: Settings) -> None:
    if not found.values.upstreams:
        raise UsageError(
            "no upstream: write --upstream http://host:port/v1, or name one under `upstreams` in fairgate.yaml"
        )


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
