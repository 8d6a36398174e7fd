"""`fairgate serve`: the proxy."""

import gc
from pathlib import Path

import click

from indexes.errors import UsageError
from proxy import settings as configuration
from proxy.commands.demo import listening
from proxy.settings import Overrides, Settings


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
    """Serve until told to stop."""
    import uvicorn

    from proxy.app import create_app

    _need_upstream(found)
    listen = found.values.listen
    with listening(listen.host, listen.port) as public:
        app = create_app(found)
        _settle_memory()
        if not found.values.tenants:
            click.echo("no keys are configured: serving on loopback only, for the tenant `default`", err=True)
        click.echo(f"fairgate listens on http://{_written(listen.host)}:{listen.port}/v1", err=True)
        config = uvicorn.Config(
            app, loop="uvloop", http="httptools", ws="none", access_log=False,
            log_level="warning", backlog=4096, timeout_graceful_shutdown=30, server_header=False,
        )  # fmt: skip
        server = uvicorn.Server(config)
        server.run(sockets=[public])
    return 0 if server.started else 1


def _settle_memory() -> None:
    """Keep the collector away from what lives as long as the server, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _need_upstream(found: Settings) -> None:
    if not found.values.upstreams:
        raise UsageError(
            "no upstream: write --upstream http://host:port/v1, or name one under `upstreams` in fairgate.yaml"
        )


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
