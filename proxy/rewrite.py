"""Asking a generator again, to go on with an answer in other words where a copied passage was cut off."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

import anyio

from proxy.upstream import Reply, Upstream, UpstreamError, UpstreamRequest, UpstreamTimeoutError, check_unbroken
from proxy.wire import sse
from proxy.wire.again import Again
from proxy.wire.surface import AsksAgain

_KEEP_ALIVE = "still writing"
_OWN = frozenset({"authorization", "api-key"})
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Whom to ask, and for how long to wait.

    `request` is the client's as it went to upstream, `body` makes of its body the one to ask with; `model` is asked for
    in place of the client's. `seconds` is how long the rewriter may be silent, `beat` after how many seconds the
    client is told that we are still there.
    """

    upstream: Upstream
    request: UpstreamRequest
    body: AsksAgain
    model: str | None
    seconds: float
    beat: float = 5.0

    async def events(
        self, again: Again, heard: Callable[[], int], deadline: float
    ) -> AsyncGenerator[list[sse.Event], None]:
        """The events that go on with an answer, as they come; raises UpstreamError where they do not, or break off.

        `heard` counts what was read of them so far: comments and empty chunks are no progress.
        """
        decoder, so_far, last = sse.Decoder(), heard(), time.perf_counter()
        async with aclosing(self._blocks(again)) as blocks:
            while True:
                now = time.perf_counter()
                if heard() != so_far:
                    so_far, last = heard(), now
                block = await _next(blocks, min(last + self.seconds, deadline) - now)
                if block is None:
                    break
                yield decoder.feed(block)
        check_unbroken(decoder)

    async def _blocks(self, again: Again) -> AsyncGenerator[bytes, None]:
        """The stream that goes on with an answer; raises UpstreamError where there is none."""
        reply = await self._open(again)
        try:
            async with aclosing(reply.chunks()) as blocks:
                async for block in blocks:
                    yield block
        finally:
            with anyio.CancelScope(shield=True):
                await reply.close()

    async def _open(self, again: Again) -> Reply:
        """Ask; a server that refuses to be told how to go on with a message is asked without that."""
        reply = await self._ask(again, prefill=True)
        if reply.status in _REFUSED:
            await reply.close()
            reply = await self._ask(again, prefill=False)
        if reply.status == HTTPStatus.OK and reply.headers.get("content-type", "").startswith("text/event-stream"):
            return reply
        await reply.close()
        raise UpstreamError(f"the rewriter answered {reply.status} and no stream")

    async def _ask(self, again: Again, *, prefill: bool) -> Reply:
        body = self.body(self.request.body, again, model=self.model, prefill=prefill)
        return await self.upstream.open(replace(self.request, body=body))


@asynccontextmanager
async def kept_alive(send: Callable[[bytes], Awaitable[None]], rewriter: Rewriter | None) -> AsyncGenerator[None, None]:
    """Comments for the client while it waits, which keep its connection from being taken for dead."""

    async def beat() -> None:
        while True:
            await send(sse.comment(_KEEP_ALIVE))
            await asyncio.sleep(rewriter.beat if rewriter else 1.0)

    beating = asyncio.ensure_future(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def _next(blocks: AsyncGenerator[bytes, None], seconds: float) -> bytes | None:
    """The next bytes of a stream, None at its end; raises UpstreamTimeoutError when they do not come in time."""
    try:
        with anyio.fail_after(max(0.0, seconds)):
            return await anext(blocks, None)
    except TimeoutError as error:
        raise UpstreamTimeoutError("the rewriter was silent for too long") from error


def for_another(request: UpstreamRequest) -> UpstreamRequest:
    """The request as another upstream may see it: the key that it came with was not meant for that one."""
    headers: Mapping[str, str] = {name: value for name, value in request.headers.items() if name not in _OWN}
    return replace(request, headers=headers)
