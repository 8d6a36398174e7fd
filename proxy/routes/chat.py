"""`/v1/chat/completions`."""

from typing import Any

from litestar import Request, post
from litestar.datastructures import State
from litestar.response.base import ASGIResponse

from proxy.routes.common import incoming, unless_left
from proxy.service import Service
from proxy.wire.chat_request import read_chat_request


@post("/v1/chat/completions")
async def chat_completions(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    """Answer a chat request, streamed or not, under guard."""
    service: Service = state["service"]
    came = await incoming(request)
    return await unless_left(request, lambda: service.answer(came, read_chat_request))
