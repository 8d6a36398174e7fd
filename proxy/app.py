"""The composition root: the only place that puts the parts together."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler

from indexes.store import Store
from indexes.text.index import SegmentIndex
from proxy.auth import Doorkeeper
from proxy.budget_store import BudgetStore
from proxy.ledger.store import SqlLedger
from proxy.ledger.upkeep import Terms, Upkeep
from proxy.metrics import Metrics
from proxy.reload import ConfigSource, IndexSource, PolicySource, Reloader, count_index
from proxy.retelling import Retelling
from proxy.routes.chat import chat_completions
from proxy.routes.check import check
from proxy.routes.common import told
from proxy.routes.completions import completions
from proxy.routes.console import console_page, console_script, console_style
from proxy.routes.decisions import list_decisions, show_decision
from proxy.routes.health import healthz, metrics, metrics_elsewhere, readyz
from proxy.routes.search import search_ledger
from proxy.routes.unchecked import list_models, pass_on, passthrough, refuse
from proxy.service import Service
from proxy.settings import Settings, UpstreamSettings, duration
from proxy.upstream import HttpUpstream, Limits
from proxy.world import World


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server is made of, opened and checked; `create_app` serves it."""

    settings: Settings
    world: World
    store: Store
    metrics: Metrics
    upstreams: Mapping[str, HttpUpstream]


def open_parts(settings: Settings, shared: Path | None = None) -> Parts:
    """Open index and policies; raises FairgateError with what to do, so that a server does not start half.

    `shared` is the folder of the metrics that several processes have in common.
    """
    values = settings.values
    doorkeeper = Doorkeeper(values)
    store = Store(Path(values.index.dir))
    snapshot = store.snapshot()
    found = Metrics(doorkeeper.tenants, [policy.name for policy in doorkeeper.policies], shared=shared)
    count_index(found, snapshot)
    upstreams = {each.name: _upstream(each, settings) for each in values.upstreams}
    retelling = Retelling(snapshot.segments) if values.index.semantic else None
    world = World(SegmentIndex(snapshot.segments, snapshot.revision), doorkeeper, retelling)
    return Parts(settings, world, store, found, upstreams)


def create_app(settings: Settings, shared: Path | None = None) -> Litestar:
    """The application; raises FairgateError when index, policies or ledger cannot be had."""
    parts = open_parts(settings, shared)
    terms = _terms(settings)
    ledger = SqlLedger.open(
        settings.values.ledger.url,
        keep=terms.fingerprints or 0.0,
        watch=parts.metrics.queued,
        lost=parts.metrics.unrecorded,
    )
    budgets = BudgetStore.open(settings.values.ledger.url)
    service = Service(settings, parts.world, ledger, parts.metrics, parts.upstreams, budgets)
    reloader = Reloader(service, parts.metrics, [IndexSource(parts.store), ConfigSource(settings), PolicySource()])
    handlers: list[ControllerRouterHandler] = [chat_completions, completions, check, list_models, pass_on, refuse]
    handlers += [healthz, readyz, metrics if settings.values.metrics.port is None else metrics_elsewhere]
    handlers += passthrough(settings.values.passthrough)
    if settings.values.console.enabled:
        handlers += [console_page, console_script, console_style, list_decisions, show_decision, search_ledger]
    return Litestar(
        handlers,
        state=State({"service": service, "ledger": ledger, "metrics": parts.metrics, "reloader": reloader}),
        exception_handlers={Exception: told},
        request_max_body_size=settings.values.limits.body,
        openapi_config=None,
        logging_config=None,
        lifespan=[_life(parts, ledger, budgets, [reloader.run, Upkeep(settings.values.ledger.url, ledger, terms).run])],
    )


def create_metrics_app(app: Litestar) -> Litestar:
    """What a listener for metrics alone serves: `/metrics`, `/healthz` and `/readyz` of an application."""
    return Litestar([metrics, healthz, readyz], state=app.state, openapi_config=None, logging_config=None)


def _terms(settings: Settings) -> Terms:
    """How long the ledger keeps what."""
    kept = settings.values.ledger
    return Terms(*(None if each is None else duration(each) for each in (kept.retention, kept.fingerprints)))


def _life(
    parts: Parts, ledger: SqlLedger, budgets: BudgetStore, beside: Sequence[Callable[[], Coroutine[Any, Any, None]]]
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_: Litestar) -> AsyncGenerator[None, None]:
        try:
            async with anyio.create_task_group() as group:
                for run in beside:
                    group.start_soon(run)
                yield
                group.cancel_scope.cancel()
        finally:
            for upstream in parts.upstreams.values():
                await upstream.close()
            await budgets.aclose()
            await ledger.aclose()

    return life


def _upstream(each: UpstreamSettings, settings: Settings) -> HttpUpstream:
    return HttpUpstream(
        each.name,
        each.url,
        key=settings.keys.get(each.name),
        limits=Limits(
            connections=settings.values.limits.streams,
            connect=duration(each.timeouts.connect),
            read=duration(each.timeouts.read),
        ),
        verify=(each.tls.ca_file or True) if each.tls.verify else False,
    )
