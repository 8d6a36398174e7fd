"""One request's life: bytes from upstream, events, guard, ledger, bytes to the client; owns every closing.

Together with the ledger's writer this is the only place with a broad `except`: whatever goes wrong here fails closed,
unless the policy says to pass when we could not look, and is never counted as success.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import anyio

from indexes.errors import FairgateError
from policies.model import Use
from proxy.accounting import Times, filtered_tokens
from proxy.guard import AnswerGuard, UpstreamReportedError
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.record import ChoiceRecord, Closing, Outcome, RequestFacts, Sent
from proxy.metrics import FailureStage, Metrics
from proxy.notes import Excerpts, record
from proxy.rewrite import KEEP_ALIVE, Rewriter, next_block
from proxy.spending import Spending
from proxy.upstream import Reply, UpstreamError, UpstreamTimeoutError
from proxy.wire import answer, sse
from proxy.wire.errors import WireError

Send: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Hands bytes to the client; waits while it takes no more."""

logger = logging.getLogger("fairgate")
_DRAIN_SECONDS = 0.2
_LONG_SECONDS = 2.0


class Ledger(Protocol):
    """Where decisions are written."""

    def begin(self, facts: RequestFacts) -> bool:
        """Write that a request runs, without waiting; says whether it will be written."""

    async def append(self, facts: RequestFacts, choice: ChoiceRecord, sent: tuple[Sent, ...] | None = None) -> None:
        """Write a choice's verdict; returns once it is committed, unless its action is pass.

        Of what was `sent` only fingerprints are kept, if the ledger keeps any.
        """

    async def close(self, decision_id: str, closing: Closing, facts: RequestFacts | None = None) -> None:
        """Write how a request ended."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what one request is answered; picked once, kept while it runs."""

    facts: RequestFacts
    use: Use
    excerpts: Excerpts
    fingerprints: bool
    fail_open: bool
    with_usage: bool
    prompt_chars: int
    ended: Callable[[], None]
    halted: Callable[[], bool]
    seconds: float


