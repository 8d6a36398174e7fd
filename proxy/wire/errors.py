"""What can be wrong with bytes from either side, and the envelope in which a client is told."""

from typing import Any

from indexes.errors import FairgateError


class WireError(FairgateError):
    """Upstream sent what cannot be read as an answer, so that it cannot be checked."""


class EventTooLargeError(WireError):
    """Upstream sent an event that does not end within the limit."""


class RequestError(FairgateError):
    """A request cannot be served as it stands. `param` names the key at fault, `code` says which fault in one word."""

    status = 400

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def envelope(
    message: str, kind: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """An error as OpenAI's API says it; `kind` is its `type`."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
