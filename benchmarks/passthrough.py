"""The yardstick: litestar and httpx with the same transport and server as fairgate, passing bytes on unread."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing

from litestar import Litestar, Request, post
from litestar.response import Response, Stream

from proxy.upstream import HttpReply, HttpUpstream, UpstreamRequest


def create_app() -> Litestar:
    """Pass chat completions to the server named by the environment variable UP (a base that ends in /v1)."""
    upstream = HttpUpstream("upstream", os.environ["UP"])

    @post("/v1/chat/completions", status_code=200)
    async def chat(request: Request) -> Response | Stream:
        reply = await upstream.open(
            UpstreamRequest("POST", "/v1/chat/completions", dict(request.headers), await request.body())
        )
        if not reply.headers["content-type"].startswith("text/event-stream"):
            body = b"".join([block async for block in reply.chunks()])
            return Response(body, media_type="application/json")
        return Stream(relay(reply), media_type="text/event-stream")

    async def relay(reply: HttpReply) -> AsyncIterator[bytes]:
        try:
            async with aclosing(reply.chunks()) as blocks:
                async for block in blocks:
                    yield block
        finally:
            await reply.close()

    return Litestar([chat], openapi_config=None, logging_config=None, on_shutdown=[upstream.close])
