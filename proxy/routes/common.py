"""What all routes share: a request as the service takes it, a fault as a client sees it."""

from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from indexes.errors import FairgateError, IndexUnavailableError, UsageError
from proxy.ledger.errors import LedgerUnavailableError
from proxy.service import Incoming
from proxy.wire.errors import RequestError, WireError, envelope


async def incoming(request: Request[Any, Any, Any]) -> Incoming:
    """Read a request whole."""
    return Incoming(
        method=request.method,
        path=request.scope["path"],
        query=request.scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.scope["headers"]},
        body=await request.body(),
        client=request.client.host if request.client else None,
    )


def told(_: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault as OpenAI's envelope; of a fault that nobody foresaw the client learns only that there was one."""
    status = status_of(error)
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    message = str(error) if isinstance(error, FairgateError) else "this request could not be answered"
    if isinstance(error, HTTPException):
        message = str(error.detail)
    body = envelope(message, kind, getattr(error, "param", None), getattr(error, "code", None))
    return Response(body, status_code=status, media_type="application/json")


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
