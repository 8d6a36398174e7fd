"""`POST /v1/fairgate/ledger/search`: which answers held copies of a work. For reviewers and admins."""

from pathlib import Path
from typing import Any, Protocol

import anyio.to_thread
import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State

from indexes.errors import UsageError
from indexes.store import Store
from proxy.ledger import lookup
from proxy.ledger.lookup import Answer, Wanted
from proxy.moments import moment
from proxy.routes.common import read_json
from proxy.service import Service
from proxy.wire.errors import RequestError

_MOST = 1000


class SearchRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is looked for: the id of a work in the index, or a text."""

    work: str | None = None
    content: str | None = None
    since: str | None = None
    words: int = 0
    limit: int = 100


class Searcher(Protocol):
    """What this route needs of the ledger."""

    async def search(self, wanted: Wanted, request: lookup.Request) -> Answer:
        """Look for copies in all that was delivered."""


class NoSuchWorkError(RequestError):
    """The index has no such work."""

    status = 404


@post("/v1/fairgate/ledger/search", status_code=200)
async def search_ledger(request: Request[Any, Any, State], state: State) -> Response[Any]:
    """Every copied place, longest first."""
    service: Service = state["service"]
    doorkeeper = service.world.doorkeeper
    doorkeeper.require(doorkeeper.caller(request.headers), "reviewer")
    asked = _read(await request.body())
    wanted = await anyio.to_thread.run_sync(_wanted, asked, Path(service.settings.values.index.dir))
    ledger: Searcher = state["ledger"]
    answer = await ledger.search(wanted, _request(asked))
    return Response(answer.json(), headers={"cache-control": "no-store"})


def _read(body: bytes) -> SearchRequest:
    asked = read_json(body, SearchRequest, "`work` or `content`")
    if (asked.work is None) == (asked.content is None):
        raise RequestError("send either `work`, the id of a work in the index, or `content`, a text", "work")
    if not 1 <= asked.limit <= _MOST:
        raise RequestError(f"limit is `{asked.limit}`: write a number from 1 to {_MOST}", "limit")
    return asked


def _request(asked: SearchRequest) -> lookup.Request:
    try:
        return lookup.Request(moment(asked.since) if asked.since else None, asked.words, asked.limit)
    except ValueError as error:
        raise RequestError(str(error), "since") from error


def _wanted(asked: SearchRequest, index: Path) -> Wanted:
    if asked.content is not None:
        return lookup.text_wanted(asked.content)
    try:
        return lookup.work_wanted(Store(index), asked.work or "")
    except UsageError as error:
        raise NoSuchWorkError(str(error), "work") from error
