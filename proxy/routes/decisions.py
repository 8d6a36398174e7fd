"""`/v1/fairgate/decisions`: what was decided, newest first, and one decision with its evidence."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from policies.model import Action
from proxy.console.view import describe, summarize
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.record import Decision

_MOST = 200


class DecisionReader(Protocol):
    """What these routes need of the ledger; the application keeps it under `state.ledger`."""

    async def recent(
        self, limit: int = 50, *, after: str | None = None, action: Action | None = None
    ) -> Sequence[Decision]:
        """Committed decisions, newest first; `after` goes on below the decision of that id."""

    async def get(self, decision_id: str) -> Decision | None:
        """One committed decision, None where there is none of that id."""


@get("/v1/fairgate/decisions")
async def list_decisions(
    state: State,
    limit: FromQuery[str] = "50",
    after: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
) -> Response[Any]:
    """A page of summaries: `data`, and `has_more` when older ones follow (ask again with `after` the last id)."""
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= _MOST:
        return _error(HTTPStatus.BAD_REQUEST, f"limit is `{limit}`: write a number from 1 to {_MOST}", "limit")
    if action and action not in {each.value for each in Action}:
        names = ", ".join(each.value for each in Action)
        return _error(HTTPStatus.BAD_REQUEST, f"there is no action `{action}`: write one of {names}", "action")
    ledger: DecisionReader = state["ledger"]
    size = int(limit)
    try:
        found = await ledger.recent(size + 1, after=after or None, action=Action(action) if action else None)
    except LedgerUnavailableError as error:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    page = {
        "object": "list",
        "data": [summarize(decision) for decision in found[:size]],
        "has_more": len(found) > size,
    }
    return Response(page, headers={"cache-control": "no-store"})


@get("/v1/fairgate/decisions/{decision_id:str}")
async def show_decision(state: State, decision_id: FromPath[str]) -> Response[Any]:
    """One decision with its evidence."""
    ledger: DecisionReader = state["ledger"]
    try:
        found = await ledger.get(decision_id)
    except LedgerUnavailableError as error:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    if found is None:
        return _error(HTTPStatus.NOT_FOUND, f"there is no decision `{decision_id}`")
    return Response(describe(found), headers={"cache-control": "no-store"})


def _error(status: HTTPStatus, message: str, param: str | None = None) -> Response[Any]:
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    return Response(
        {"error": {"message": message, "type": kind, "param": param, "code": None}}, status_code=int(status)
    )
