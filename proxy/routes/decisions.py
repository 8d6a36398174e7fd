"""`/v1/fairgate/decisions`: what was decided, newest first, and one decision with its evidence.

Reviewers and admins see every tenant's decisions, viewers their own tenant's. A viewer whose policy keeps titles from
its callers (`annotations` other than `full`) sees none, since they would be told here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from indexes.model import Work
from policies.model import Action
from proxy.auth import Doorkeeper, ForbiddenError
from proxy.console.view import describe, summarize
from proxy.ledger.record import Decision
from proxy.privacy import discreet, everything
from proxy.wire.errors import RequestError

_MOST = 200
_NO_STORE = {"cache-control": "no-store"}


class DecisionReader(Protocol):
    """What these routes need of the ledger; the application keeps it under `state["ledger"]`."""

    async def recent(
        self, limit: int = 50, *, after: str | None = None, action: Action | None = None, tenant: str | None = None
    ) -> Sequence[Decision]:
        """Committed decisions, newest first; `after` goes on below the decision of that id."""

    async def get(self, decision_id: str) -> Decision | None:
        """One committed decision, None where there is none of that id."""


class NoSuchDecisionError(RequestError):
    """The ledger has no such decision, or not for this caller."""

    status = 404


@get("/v1/fairgate/decisions")
async def list_decisions(
    request: Request[Any, Any, State],
    state: State,
    limit: FromQuery[str] = "50",
    after: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
) -> Response[Any]:
    """A page of summaries: `data`, and `has_more` when older ones follow (ask again with `after` the last id)."""
    reader = _reader(request, state)
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= _MOST:
        raise RequestError(f"limit is `{limit}`: write a number from 1 to {_MOST}", "limit")
    names = [each.value for each in Action]
    if action and action not in names:
        raise RequestError(f"there is no action `{action}`: write one of {', '.join(names)}", "action")
    ledger: DecisionReader = state["ledger"]
    size = int(limit)
    wanted = Action(action) if action else None
    found = await ledger.recent(size + 1, after=after or None, action=wanted, tenant=reader.tenant)
    data = [summarize(_told(decision, reader)) for decision in found[:size]]
    return Response({"object": "list", "data": data, "has_more": len(found) > size}, headers=_NO_STORE)


@get("/v1/fairgate/decisions/{decision_id:str}")
async def show_decision(request: Request[Any, Any, State], state: State, decision_id: FromPath[str]) -> Response[Any]:
    """One decision with its evidence."""
    reader = _reader(request, state)
    ledger: DecisionReader = state["ledger"]
    found = await ledger.get(decision_id)
    tenant = reader.tenant
    if found is None or (tenant is not None and (found.facts is None or found.facts.tenant != tenant)):
        raise NoSuchDecisionError(f"there is no decision `{decision_id}`")
    return Response(describe(_told(found, reader)), headers=_NO_STORE)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose decisions the caller may see, None for all, and of which works it may be told."""

    tenant: str | None
    knows: Callable[[Work], bool]


def _reader(request: Request[Any, Any, State], state: State) -> Reader:
    """What the caller may see; raises UnauthorizedError or ForbiddenError."""
    doorkeeper: Doorkeeper = state["service"].world.doorkeeper
    caller = doorkeeper.caller(request.headers)
    if caller.role != "viewer":
        return Reader(None, everything)
    if doorkeeper.policy(caller, {}, None).annotations != "full":
        raise ForbiddenError(
            f"tenant `{caller.name}` is not told titles, so it sees no decisions: ask for the role reviewer"
        )
    return Reader(caller.name, caller.reader.knows)


def _told(decision: Decision, reader: Reader) -> Decision:
    """The decision without works that are private to others."""
    choices = [
        replace(choice, verdict=discreet(choice.verdict, choice.evidence, reader.knows)) for choice in decision.choices
    ]
    return replace(decision, choices=tuple(choices))
