"""`/v1/completions`."""

from typing import Any

from litestar import Request, post
from litestar.datastructures import State
from litestar.response.base import ASGIResponse

from proxy.routes.common import incoming, unless_left
from proxy.service import Service
from proxy.wire.completion_request import read_completion_request


@post("/v1/completions")
async def completions(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    """Answer a request for a text completion, streamed or not, under guard."""
    service: Service = state["service"]
    came = await incoming(request)
    return await unless_left(request, lambda: service.answer(came, read_completion_request))
