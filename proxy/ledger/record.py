"""What the ledger is told of a request: facts, one record a choice, how it ended. Values only.

What says something about a person (excerpts of text, the user, the client's address) is kept apart from the rest, so
that it can be erased while the record, and the hash over it, stay.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from indexes.model import Kind, Span
from policies.model import Action, Evidence, Mode, Use, Verdict

Outcome: TypeAlias = Literal["completed", "client_left", "refused", "upstream_failed", "failed"]
TryResult: TypeAlias = Literal["clean", "still_copied", "failed"]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of a request before its first byte leaves.

    `at` is aware, in UTC. `route` is the path of the surface, `policy` is `name@revision`, `index` the revision of the
    index it is judged against, `user` a hash of who the caller says its user is, `request_id` the one that the client
    or upstream knows the request by, `client` where it came from.
    """

    decision_id: str
    at: datetime
    route: str
    model: str
    tenant: str
    stream: bool
    mode: Mode
    policy: str
    index: str
    user: str | None = None
    request_id: str | None = None
    client: str | None = None
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of the output that is kept; `span` is in code points of the channel's text as generated."""

    channel: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class ChoiceRecord:
    """The verdict on one choice (or image), with all it rests on.

    `applied` is what was really done: `pass` where the mode changes nothing. `delivered_chars` counts code points of
    all channels that reached the client. `tries` says of each time that the choice was asked for again, to go on in
    other words, what came of it. Decoded again, `decide(policy, evidence, use)` gives `verdict`.
    """

    choice: int
    kind: Kind
    verdict: Verdict
    evidence: Evidence
    use: Use
    mode: Mode
    applied: Action
    finish_reason: str | None
    delivered_chars: int
    excerpts: tuple[Excerpt, ...] = ()
    tries: tuple[TryResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client received on one channel, decoded where the channel carries JSON; never stored as text."""

    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class Closing:
    """How a request ended; `detail` is one line for the operator and holds no text of works, prompts or outputs."""

    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One request as the ledger holds it.

    `facts` is None when only its end is known, `closing` while it runs or when the process died. Erased text is simply
    absent. `unreadable` counts rows that could not be read back: `fairgate ledger verify` says what is wrong with them.
    """

    decision_id: str
    facts: RequestFacts | None
    choices: tuple[ChoiceRecord, ...]
    closing: Closing | None
    unreadable: int = 0

    @property
    def action(self) -> Action:
        """The strictest action over the choices; pass where there are none."""
        return max((choice.verdict.action for choice in self.choices), key=lambda a: a.severity, default=Action.PASS)

    @property
    def applied(self) -> Action:
        """The strictest action that was really applied."""
        return max((choice.applied for choice in self.choices), key=lambda a: a.severity, default=Action.PASS)
