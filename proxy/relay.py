"""The ASGI response that streams an answer and closes it for certain when the client leaves.

litestar's own streaming response leaves its generator open when the client goes away while `send` waits. Here the
answer hands over its own pieces, and is closed in every case: it tells the ledger, and cancels its upstream.
"""

from collections.abc import Awaitable, Callable

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
    """Streams what `answer` hands over, piece by piece. `close` is called at the end in every case, started or not.

    Halted by `drain`, the stream ends with an error event.
    """

    __slots__ = ("answer", "close", "drain")
    _should_set_content_length = False

    def __init__(
        self,
        answer: Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
        drain: Drain,
        *,
        status_code: int,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(status_code=status_code, headers=headers, media_type=media_type)
        self.answer = answer
        self.close = close
        self.drain = drain

    @override
    async def __call__(self, scope: object, receive: Receive, send: Send) -> None:
        def piece(body: bytes) -> Awaitable[None]:
            return send({"type": "http.response.body", "body": body, "more_body": True})

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(cancel_when_left, receive, group)
                await self.start_response(send)
                try:
                    with self.drain.running():
                        await self.answer(piece)
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
