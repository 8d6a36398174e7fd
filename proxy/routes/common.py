"""What all routes share: a request as the service takes it, a fault as a client sees it."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from indexes.errors import FairgateError, IndexUnavailableError, UsageError
from proxy.ledger.errors import LedgerUnavailableError
from proxy.service import Incoming, OverloadedError, Service
from proxy.wire.errors import RequestError, WireError, envelope

T = TypeVar("T")
UNKNOWN = "other"
"""The tenant that what is refused is counted under: who asks is not known, or not yet."""
_REFUSED = frozenset({400, 401, 403, 404, 405, 413})


class ClientLeftError(FairgateError):
    """Nobody is there to be answered; the status is the one that servers write into their logs then."""

    status = 499


async def incoming(request: Request[Any, Any, Any]) -> Incoming:
    """Read a request whole; raises StoppingError when the server ends."""
    service: Service = request.app.state["service"]
    service.drain.refuse()
    return Incoming(
        method=request.method,
        path=request.scope["path"],
        query=request.scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.scope["headers"]},
        body=await request.body(),
        client=request.client.host if request.client else None,
    )


async def unless_left(request: Request[Any, Any, Any], answer: Callable[[], Awaitable[T]]) -> T:
    """Wait for an answer, but stop making it when the client leaves; raises ClientLeftError or StoppingError then.

    Call it when the request's body was read.
    """
    making = asyncio.ensure_future(answer())
    leaving = asyncio.ensure_future(_left(request))
    service: Service = request.app.state["service"]
    try:
        with service.drain.running():
            await asyncio.wait({making, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            raise ClientLeftError("the client left before its answer began")
        return making.result()
    finally:
        for task in (making, leaving):
            task.cancel()
        await asyncio.gather(making, leaving, return_exceptions=True)


async def _left(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def read_json(body: bytes, shape: type[T], example: str) -> T:
    """Read a body of JSON; `example` says in words what it holds. Raises RequestError, which names what is wrong."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = where.rstrip("`").lstrip(".")
        place = f"`{param}`" if param else "the body"
        unknown = what.partition("unknown field `")[2].rstrip("`")
        raise RequestError(f"{place} cannot be read: {what[:1].lower()}{what[1:]}", param or unknown or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is no JSON; send an object with {example}") from error


def told(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault as OpenAI's envelope; of a fault that nobody foresaw the client learns only that there was one."""
    status = status_of(error)
    if status in _REFUSED or isinstance(error, OverloadedError):
        request.app.state["metrics"].request(request.scope["path"], UNKNOWN, stream=False, outcome="refused")
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    message = str(error) if isinstance(error, FairgateError) else "this request could not be answered"
    if isinstance(error, HTTPException):
        message = _refusal(request, error)
    body = envelope(message, kind, getattr(error, "param", None), getattr(error, "code", None))
    headers = getattr(error, "headers", None) if isinstance(error, FairgateError) else None
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _refusal(request: Request[Any, Any, Any], error: HTTPException) -> str:
    """What the framework refuses, in words that say what to do."""
    route = f"`{request.method} {request.scope['path']}`"
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return (
                f"{route} is not served: fairgate cannot check what it returns. "
                "An operator may list it under `passthrough`"
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return f"{route} is not served: the route takes another method"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            service: Service = request.app.state["service"]
            return f"the body has more than {service.settings.values.limits.body} bytes: send less"
        case _:
            return str(error.detail)


def status_of(error: Exception) -> int:
    """The HTTP status that fits a fault."""
    match error:
        case RequestError() | UsageError():
            return int(getattr(error, "status", HTTPStatus.BAD_REQUEST))
        case WireError():
            return HTTPStatus.BAD_GATEWAY
        case LedgerUnavailableError() | IndexUnavailableError():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case HTTPException():
            return error.status_code
        case _:
            return int(getattr(error, "status", HTTPStatus.INTERNAL_SERVER_ERROR))
