"""One server at work on a request: who calls, by which policy, against which index, before which upstream."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import anyio
import msgspec
from litestar.response.base import ASGIResponse

from indexes.base import TextIndex
from indexes.errors import FairgateError
from policies.model import Action, Use
from policies.policy import Policy
from policies.use import combine_use
from proxy.accounting import TimedJudge, Times
from proxy.auth import PURPOSE_HEADER, Caller, agreed
from proxy.budget import accounts
from proxy.drain import Drain
from proxy.drive import Exchange
from proxy.guard import AnswerGuard
from proxy.journal import Journal, Ledger, Terms, left
from proxy.judging import PolicyJudge, Rights, plan
from proxy.ledger.identity import new_decision_id
from proxy.ledger.record import Closing, RequestFacts
from proxy.metrics import Metrics
from proxy.notes import ClientNotes
from proxy.register import licensed
from proxy.relay import Relay
from proxy.rewrite import Rewriter, for_another
from proxy.settings import Settings, duration
from proxy.spending import Accounts, Spending
from proxy.upstream import Reply, Upstream, UpstreamError, UpstreamRequest
from proxy.wire import answer
from proxy.wire.request import ModelRequest
from proxy.world import World

DECISION_HEADER = "x-fairgate-decision"
ACTION_HEADER = "x-fairgate-action"
_OWN_KEYS = frozenset({"authorization", "api-key"})


class OverloadedError(FairgateError):
    """More streams run than the settings allow."""

    status = 503


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came: method, path, query, headers by lower-case name, the body's bytes, who sent it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    client: str | None = None


class Service:
    """Answers requests."""

    def __init__(
        self,
        settings: Settings,
        world: World,
        ledger: Ledger,
        metrics: Metrics,
        upstreams: Mapping[str, Upstream],
        budgets: Accounts | None = None,
    ) -> None:
        self.settings = settings
        self.world = world
        self.ledger = ledger
        self.metrics = metrics
        self.upstreams = upstreams
        self.budgets = budgets
        self.drain = Drain()
        self.running = 0
        self._by_model = {model: each.name for each in reversed(settings.values.upstreams) for model in each.models}

    async def answer(self, incoming: Incoming, read: Callable[[bytes], ModelRequest]) -> ASGIResponse:
        """Answer a request to a model, read as its surface does; raises FairgateError when nothing was sent yet."""
        world = self.world  # INVARIANT: picked once a request; a reload puts another in its place at any await
        caller = world.doorkeeper.caller(incoming.headers)
        request = read(incoming.body)
        policy = world.doorkeeper.policy(caller, incoming.headers, request.declared.policy)
        use = self._use(caller, policy, request, incoming)
        if self.running >= self.settings.values.limits.streams:
            raise OverloadedError("as many answers are being written as this server allows: try again in a moment")
        index = world.index_for(caller)
        facts = self._facts(incoming, request, caller, policy, index.revision)
        self.running += 1
        handed_over = False
        try:
            reply = await self._open(self._upstream(request.model), incoming, request.body, caller, facts)
            if not 200 <= reply.status < 300:
                return await self._verbatim(reply, facts)
            rights = self._rights(world, caller, policy, facts)
            journal, guard = self._journal(request, facts, PolicyJudge(policy, use), index, rights)
            rewriter = self._rewriter(incoming, request, caller, policy)
            exchange = Exchange(guard, reply, journal, rewriter)
            handed_over = True
        finally:
            self.running -= not handed_over
        return await self._answer(reply, exchange, guard, facts, policy)

    async def forward(self, incoming: Incoming) -> ASGIResponse:
        """Pass a request that brings no generated text, unchecked, to the first upstream."""
        caller = self.world.doorkeeper.caller(incoming.headers)
        model = _model_of(incoming.body)
        request = UpstreamRequest(
            incoming.method, incoming.path, _sent_on(incoming.headers, caller), incoming.body, incoming.query
        )
        reply = await self._upstream(model).open(request)
        return await _relayed(reply, {})

    def _upstream(self, model: str) -> Upstream:
        name = self._by_model.get(model) or self._by_model.get("*")
        if name is None:
            raise UpstreamError(f"no upstream is configured for the model `{model}`")
        return self.upstreams[name]

    def _use(self, caller: Caller, policy: Policy, request: ModelRequest, incoming: Incoming) -> Use:
        said = request.declared.use
        purpose = agreed(incoming.headers.get(PURPOSE_HEADER), said.purpose, PURPOSE_HEADER, "fairgate.use.purpose")
        declared = Use(purpose or "unknown", said.commercial, said.audience, said.project_license, caller.name)
        return combine_use(policy.use, declared, may_declare=caller.may_declare)

    def _facts(
        self, incoming: Incoming, request: ModelRequest, caller: Caller, policy: Policy, revision: str
    ) -> RequestFacts:
        user = request.user
        return RequestFacts(
            decision_id=new_decision_id(),
            at=datetime.now(UTC),
            route=incoming.path,
            model=request.model[:200],
            tenant=caller.name,
            stream=request.stream,
            mode=policy.mode,
            policy=policy.label,
            index=revision,
            user=hashlib.sha256(f"{caller.name}\0{user}".encode()).hexdigest()[:32] if user else None,
            request_id=incoming.headers.get("x-request-id", "")[:200] or None,
            client=incoming.client,
        )

    async def _open(
        self, upstream: Upstream, incoming: Incoming, body: bytes, caller: Caller, facts: RequestFacts
    ) -> Reply:
        began = time.perf_counter()
        headers = _sent_on(incoming.headers, caller)
        try:
            reply = await upstream.open(UpstreamRequest("POST", incoming.path, headers, body, incoming.query))
        except UpstreamError as error:
            self.metrics.failure("upstream", "closed")
            closing = Closing("upstream_failed", f"{error} {error.detail}".strip()[:300])
            self._count(facts, closing)
            await self.ledger.close(facts.decision_id, closing, facts)
            raise
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                closing = left(halted=self.drain.halted)
                self._count(facts, closing)
                await self.ledger.close(facts.decision_id, closing, facts)
            raise
        self.metrics.stage_took("upstream_first_byte", time.perf_counter() - began)
        return reply

    async def _verbatim(self, reply: Reply, facts: RequestFacts) -> ASGIResponse:
        """Upstream refused: its own answer goes back as it is."""
        closing = Closing("upstream_failed", f"upstream answered {reply.status}")
        self._count(facts, closing)
        await self.ledger.close(facts.decision_id, closing, facts)
        return await _relayed(reply, {DECISION_HEADER: facts.decision_id})

    def _rights(self, world: World, caller: Caller, policy: Policy, facts: RequestFacts) -> Rights:
        """What the caller may use, be told of, and be given."""
        use = licensed(world.doorkeeper.register, caller.name, facts.at)
        spending = None
        if policy.budget is not None and caller.by_key and self.budgets is not None:
            spending = Spending(
                self.budgets,
                facts.decision_id,
                accounts(policy.budget, caller.name, facts.user),
                exempt=lambda work: "own" in work.tags or use.action(work) is not None,
                with_grounded=policy.grounded == "judge",
                seconds=duration(self.settings.values.limits.time),
            )
        return Rights(use, caller.reader.knows, spending)

    def _journal(
        self, request: ModelRequest, facts: RequestFacts, judge: PolicyJudge, index: TextIndex, rights: Rights
    ) -> tuple[Journal, AnswerGuard]:
        """Who guards the answer, and who tells of it."""
        policy, timed = judge.policy, TimedJudge(judge)
        stamp = answer.Stamp(
            facts.decision_id, policy.mode, index.revision, policy.annotations, request.surface.has_messages
        )
        guard = AnswerGuard(
            replace(plan(request, index, judge, rights), judge=timed),
            ClientNotes(stamp, answer.Notice(policy.message, policy.contact), rights.knows),
            opens=request.surface.reader,
            choices=request.choices,
            logprobs=request.logprobs,
        )
        values = self.settings.values
        terms = Terms(
            facts=facts,
            use=judge.use,
            excerpts=values.ledger.excerpts,
            fingerprints=values.ledger.fingerprints is not None,
            fail_open=policy.on_error == "pass",
            with_usage=request.with_usage,
            prompt_chars=len(request.body),
            seconds=duration(values.limits.time),
            ended=self._ended,
            halted=lambda: self.drain.halted,
        )
        journal = Journal(terms, guard, self.ledger, self.metrics, Times(judge=timed), rights.spending)
        return journal, guard

    def _rewriter(self, incoming: Incoming, request: ModelRequest, caller: Caller, policy: Policy) -> Rewriter | None:
        """Who is asked to go on in other words where a copied passage was cut off; None where there is no such one."""
        headers = _sent_on(incoming.headers, caller)
        sent = UpstreamRequest("POST", incoming.path, headers, request.body, incoming.query)
        seconds = duration(self.settings.values.limits.rewrite)
        name, again = policy.rewrite.upstream, request.surface.ask_again
        if name == "same":
            return Rewriter(self._upstream(request.model), sent, again, None, seconds)
        other = next((each for each in self.settings.values.upstreams if each.name == name), None)
        if other is None:
            return None
        known = request.model in other.models or "*" in other.models
        model = None if known else other.models[0]
        return Rewriter(self.upstreams[name], for_another(sent), again, model, seconds)

    def _ended(self) -> None:
        self.running -= 1

    async def _answer(
        self, reply: Reply, exchange: Exchange, guard: AnswerGuard, facts: RequestFacts, policy: Policy
    ) -> ASGIResponse:
        headers = {**reply.headers, DECISION_HEADER: facts.decision_id}
        media_type = headers.pop("content-type", "")
        if media_type.startswith("text/event-stream"):
            headers.setdefault("cache-control", "no-cache")
            return Relay(
                exchange.stream,
                exchange.close,
                self.drain,
                status_code=reply.status,
                headers=headers,
                media_type=media_type,
            )
        body = await exchange.whole()
        headers[ACTION_HEADER] = _action(guard, policy).value
        return ASGIResponse(body=body, status_code=reply.status, headers=headers, media_type="application/json")

    def _count(self, facts: RequestFacts, closing: Closing) -> None:
        self.metrics.request(facts.route, facts.tenant, stream=facts.stream, outcome=closing.outcome)


def _action(guard: AnswerGuard, policy: Policy) -> Action:
    """The strictest action over the choices: what was done, or what enforce would have done."""
    actions = [
        choice.gate.applied if policy.mode == "enforce" or choice.gate.verdict is None else choice.gate.verdict.action
        for choice in guard.choices
    ]
    return max(actions, key=lambda action: action.severity, default=Action.PASS)


def _sent_on(headers: Mapping[str, str], caller: Caller) -> dict[str, str]:
    """Headers for upstream: a key that is ours stays here, one that is upstream's own goes on."""
    return {name: value for name, value in headers.items() if not (caller.by_key and name in _OWN_KEYS)}


async def _relayed(reply: Reply, more: dict[str, str]) -> ASGIResponse:
    """An answer of upstream's, byte for byte."""
    headers = {**reply.headers, **more}
    media_type = headers.pop("content-type", "application/json")
    try:
        body = b"".join([block async for block in reply.chunks()])
    finally:
        await reply.close()
    return ASGIResponse(body=body, status_code=reply.status, headers=headers, media_type=media_type)


def _model_of(body: bytes) -> str:
    try:
        found = msgspec.json.decode(body, type=_Model) if body else _Model()
    except msgspec.DecodeError:
        return ""
    return found.model


class _Model(msgspec.Struct):
    model: str = ""
