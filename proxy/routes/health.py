"""`/healthz`, `/readyz` and `/metrics`."""

import anyio
import msgspec
from litestar import get
from litestar.datastructures import State
from litestar.response.base import ASGIResponse

from indexes.errors import FairgateError
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.store import SqlLedger
from proxy.metrics import Metrics
from proxy.service import Service
from proxy.upstream import UpstreamRequest
from proxy.wire.errors import RequestError

_READY_SECONDS = 5.0
_OK = "ok"


class NotHereError(RequestError):
    """What is asked for is served on another port."""

    status = 404


@get("/healthz", sync_to_thread=False)
def healthz() -> ASGIResponse:
    """The process is alive."""
    return _said(200, {"status": "alive"})


@get("/readyz")
async def readyz(state: State) -> ASGIResponse:
    """The index is open, the ledger can be written and, if the settings ask for it, every upstream answers.

    A server that is stopping is not ready.
    """
    service: Service = state["service"]
    if service.drain.draining:
        return _said(503, {"status": "stopping"})
    ledger: SqlLedger = state["ledger"]
    written = await _write(ledger)
    checks = {"index": service.world.index.revision, "ledger": written}
    ready = written == _OK
    if service.settings.values.ready.upstream:
        for name in service.upstreams:
            checks[f"upstream {name}"] = fault = await _reach(service, name)
            ready &= fault == _OK
    return _said(200 if ready else 503, {"status": "ready" if ready else "not ready", **checks})


@get("/metrics", sync_to_thread=False)
def metrics(state: State) -> ASGIResponse:
    """Prometheus's text format."""
    found: Metrics = state["metrics"]
    body, media_type = found.exposition()
    return ASGIResponse(body=body, headers={"content-type": media_type})


@get("/metrics", sync_to_thread=False)
def metrics_elsewhere(state: State) -> ASGIResponse:
    """Where `/metrics` has a port of its own: refused, with which port that is."""
    service: Service = state["service"]
    raise NotHereError(f"metrics are not served here but on port {service.settings.values.metrics.port}")


async def _write(ledger: SqlLedger) -> str:
    """Write what waits, in a transaction even if nothing does."""
    try:
        with anyio.fail_after(_READY_SECONDS):
            await ledger.flush()
    except LedgerUnavailableError as error:
        return f"not writable: {error}"
    except TimeoutError:
        return f"not writable: took no row within {_READY_SECONDS:g} seconds"
    return _OK


async def _reach(service: Service, name: str) -> str:
    try:
        with anyio.fail_after(_READY_SECONDS):
            reply = await service.upstreams[name].open(UpstreamRequest("GET", "/v1/models", {}))
            await reply.close()
    except FairgateError as error:
        return str(error)
    except TimeoutError:
        return f"did not answer within {_READY_SECONDS:g} seconds"
    return _OK if reply.status < 500 else f"answered {reply.status}"


def _said(status: int, body: dict[str, str]) -> ASGIResponse:
    return ASGIResponse(body=msgspec.json.encode(body), status_code=status, media_type="application/json")
