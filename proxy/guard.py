"""All choices of one answer under guard, sans-I/O: events or a whole answer in, bytes for the client out.

Streamed and whole answers take the same path: a whole answer is one chunk that ends every choice it carries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from indexes.errors import FairgateError
from proxy.gate import ChoiceGate, Plan
from proxy.wire.answer import shell
from proxy.wire.chat import ChatReader, Chunk
from proxy.wire.errors import WireError
from proxy.wire.fields import REFUSAL
from proxy.wire.logprobs import ChoiceLogprobs
from proxy.wire.sieve import CallNumbers, Json
from proxy.wire.splice import Additions, splice
from proxy.wire.sse import Event, data_event

BLOCKED = "content_filter"


class UpstreamReportedError(FairgateError):
    """Upstream told of a fault in the middle of its stream."""


class Notes(Protocol):
    """What a client is told of the choices that end."""

    def refusal(self, choice: "GuardedChoice") -> str | None:
        """Why a choice was stopped, in words that a client can show; None where it is told nothing."""

    def additions(self, ended: "Sequence[GuardedChoice]") -> Additions:
        """The fields that the chunk with which these choices end carries for the client."""


@dataclass(slots=True)
class GuardedChoice:
    """One choice while it is answered; `finish_reason` is set when it has ended."""

    number: int
    gate: ChoiceGate
    logprobs: ChoiceLogprobs | None = None
    finish_reason: str | None = None


class AnswerGuard:
    """Guards one answer. `ended` holds the choices that ended since the caller last emptied it."""

    def __init__(self, plan: Plan, notes: Notes, *, choices: int = 1, logprobs: bool = False) -> None:
        self._plan = plan
        self._notes = notes
        self._expected = choices
        self._with_logprobs = logprobs
        self._reader = ChatReader(with_logprobs=logprobs)
        self._choices: dict[int, GuardedChoice] = {}
        self.ended: list[GuardedChoice] = []
        self.dropped = 0
        self.held = 0
        self.deltas = 0
        self.usage: object = None
        self.shell: Json = {}

    @property
    def choices(self) -> tuple[GuardedChoice, ...]:
        """Every choice seen."""
        return tuple(self._choices.values())

    @property
    def complete(self) -> bool:
        """Whether every choice that was asked for has ended."""
        ended = sum(choice.finish_reason is not None for choice in self._choices.values())
        return ended >= max(self._expected, len(self._choices))

    @property
    def stopped(self) -> bool:
        """Whether a choice was blocked, so that upstream still writes what no one will read."""
        return any(choice.gate.stopped for choice in self._choices.values())

    def event(self, event: Event) -> bytes:
        """Take one event of a stream and return what the client gets for it.

        Raises WireError where it cannot be checked and UpstreamReportedError where upstream tells of a fault.
        """
        if event.data is None or event.is_done:
            return event.raw
        if not self._with_logprobs and (token := self._reader.token(event.data)) is not None:
            self.deltas += 1
            choice = self._choices.get(token.choice) or self._open(token.choice)
            if choice.finish_reason is not None:
                return b""
            out = choice.gate.feed(token.channel, token.text)
            if not choice.gate.stopped:
                if out == token.text:
                    return event.raw
                if not out:
                    self.held = max(self.held, choice.gate.held)
                    return b""
            fed = {(token.choice, token.channel): out}
            return self._settle(self._reader.chunk(event.data), fed, event, framer(event))
        chunk = self._reader.chunk(event.data)
        self.deltas += bool(chunk.parts)
        return self._settle(chunk, self._feed(chunk), event, framer(event))

    def answer(self, body: bytes) -> bytes:
        """Take a whole answer and return the body that the client gets; raises WireError."""
        chunk = self._reader.answer(body)
        if not chunk.choices and not chunk.is_error:
            raise WireError("upstream's answer holds no choices, so there is nothing that could be checked")
        return self._settle(chunk, self._feed(chunk), Event(body, body), bytes, whole=True)

    def surrender(self) -> bytes:
        """Give back, unjudged, all that is held: the policy says to pass when we could not look."""
        chunk = Chunk({**self.shell, "choices": []}, "delta", CallNumbers())
        for choice in self._choices.values():
            for lane in choice.gate.lanes.values():
                chunk.put(choice.number, lane.channel, lane.take(lane.length))
        return data_event(chunk.encode()) if chunk.parts else b""

    def conclude_open(self) -> None:
        """The answer broke off: judge what was read of the choices that had not ended."""
        for choice in self._choices.values():
            if choice.finish_reason is None:
                choice.gate.conclude()
                self.ended.append(choice)

    def _open(self, number: int) -> GuardedChoice:
        logprobs = ChoiceLogprobs() if self._with_logprobs else None
        choice = self._choices[number] = GuardedChoice(number, ChoiceGate(self._plan), logprobs)
        return choice

    def _feed(self, chunk: Chunk) -> dict[tuple[int, str], str]:
        """Let every text of a chunk pass its gate; returns what may leave."""
        fed: dict[tuple[int, str], str] = {}
        for number in chunk.choices:
            choice = self._choices.get(number) or self._open(number)
            if choice.finish_reason is not None:
                continue
            texts = chunk.texts(number)
            for channel, text in texts.items():
                fed[number, channel] = choice.gate.feed(channel, text)
            if choice.logprobs is not None:
                choice.logprobs.accept(chunk.logprobs(number), texts)
        return fed

    def _settle(
        self,
        chunk: Chunk,
        fed: dict[tuple[int, str], str],
        event: Event,
        frame: Callable[[bytes], bytes],
        *,
        whole: bool = False,
    ) -> bytes:
        """Write what may leave onto the chunk, end the choices that end with it, and encode it if it changed."""
        if chunk.is_error:
            raise UpstreamReportedError(f"upstream reported a fault: {_error_words(chunk.body['error'])}")
        self._remember(chunk)
        changed = self._drop(chunk)
        ending = []
        for number in chunk.choices:
            choice = self._choices[number]
            if choice.finish_reason is not None:
                chunk.remove_choice(number)
                changed = True
            elif whole or choice.gate.stopped or number in chunk.finished:
                changed |= self._end(chunk, choice, fed, whole=whole)
                ending.append(choice)
        for (number, channel), text in fed.items():
            if chunk.texts(number).get(channel, "") != text:
                chunk.put(number, channel, text)
                changed = True
        changed |= self._align_logprobs(chunk)
        self.held = max(self.held, sum(choice.gate.held for choice in self._choices.values()))
        if changed and not whole and _is_idle(chunk):
            return b""
        payload = chunk.encode() if changed else event.data or b""
        if ending:
            self.ended += ending
            additions = self._notes.additions(ending)
            if additions.answer or additions.choices or additions.messages:
                return frame(splice(payload, additions))
        return frame(payload) if changed else event.raw

    def _end(self, chunk: Chunk, choice: GuardedChoice, fed: dict[tuple[int, str], str], *, whole: bool) -> bool:
        """Bring a choice to its end; returns whether the chunk changed for it."""
        if not choice.gate.stopped:
            for channel, text in choice.gate.close().items():
                if text:
                    fed[choice.number, channel] = fed.get((choice.number, channel), "") + text
        choice.gate.conclude()
        if not choice.gate.stopped:
            choice.finish_reason = str(chunk.choice(choice.number).get("finish_reason") or "stop")
            return False
        choice.finish_reason = BLOCKED
        chunk.finish(choice.number, BLOCKED)
        if said := self._notes.refusal(choice):
            fed[choice.number, REFUSAL] = fed.get((choice.number, REFUSAL), "") + said
        if whole:
            for channel, text in chunk.texts(choice.number).items():
                if channel.startswith(("tool_calls", "function_call")) and fed.get((choice.number, channel)) != text:
                    fed.pop((choice.number, channel), None)
                    chunk.remove(choice.number, channel)
        return True

    def _drop(self, chunk: Chunk) -> bool:
        """In enforce, take out what no table lists."""
        if not self._plan.enforce or not chunk.unlisted:
            return False
        self.dropped += chunk.drop_unlisted()
        return True

    def _align_logprobs(self, chunk: Chunk) -> bool:
        """Let log probabilities leave with their text."""
        changed = False
        for number in chunk.choices:
            queues = self._choices[number].logprobs
            if queues is not None and self._plan.enforce:
                lanes = self._choices[number].gate.lanes
                released = {channel: lane.released for channel, lane in lanes.items()}
                changed |= chunk.put_logprobs(number, queues.release(released))
        return changed

    def _remember(self, chunk: Chunk) -> None:
        if chunk.has_usage:
            self.usage = chunk.body["usage"]
        if not self.shell:
            self.shell = shell(chunk.body)


def framer(event: Event) -> Callable[[bytes], bytes]:
    """Writes a payload as an event of the same name."""
    return lambda payload: data_event(payload, event.name)


def _is_idle(chunk: Chunk) -> bool:
    """Whether nothing is left in a chunk that a client could miss."""
    if chunk.finished or chunk.has_usage:
        return False
    return not any(
        value
        for number in chunk.choices
        for holder in (chunk.message(number), {"logprobs": chunk.choice(number).get("logprobs")})
        for value in holder.values()
    )


def _error_words(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return (str(message).splitlines() or ["no reason given"])[0][:200]
