"""Routes that carry no generated expression and pass unchecked, and the refusal of every other."""

import re
from collections.abc import Sequence
from typing import Any

from litestar import HttpMethod, Request, get, post, route
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from proxy.routes.common import incoming
from proxy.service import Service

_METHODS = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
# INVARIANT: a path that passes names upstream the same route as here: no dots to climb by, nothing to be decoded anew.
_PLAIN = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~:@+-]+)+/?")


@get(["/v1/models", "/v1/models/{name:path}"])
async def list_models(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    """Upstream's models."""
    return await _forward(request, state)


@post(["/v1/embeddings", "/v1/moderations", "/tokenize"], status_code=200)
async def pass_on(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    """Pass a request on as it is."""
    return await _forward(request, state)


def passthrough(paths: Sequence[str]) -> list[HTTPRouteHandler]:
    """Routes that the operator lets pass unchecked, by his own decision."""
    return [route(list(paths), http_method=_METHODS, status_code=200)(_pass_listed)] if paths else []


@route(["/", "/{rest:path}"], http_method=_METHODS, status_code=200)
async def refuse() -> ASGIResponse:
    """Refuse what could return generated content unchecked."""
    raise NotFoundException


async def _pass_listed(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    return await _forward(request, state)


async def _forward(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    service: Service = state["service"]
    came = await incoming(request)
    if not _PLAIN.fullmatch(came.path):
        raise NotFoundException
    return await service.forward(came)
