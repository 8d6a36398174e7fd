"""One request's life: bytes from upstream, events, guard, bytes to the client; what is told of it goes to its journal.

Whatever goes wrong here fails closed, unless the policy says to pass when we could not look, and is never counted as
success.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import TypeAlias

import anyio

from indexes.errors import FairgateError
from proxy.guard import AnswerGuard, UpstreamReportedError
from proxy.journal import Journal, code
from proxy.rewrite import Rewriter, kept_alive
from proxy.spending import Spending
from proxy.upstream import Reply, UpstreamError, UpstreamTimeoutError, check_unbroken
from proxy.wire import answer, sse
from proxy.wire.errors import WireError

Send: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Hands bytes to the client; waits while it takes no more."""

_DRAIN_SECONDS = 0.2
_LONG_SECONDS = 2.0


class Exchange:
    """Answers one request. `rewriter` is asked to go on in other words where a copied passage was cut off."""

    def __init__(self, guard: AnswerGuard, reply: Reply, journal: Journal, rewriter: Rewriter | None) -> None:
        self._terms = journal.terms
        self._guard = guard
        self._reply = reply
        self._journal = journal
        self._rewriter = rewriter
        self._done = False
        self._over = False
        """Whether upstream still writes what no one will read."""
        self._deadline = time.perf_counter() + self._terms.seconds

    async def stream(self, send: Send) -> None:
        """Send a streamed answer, piece by piece; ends by itself in every case and raises only what `send` does."""
        noting = asyncio.get_running_loop().call_later(_LONG_SECONDS, self._journal.note)
        try:
            with self._journal.metrics.in_flight():
                await self._begin_spending()
                await self._relay(send)
            self._journal.completed()
        except Exception as error:  # noqa: BLE001 (fails closed: whatever went wrong ends the stream in an error)
            await send(sse.error_event(self._journal.failed(error), code=code(error)))
        finally:
            noting.cancel()
            with anyio.CancelScope(shield=True):
                await self.close()

    async def _begin_spending(self) -> None:
        """See whether what is streamed must be held from the start, since some budget is nearly used up."""
        if self._journal.spending is None:
            return
        try:
            await self._journal.spending.begin(self._guard.expected)
        except Exception as error:
            if not self._journal.passes(error):
                raise

    async def whole(self) -> bytes:
        """The body of an answer that is not streamed; raises FairgateError when there is none to give."""
        try:
            body = await self._read_whole()
            out = await self._judge_whole(body)
            self._journal.completed()
        except Exception as error:
            message = self._journal.failed(error)
            if isinstance(error, FairgateError):
                raise
            raise FairgateError(message) from error
        else:
            return out
        finally:
            with anyio.CancelScope(shield=True):
                await self.close()

    async def close(self) -> None:
        """Upstream is closed and the ledger told, whatever happened; once, however often it is asked for."""
        await self._journal.close(self._reply.close)

    async def _read_whole(self) -> bytes:
        with anyio.move_on_after(self._terms.seconds):
            async with aclosing(self._reply.chunks()) as blocks:
                return b"".join([block async for block in blocks])
        raise UpstreamTimeoutError(f"the answer took longer than {self._terms.seconds:g} seconds")

    async def _judge_whole(self, body: bytes) -> bytes:
        guard, journal = self._guard, self._journal
        try:
            began = time.perf_counter()
            out = guard.answer(body)
            journal.times.reading = time.perf_counter() - began
            while guard.asking and journal.spending is not None:
                out = await self._go_on_reading(journal.spending)
            journal.waited += time.perf_counter() - began - journal.times.reading
            if guard.parted:
                await self._go_on(_nowhere)
                return body if journal.unjudged else guard.rest(self._terms.prompt_chars)
            await journal.record()
        except Exception as error:
            if not self._passes(error):
                raise
            return body
        return out

    async def _relay(self, send: Send) -> None:
        decoder, guard, journal = sse.Decoder(), self._guard, self._journal
        async with aclosing(self._reply.chunks()) as blocks:
            async for block in blocks:
                frame = self._glance(block) if decoder.between and not journal.unjudged else None
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
        if guard.parted and not journal.unjudged:
            await self._reply.close()
            async with kept_alive(send, self._rewriter):
                await self._go_on(send)
        elif not (self._done or self._over):
            check_unbroken(decoder)
            self._check_complete()
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
            self._journal.times.reading += time.perf_counter() - began

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
        while self._guard.parted and not self._journal.unjudged:
            if self._rewriter is None or not self._guard.can_ask:
                await self._give_up(send)
                break
            try:
                await self._ask_again(self._rewriter, send)
            except (UpstreamError, UpstreamReportedError, WireError):
                self._guard.break_off()
                if self._guard.parted is None:
                    raise
                self._journal.metrics.failure("rewrite", "closed")
        self._journal.metrics.stage_took("rewrite", time.perf_counter() - began)

    async def _ask_again(self, rewriter: Rewriter, send: Send) -> None:
        """Ask once, and send what comes as far as it may leave."""
        guard = self._guard
        again = guard.again(self._terms.prompt_chars)
        async with aclosing(rewriter.events(again, lambda: guard.deltas, self._deadline)) as asked:
            async for events in asked:
                await self._pass_on(events, send)
                if self._done or self._over or guard.parted:
                    return
        self._check_complete()

    async def _give_up(self, send: Send) -> None:
        """No other words are to be had: end the answer here."""
        out = [self._guard.give_up()]
        await self._tell(out)
        await send(b"".join(out))

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
            self._journal.times.reading += time.perf_counter() - began
        return None

    async def _take_on(
        self, events: Iterator[sse.Event], out: list[bytes], fault: Exception | None
    ) -> Exception | None:
        """Ask what gates ask for, tell the ledger of the choices that ended, and take the events that follow."""
        guard, spending = self._guard, self._journal.spending
        while fault is None and (guard.ended or guard.asking):
            began = time.perf_counter()
            try:
                if guard.asking and spending is not None:
                    out.append(await self._go_on_reading(spending))
                    if guard.asking:
                        continue
                if guard.ended:
                    await self._tell(out)
            except Exception as error:  # noqa: BLE001 (handed back, too)
                return error
            finally:
                self._journal.waited += time.perf_counter() - began
            if not (self._done or self._over or guard.parted):
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
                if not self._journal.passes(error):
                    raise
                choice.gate.heed_no_budget()
        return self._guard.go_on()

    def _event(self, event: sse.Event) -> bytes:
        """What the client gets for one event."""
        if self._journal.unjudged:
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
            await self._journal.record()
        except Exception as error:
            if not self._passes(error):
                out.pop()
                raise
        self._over = not self._journal.unjudged and self._guard.complete and self._guard.stopped

    @staticmethod
    async def _drain(blocks: AsyncGenerator[bytes, None]) -> None:
        """Read what follows the done marker, which is the end of the body, so that the connection can be used again."""
        with anyio.move_on_after(_DRAIN_SECONDS):
            async for _ in blocks:
                pass

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
        """The stream ended: that is an end of the answer only if every choice had ended."""
        if not (self._guard.complete or self._journal.unjudged):
            raise UpstreamError("upstream ended its stream before its answer was complete")

    def _passes(self, error: Exception) -> bool:
        """Whether the answer leaves unjudged because of a fault of ours."""
        if isinstance(error, UpstreamError | UpstreamReportedError):
            return False
        if self._guard.asks and isinstance(error, WireError):
            return False
        if not self._journal.passes(error):
            return False
        self._journal.unjudged = True
        self._guard.ended = []
        return True


async def _nowhere(_: bytes) -> None:
    """Where the pieces of an answer go that is put together once it is complete."""
