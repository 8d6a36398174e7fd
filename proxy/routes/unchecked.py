"""Routes that carry no generated expression and pass unchecked, and the refusal of every other."""

from http import HTTPStatus
from typing import Any

from litestar import HttpMethod, Request, route
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse

from proxy.routes.common import incoming
from proxy.service import Service

PASSED = ["/v1/models", "/v1/models/{name:path}", "/v1/embeddings", "/v1/moderations", "/tokenize"]
_METHODS = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]


@route(PASSED, http_method=[HttpMethod.GET, HttpMethod.POST], status_code=200)
async def pass_on(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    """Pass a request on as it is."""
    service: Service = state["service"]
    return await service.forward(await incoming(request))


@route(["/", "/{rest:path}"], http_method=_METHODS, status_code=200)
async def refuse(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    """Refuse what could return generated content unchecked, unless the operator lists it under `passthrough`."""
    service: Service = state["service"]
    path = request.scope["path"]
    if path in service.settings.values.passthrough:
        return await service.forward(await incoming(request))
    raise HTTPException(
        detail=f"`{request.method} {path}` is not served: fairgate cannot check what it returns. "
        "An operator may list it under `passthrough`",
        status_code=HTTPStatus.NOT_FOUND,
    )