class Exchange:
    """Answers one request."""

    def __init__(self, terms: Terms, guard: AnswerGuard, reply: Reply, ledger: Ledger, metrics: Metrics) -> None:
        self._terms = terms
        self._guard = guard
        self._reply = reply
        self._ledger = ledger
        self._metrics = metrics
        self._open = False
        self._done = False
        self._closed = False
        self._over = False
        """Whether upstream still writes what no one will read."""
        self._closing = Closing("client_left")
        self._waited = 0.0
        """Seconds that the answer waited for budgets and the ledger."""
        self.times = Times()
        self._recorded = False
        self._deadline = time.perf_counter() + terms.seconds
        self.rewriter: Rewriter | None = None
        """Who is asked to go on in other words where a copied passage was cut off."""
        self.spending: Spending | None = None
        """The budgets of whoever asked, where there are some."""

    async def stream(self, send: Send) -> None:
        """Send a streamed answer, piece by piece; ends by itself in every case and raises only what `send` does."""
        noting = asyncio.get_running_loop().call_later(_LONG_SECONDS, self._note)
        try:
            with self._metrics.in_flight():
                await self._begin_spending()
                await self._relay(send)
            self._closing = self._ended()
        except Exception as error:  # noqa: BLE001 (fails closed: whatever went wrong ends the stream in an error)
            await send(sse.error_event(self._fail(error), code=_code(error)))
        finally:
            noting.cancel()
            with anyio.CancelScope(shield=True):
                await self.close()

    def _note(self) -> None:
        """The stream is a long one: its decision is to be found even if this process dies before its end."""
        if not (self._closed or self._recorded):
            self._recorded = self._ledger.begin(self._terms.facts)

    async def _begin_spending(self) -> None:
        """See whether what is streamed must be held from the start, since some budget is nearly used up."""
        if self.spending is None:
            return
        try:
            await self.spending.begin(self._guard.expected)
        except Exception as error:
            if not self._terms.fail_open:
                raise
            self._metrics.failure(_stage(error), "open")

    async def whole(self) -> bytes:
        """The body of an answer that is not streamed; raises FairgateError when there is none to give."""
        try:
            body = await self._read_whole()
            out = await self._judge_whole(body)
            self._closing = self._ended()
        except Exception as error:
            message = self._fail(error)
            if isinstance(error, FairgateError):
                raise
            raise FairgateError(message) from error
        else:
            return out
        finally:
            with anyio.CancelScope(shield=True):
                await self.close()

    async def _read_whole(self) -> bytes:
        with anyio.move_on_after(self._terms.seconds):
            async with aclosing(self._reply.chunks()) as blocks:
                return b"".join([block async for block in blocks])
        raise UpstreamTimeoutError(f"the answer took longer than {self._terms.seconds:g} seconds")

    async def _judge_whole(self, body: bytes) -> bytes:
        try:
            began = time.perf_counter()
            out = self._guard.answer(body)
            self.times.reading = time.perf_counter() - began
            while self._guard.asking and self.spending is not None:
                out = await self._go_on_reading(self.spending)
            self._waited += time.perf_counter() - began - self.times.reading
            if self._guard.parted:
                await self._go_on(_nowhere)
                return body if self._open else self._guard.rest(self._terms.prompt_chars)
            await self._record()
        except Exception as error:
            if not self._passes(error):
                raise
            return body
        return out

    async def _relay(self, send: Send) -> None:
        decoder, guard = sse.Decoder(), self._guard
        async with aclosing(self._reply.chunks()) as blocks:
            async for block in blocks:
                frame = self._glance(block) if decoder.between and not self._open else None
                if frame is None:
                    await self._pass_on(decoder.feed(block), send)
                elif guard.ended or guard.asking or guard.parted:
                    await self._pass_on((), send, frame)
                elif frame:
                    await send(frame)
                if self._done or self._over or guard.parted:
                    break
            if self._done:
                await self._drain(blocks)
        if self._guard.parted and not self._open:
            await self._reply.close()
            async with self._kept_alive(send):
                await self._go_on(send)
        elif not (self._done or self._over):
            self._check_end(decoder)
        if self._over:
            await send(self._last_words())

    def _glance(self, block: bytes) -> bytes | None:
        """What the client gets for a block that is one ordinary event, read at a glance; None where it is not."""
        began = time.perf_counter()
        try:
            self._check_time(began)
            return self._guard.glance(block)
        except Exception as error:
            if not self._passes(error):
                raise
            return self._guard.surrender() + block
        finally:
            self.times.reading += time.perf_counter() - began

    async def _pass_on(self, events: Iterable[sse.Event], send: Send, *before: bytes) -> None:
        """Send what the client gets for some events, and what it gets `before` them."""
        out = list(before)
        events = iter(events)
        fault = self._take(events, out)
        if self._guard.ended or self._guard.asking:
            fault = await self._take_on(events, out, fault)
        if frame := out[0] if len(out) == 1 else b"".join(out):
            await send(frame)
        if fault is not None:
            raise fault

    async def _go_on(self, send: Send) -> None:
        """Have the answer go on in other words where a copy was cut off, as often as the policy lets us ask for that.

        What fails meanwhile is a try that failed, and no fault of the answer.
        """
        began = time.perf_counter()
        while self._guard.parted and not self._open:
            if self.rewriter is None or not self._guard.can_ask:
                await self._give_up(send)
                break
            try:
                await self._ask_again(self.rewriter, send)
            except (UpstreamError, UpstreamReportedError, WireError):
                self._guard.break_off()
                if self._guard.parted is None:
                    raise
                self._metrics.failure("rewrite", "closed")
        self._metrics.stage_took("rewrite", time.perf_counter() - began)

    async def _ask_again(self, rewriter: Rewriter, send: Send) -> None:
        """Ask once, and send what comes as far as it may leave."""
        guard, decoder = self._guard, sse.Decoder()
        again = guard.again(self._terms.prompt_chars)
        said, last = guard.deltas, time.perf_counter()
        async with aclosing(rewriter.blocks(again)) as blocks:
            while True:
                now = time.perf_counter()
                if guard.deltas != said:  # comments and empty chunks are no progress
                    said, last = guard.deltas, now
                block = await next_block(blocks, min(last + rewriter.seconds, self._deadline) - now)
                if block is None:
                    break
                await self._pass_on(decoder.feed(block), send)
                if self._done or self._over or guard.parted:
                    return
        self._check_end(decoder)

    async def _give_up(self, send: Send) -> None:
        """No other words are to be had: end the answer here."""
        out = [self._guard.give_up()]
        await self._tell(out)
        await send(b"".join(out))

    @asynccontextmanager
    async def _kept_alive(self, send: Send) -> AsyncGenerator[None, None]:
        """Comments for the client while it waits, which keep its connection from being taken for dead."""
        rewriter = self.rewriter

        async def beat() -> None:
            while True:
                await send(sse.comment(KEEP_ALIVE))
                await asyncio.sleep(rewriter.beat if rewriter else 1.0)

        beating = asyncio.ensure_future(beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    def _take(self, events: Iterator[sse.Event], out: list[bytes]) -> Exception | None:
        """Put what the client gets for these events on `out`, as far as the first with which a choice ends.

        What comes before a fault is not lost with it.
        """
        began = time.perf_counter()
        try:
            self._check_time(began)
            for event in events:
                if event.is_done:
                    self._check_complete()
                    self._done = True
                out.append(self._event(event))
                if self._done or self._guard.ended or self._guard.parted or self._guard.asking:
                    break
        except Exception as error:  # noqa: BLE001 (handed back, to be raised once what came before it has left)
            return error
        finally:
            self.times.reading += time.perf_counter() - began
        return None

    async def _take_on(
        self, events: Iterator[sse.Event], out: list[bytes], fault: Exception | None
    ) -> Exception | None:
        """Ask what gates ask for, tell the ledger of the choices that ended, and take the events that follow."""
        while fault is None and (self._guard.ended or self._guard.asking):
            began = time.perf_counter()
            try:
                if self._guard.asking and self.spending is not None:
                    out.append(await self._go_on_reading(self.spending))
                    if self._guard.asking:
                        continue
                if self._guard.ended:
                    await self._tell(out)
            except Exception as error:  # noqa: BLE001 (handed back, too)
                return error
            finally:
                self._waited += time.perf_counter() - began
            if not (self._done or self._over or self._guard.parted):
                fault = self._take(events, out)
        return fault

    async def _go_on_reading(self, spending: Spending) -> bytes:
        """Answer what choices ask of budgets, and have them read on. Where we cannot look, no budget is heeded if the
        policy says pass.
        """
        for choice in self._guard.asking:
            try:
                await spending.answer(choice.number, choice.gate)
            except Exception as error:
                if not self._terms.fail_open:
                    raise
                self._metrics.failure(_stage(error), "open")
                choice.gate.purse = None
        return self._guard.go_on()

    def _event(self, event: sse.Event) -> bytes:
        """What the client gets for one event."""
        if self._open:
            return event.raw
        try:
            return self._guard.event(event)
        except Exception as error:
            if not self._passes(error):
                raise
            return self._guard.surrender() + event.raw

    async def _tell(self, out: list[bytes]) -> None:
        """The ledger hears of a choice before its finish frame, the last of `out`, leaves."""
        try:
            await self._record()
        except Exception as error:
            if not self._passes(error):
                out.pop()
                raise
        self._over = not self._open and self._guard.complete and self._guard.stopped

    @staticmethod
    async def _drain(blocks: AsyncGenerator[bytes, None]) -> None:
        """Read what follows the done marker, which is the end of the body, so that the connection can be used again."""
        with anyio.move_on_after(_DRAIN_SECONDS):
            async for _ in blocks:
                pass

    async def _record(self) -> None:
        """Tell the ledger of the choices that ended."""
        terms = self._terms
        ended, self._guard.ended = self._guard.ended, []
        for choice in ended:
            if self.spending is not None:
                await self.spending.settle(choice.number, choice.gate)
            written = record(choice, terms.use, terms.facts.mode, terms.excerpts)
            began = time.perf_counter()
            try:
                await self._ledger.append(terms.facts, written, choice.gate.sent() if terms.fingerprints else None)
            finally:
                self.times.ledger += time.perf_counter() - began
            self._recorded = True
            self._metrics.choice(written)
            for result in written.tries:
                self._metrics.rewrite_try(result)
            if choice.gate.fell_back:
                self._metrics.rewrite_try("blocked" if choice.gate.stopped else "quoted")

    def _last_words(self) -> bytes:
        """The end of a stream whose upstream is cancelled: usage if it was asked for, then the done marker."""
        usage = b""
        if self._terms.with_usage:
            spent = self._guard.spent(self._terms.prompt_chars)
            usage = sse.data_event(answer.usage_chunk(self._guard.shell, spent))
        return usage + sse.DONE

    def _check_time(self, now: float) -> None:
        if now > self._deadline:
            raise UpstreamTimeoutError(f"the answer took longer than {self._terms.seconds:g} seconds")

    def _check_complete(self) -> None:
        if not (self._guard.complete or self._open):
            raise UpstreamError("upstream ended its stream before its answer was complete")

    def _check_end(self, decoder: sse.Decoder) -> None:
        """The stream ended without its done marker: that is an end only if every choice had ended."""
        left = decoder.close()
        if left is not None and left.cut:
            raise UpstreamError("upstream broke off within an event")
        self._check_complete()

    def _passes(self, error: Exception) -> bool:
        """Whether the answer leaves unjudged because of a fault of ours."""
        if not self._terms.fail_open or isinstance(error, UpstreamError | UpstreamReportedError):
            return False
        if self._guard.asks and isinstance(error, WireError):
            return False
        self._metrics.failure(_stage(error), "open")
        self._open = True
        self._guard.ended = []
        return True

    def _fail(self, error: Exception) -> str:
        """Count a fault that ended the answer, and say it in one line that a client may read."""
        stage = _stage(error)
        self._metrics.failure(stage, "closed")
        outcome: Outcome = "upstream_failed" if stage in ("upstream", "wire") else "failed"
        message = str(error) if isinstance(error, FairgateError) else "this answer could not be checked"
        if not isinstance(error, FairgateError):
            logger.error("decision %s: %s", self._terms.facts.decision_id, message, exc_info=error)
        detail = getattr(error, "detail", "")
        self._closing = Closing(outcome, f"{type(error).__name__}: {message} {detail}".strip()[:300])
        return message

    def _ended(self) -> Closing:
        if self._open:
            return Closing("failed", "could not look; the policy says pass, so the answer left unjudged")
        return Closing("completed")

    async def close(self) -> None:
        """Upstream is closed and the ledger told, whatever happened; once, however often it is asked for."""
        if self._closed:
            return
        self._closed = True
        if self._closing.outcome == "client_left":
            self._closing = left(halted=self._terms.halted())
            if self._closing.outcome == "failed":
                self._metrics.failure("request", "closed")
        for step in (self._reply.close, self._record_open, self._end_spending, self._close_ledger):
            try:
                await step()
            except Exception as error:  # noqa: BLE001 (one step of closing must not keep the next from being tried)
                self._metrics.failure(_stage(error), "closed")
        self._count()
        self._terms.ended()

    async def _record_open(self) -> None:
        """Choices that had not ended are judged as far as they were read."""
        if not self._open:
            self._guard.conclude_open()
            await self._record()

    async def _end_spending(self) -> None:
        if self.spending is not None:
            await self.spending.end()

    async def _close_ledger(self) -> None:
        facts = self._terms.facts
        await self._ledger.close(facts.decision_id, self._closing, None if self._recorded else facts)

    def _count(self) -> None:
        facts = self._terms.facts
        self._metrics.request(facts.route, facts.tenant, stream=facts.stream, outcome=self._closing.outcome)
        self._metrics.added_latency(facts.route, facts.mode, self.times.reading + self._waited)
        self._metrics.held(self._guard.held)
        self.times.tell(self._metrics)
        if withheld := filtered_tokens(self._guard, self._terms.prompt_chars):
            self._metrics.tokens_filtered(withheld)
        if self._guard.dropped:
            self._metrics.dropped_field(facts.route, self._guard.dropped)


async def _nowhere(_: bytes) -> None:
    """Where the pieces of an answer go that is put together once it is complete."""


def left(*, halted: bool) -> Closing:
    """How a request ends that was cancelled: its client left, or the server was halted."""
    return Closing("failed", "the server stopped before the answer was complete") if halted else Closing("client_left")


def _stage(error: Exception) -> FailureStage:
    match error:
        case UpstreamError() | UpstreamReportedError():
            return "upstream"
        case WireError():
            return "wire"
        case LedgerUnavailableError():
            return "ledger"
        case _:
            return "verbatim"


def _code(error: Exception) -> str:
    return "upstream_failed" if _stage(error) in ("upstream", "wire") else "not_checked"
