"""The ASGI response that streams an answer and closes it for certain when the client leaves.

litestar's own streaming response leaves the generator open when the client goes away while `send` waits; the generator
here is closed in every case, so the exchange behind it always ends, tells the ledger, and cancels its upstream.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import anyio
from anyio.abc import TaskGroup
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send
from typing_extensions import override

from proxy.drain import Drain, StoppingError
from proxy.wire import sse

_LAST_WORDS = 1.0
"""Seconds for a client to take the event that says why its stream ends."""


class Relay(ASGIResponse):
    """Streams `frames`; each is sent as it comes. `close` is called at the end in every case, started or not.

    Halted by `drain`, the stream ends with an error event.
    """

    __slots__ = ("close", "drain", "frames")
    _should_set_content_length = False

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        close: Callable[[], Awaitable[None]],
        drain: Drain,
        *,
        status_code: int,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(status_code=status_code, headers=headers, media_type=media_type)
        self.frames = frames
        self.close = close
        self.drain = drain

    @override
    async def __call__(self, scope: object, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self.frames), anyio.create_task_group() as group:
                group.start_soon(cancel_when_left, receive, group)
                await self.start_response(send)
                try:
                    with self.drain.running():
                        async for frame in self.frames:
                            await send({"type": "http.response.body", "body": frame, "more_body": True})
                except StoppingError as error:
                    await _say(error, send)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self.close()


async def _say(error: StoppingError, send: Send) -> None:
    event = sse.error_event(str(error), code=error.code)
    with anyio.move_on_after(_LAST_WORDS):
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def cancel_when_left(receive: Receive, group: TaskGroup) -> None:
    """Cancel a group of tasks when the client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    group.cancel_scope.cancel()
