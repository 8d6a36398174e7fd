"""The yardstick: litestar and httpx with the same transport and server as fairgate, passing bytes on unread."""

import os
from collections.abc import AsyncIterator

import httpx
from httpx_aiohttp import HttpxAiohttpClient
from litestar import Litestar, Request, post
from litestar.response import Response, Stream

_KEPT = ("authorization", "content-type")


def create_app() -> Litestar:
    """Pass chat completions to the server named by the environment variable UP (a base that ends in /v1)."""
    client = HttpxAiohttpClient(
        base_url=os.environ["UP"],
        limits=httpx.Limits(max_connections=4096, max_keepalive_connections=512),
        timeout=httpx.Timeout(120, connect=10),
    )

    @post("/v1/chat/completions", status_code=200)
    async def chat(request: Request) -> Response | Stream:
        headers = {name: value for name, value in request.headers.items() if name in _KEPT}
        outgoing = client.build_request("POST", "/chat/completions", content=await request.body(), headers=headers)
        reply = await client.send(outgoing, stream=True)
        if not reply.headers["content-type"].startswith("text/event-stream"):
            return Response(await reply.aread(), media_type="application/json")
        return Stream(relay(reply), media_type="text/event-stream")

    async def relay(reply: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for block in reply.aiter_raw():
                yield block
        finally:
            await reply.aclose()

    return Litestar([chat], openapi_config=None, logging_config=None, on_shutdown=[client.aclose])
