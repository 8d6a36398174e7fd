"""What an answer of the sample generator is on every surface, and how it, or a refusal, leaves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.response import Stream

from proxy.demo.answers import Answer

MODEL: Final = "sample-generator-not-a-model"
MOST_CHOICES: Final = 8
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Reply:
    """All choices of one answer, with what every chunk of it repeats; `unseen` pieces were made and are not told."""

    id: str
    created: int
    answers: tuple[Answer, ...]
    prompt_tokens: int
    unseen: int = 0

    @property
    def usage(self) -> dict[str, int]:
        """Pieces counted as tokens."""
        completion = sum(len(answer.pieces) for answer in self.answers) + self.unseen
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }

    def envelope(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """An object of the answer: a chunk or the whole."""
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL, "choices": choices}


def whole(body: dict[str, Any]) -> Response[bytes]:
    """An answer in one piece."""
    return Response(msgspec.json.encode(body), media_type=MediaType.JSON)


def streamed(events: Iterator[dict[str, Any]], delay: float) -> Stream:
    """An answer in events, with so many seconds before each."""
    return Stream(_paced(events, delay), media_type="text/event-stream")


def refused(message: str, status: int = HTTPStatus.BAD_REQUEST) -> Response[dict[str, Any]]:
    """A refusal, or a fault, in OpenAI's envelope."""
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    return Response(
        {"error": {"message": message, "type": kind, "param": None, "code": None}},
        status_code=status,
        media_type=MediaType.JSON,
    )


def told(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """What the framework refuses, and any fault, in the same envelope."""
    if not isinstance(error, HTTPException):
        return refused("the sample generator failed", HTTPStatus.INTERNAL_SERVER_ERROR)
    if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        route = f"`{request.method} {request.scope['path']}`"
        return refused(f"the sample generator does not serve {route}", error.status_code)
    return refused(str(error.detail), error.status_code)


async def _paced(events: Iterator[dict[str, Any]], delay: float) -> AsyncIterator[bytes]:
    for event in events:
        if delay:
            await asyncio.sleep(delay)
        yield b"data: " + msgspec.json.encode(event) + b"\n\n"
    yield b"data: [DONE]\n\n"
