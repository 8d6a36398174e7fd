"""All choices of one answer under guard, sans-I/O: events or a whole answer in, bytes for the client out.

Streamed and whole answers take the same path: a whole answer is one chunk that ends every choice it carries.

Where a copy is to be told in other words, `parted` names the choice that was cut off. Whoever reads upstream then stops
reading, asks `again`, and hands over the events of what is written next; a whole answer is put together by `rest`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from indexes.errors import FairgateError
from policies.edits import cite
from proxy.choice import Fed, GuardedChoice, add
from proxy.gate import ChoiceGate
from proxy.plan import Plan
from proxy.sequel import Sequel
from proxy.wire.again import Again
from proxy.wire.chat import ChatReader
from proxy.wire.chunk import Chunk, Token
from proxy.wire.errors import WireError
from proxy.wire.fields import CONTENT
from proxy.wire.logprobs import ChoiceLogprobs
from proxy.wire.sieve import Json
from proxy.wire.splice import Additions, splice
from proxy.wire.sse import Event, data_event, sole_event
from proxy.wire.template import Template
from proxy.wire.usage import Spent, tokens


class UpstreamReportedError(FairgateError):
    """Upstream told of a fault in the middle of its stream."""


class Notes(Protocol):
    """What a client is told of the choices that end."""

    def refusal(self, choice: GuardedChoice) -> str | None:
        """Why a choice was stopped, in words that a client can show; None where it is told nothing."""

    def additions(self, ended: Sequence[GuardedChoice]) -> Additions:
        """The fields that the chunk with which these choices end carries for the client."""


class Reader(Protocol):
    """Takes apart the events of one stream, or one whole answer, of some surface."""

    def token(self, data: bytes) -> Token | None:
        """Read an ordinary chunk; None where it is any other, which `chunk` reads."""

    def chunk(self, data: bytes) -> Chunk:
        """Read the data of an event; raises WireError where it cannot be checked."""

    def answer(self, data: bytes) -> Chunk:
        """Read the body of a whole answer; raises WireError where it cannot be checked."""

    def blank(self, shell: Json) -> Chunk:
        """A chunk of this stream that carries no choice yet."""


class Opens(Protocol):
    """Opens a reader of a surface."""

    def __call__(self, *, with_logprobs: bool) -> Reader:
        """A reader at the beginning of an answer; where no one asked for log probabilities, they are not listed."""


class AnswerGuard:
    """Guards one answer. `ended` holds the choices that ended since the caller last emptied it."""

    def __init__(
        self, plan: Plan, notes: Notes, opens: Opens = ChatReader, *, choices: int = 1, logprobs: bool = False
    ) -> None:
        self._plan = plan
        self._opens = opens
        self._notes = notes
        self.expected = choices
        self._with_logprobs = logprobs
        self._as_it_comes = not logprobs
        self._reader = opens(with_logprobs=logprobs)
        self._template = Template(self._reader.token)
        self._choices: dict[int, GuardedChoice] = {}
        self.ended: list[GuardedChoice] = []
        self.dropped = 0
        self.held = 0
        self.deltas = 0
        self._sequel = Sequel()
        self.parted: GuardedChoice | None = None
        """The choice that was cut off and is to be asked for again."""
        self._body: Chunk | None = None
        self._waiting: tuple[Fed, Callable[[], bytes]] | None = None
        """What may leave of the event that is being read, and what becomes of it, while gates ask for something."""

    @property
    def choices(self) -> tuple[GuardedChoice, ...]:
        """Every choice seen."""
        return tuple(self._choices.values())

    @property
    def shell(self) -> Json:
        """What every chunk of the answer repeats, as far as any was read."""
        return self._sequel.shell

    @property
    def asks(self) -> int:
        """How often the answer was asked for again."""
        return self._sequel.asks

    @property
    def complete(self) -> bool:
        """Whether every choice that was asked for has ended."""
        ended = sum(choice.finish_reason is not None for choice in self._choices.values())
        return ended >= max(self.expected, len(self._choices))

    @property
    def stopped(self) -> bool:
        """Whether a choice was blocked, so that upstream still writes what no one will read."""
        return any(choice.gate.stopped for choice in self._choices.values())

    @property
    def asking(self) -> list[GuardedChoice]:
        """The choices that ask for something of budgets; when all are answered, `go_on` comes next."""
        return [] if self._waiting is None else [each for each in self._choices.values() if each.gate.asks]

    def go_on(self) -> bytes:
        """Read on where gates had to ask first; returns what the client gets for the event that was being read."""
        if self._waiting is None:
            return b""
        (fed, settle), self._waiting = self._waiting, None
        for choice in self._choices.values():
            if choice.gate.asks:
                add(fed, choice.number, choice.gate.go_on())
        return settle()

    def event(self, event: Event) -> bytes:
        """Take one event of a stream and return what the client gets for it: nothing yet where some choice is `asking`.

        Raises WireError where it cannot be checked and UpstreamReportedError where upstream tells of a fault.
        """
        if event.data is None or event.is_done:
            return event.raw
        if self._as_it_comes and (text := self._template.text(event.raw)) is not None:
            return self._ordinary(self._choices[self._template.choice], self._template.channel, text, event)
        if self._as_it_comes and (token := self._reader.token(event.data)) is not None:
            self._template.learn(event.raw, token)
            if token.choice not in self._choices:
                self._open(token.choice)
                self._sequel.first = event.data
            return self._ordinary(self._choices[token.choice], token.channel, token.text, event)
        chunk = self._reader.chunk(event.data)
        self.deltas += bool(chunk.parts)
        if self.asks:
            self._sequel.fit(chunk, self._choices)
        return self._settle(chunk, self._feed(chunk), event, framer(event))

    def glance(self, block: bytes) -> bytes | None:
        """Take a block that is one ordinary event, worded as one before it, and return what the client gets for it.

        None, and nothing is taken, where it is anything else: then it is to be taken by `event`. `block` must begin
        where an event does.
        """
        if not self._as_it_comes or (text := self._template.text(block)) is None:
            return None
        choice = self._choices[self._template.choice]
        return self._ordinary(choice, self._template.channel, text, block)

    def _ordinary(self, choice: GuardedChoice, channel: str, text: str, came: Event | bytes) -> bytes:
        """Take an ordinary chunk: one text of one choice, and nothing that ends it."""
        if choice.finish_reason is not None:
            return b""
        gate, out = choice.gate, ""
        if text:
            self.deltas += 1
            out = gate.feed(channel, text)
        if not (gate.stopped or gate.parted or gate.asks):
            if out == text:
                return came if isinstance(came, bytes) else came.raw
            if not out:
                self.held = max(self.held, gate.held)
                return b""
        event = sole_event(came) if isinstance(came, bytes) else came
        return self._settle(
            self._reader.chunk(event.data or b""), {(choice.number, channel): out}, event, framer(event)
        )

    def answer(self, body: bytes) -> bytes:
        """Take a whole answer and return the body that the client gets; raises WireError."""
        chunk = self._reader.answer(body)
        if not chunk.choices and not chunk.is_error:
            raise WireError("upstream's answer holds no choices, so there is nothing that could be checked")
        self._body = chunk
        return self._settle(chunk, self._feed(chunk), Event(body, body), bytes, whole=True)

    def again(self, prompt_chars: int) -> Again:
        """Ask for the choice that was cut off: what to ask for. The next events are those of that answer.

        `prompt_chars` is how many code points upstream was asked with, for servers that do not say what they used.
        """
        choice, self.parted = self.parted, None
        if choice is None or (lane := choice.gate.parted) is None:
            raise ValueError("no choice was cut off")
        delivered, words = lane.sent, lane.scanner.words
        self._sequel.begin(delivered, prompt_chars, self._generated)
        self._as_it_comes = False
        self._reader = self._opens(with_logprobs=False)
        choice.closed = False
        choice.gate.resume()
        return Again(
            delivered, max(tokens(len(delivered)), words), cite(self._plan.shown(choice.gate.copied)), self.asks
        )

    @property
    def can_ask(self) -> bool:
        """Whether the choice that was cut off may be asked for again."""
        return self.parted is not None and self.parted.gate.asks_left > 0

    def break_off(self) -> None:
        """The answer that was asked for again did not come to its end: it is cut off where it stands."""
        for choice in self._choices.values():
            if choice.finish_reason is None:
                choice.gate.break_off(CONTENT)
                self.parted = choice

    def give_up(self) -> bytes:
        """No answer can be had that goes on: end the choice, and return the event that says so."""
        choice, self.parted = self.parted, None
        if choice is None:
            return b""
        chunk = self._reader.blank(self.shell)
        fed = {(choice.number, CONTENT): choice.gate.give_up()}
        chunk.choice(choice.number)
        return self._settle(chunk, fed, Event(b"", b""), data_event)

    def rest(self, prompt_chars: int) -> bytes:
        """The body of a whole answer that was asked for again and has ended."""
        chunk = self._body
        if chunk is None:
            raise ValueError("there is no whole answer")
        for choice in self._choices.values():
            choice.put_whole(chunk, self._notes.refusal(choice) if choice.gate.stopped else None)
        chunk.body["usage"] = self._sequel.total(prompt_chars, self._generated)
        return splice(chunk.encode(), self._notes.additions(self.choices))

    def spent(self, prompt_chars: int) -> Spent:
        """What all asks used so far; of one whose upstream did not say, about so much."""
        return self._sequel.spent(prompt_chars, self._generated)

    @property
    def _generated(self) -> int:
        """Code points of all that was generated, as far as it was read."""
        return sum(choice.generated for choice in self._choices.values())

    def surrender(self) -> bytes:
        """Give back, unjudged, all that is held: the policy says to pass when we could not look."""
        chunk = self._reader.blank(self.shell)
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
        choice = self._choices[number] = GuardedChoice(number, ChoiceGate(self._plan, number), logprobs)
        return choice

    def _feed(self, chunk: Chunk) -> Fed:
        """Let every text of a chunk pass its gate; returns what may leave."""
        fed: Fed = {}
        for number in chunk.choices:
            choice = self._choices.get(number) or self._open(number)
            if choice.finish_reason is None:
                choice.feed(chunk, fed)
        return fed

    def _settle(
        self, chunk: Chunk, fed: Fed, event: Event, frame: Callable[[bytes], bytes], *, whole: bool = False
    ) -> bytes:
        """Write what may leave onto the chunk, end the choices that end with it, and encode it if it changed."""
        if chunk.is_error:
            raise UpstreamReportedError(f"upstream reported a fault: {_error_words(chunk.body['error'])}")
        if not self._close_all(chunk, fed, whole=whole):
            self._waiting = fed, partial(self._settle, chunk, fed, event, frame, whole=whole)
            return b""
        if not self.asks:
            self._sequel.remember(chunk)
        changed = self._drop(chunk) or self.asks > 0
        ending, touched = self._end_all(chunk, fed, whole=whole)
        changed |= touched
        for (number, channel), text in fed.items():
            if chunk.texts(number).get(channel, "") != text:
                chunk.put(number, channel, text)
                changed = True
        changed |= self._align_logprobs(chunk)
        self.held = max(self.held, sum(choice.gate.held for choice in self._choices.values()))
        if changed and not whole and chunk.is_idle:
            return b""
        payload = chunk.encode() if changed else event.data or b""
        if ending:
            self.ended += ending
            additions = self._notes.additions(ending)
            if additions.answer or additions.choices or additions.messages:
                return frame(splice(payload, additions))
        return frame(payload) if changed else event.raw

    def _close_all(self, chunk: Chunk, fed: Fed, *, whole: bool) -> bool:
        """Close the choices whose text ends with a chunk; False if some choice must ask for something first."""
        for number in chunk.choices:
            choice = self._choices[number]
            ends = (whole or number in chunk.finished) and choice.finish_reason is None
            if ends and not (choice.closed or choice.gate.stopped or choice.gate.asks):
                choice.closed = True
                self._close(choice, fed)
        return not any(choice.gate.asks for choice in self._choices.values())

    def _end_all(self, chunk: Chunk, fed: Fed, *, whole: bool) -> tuple[list[GuardedChoice], bool]:
        """End the choices that end with a chunk: which they are, and whether the chunk changed for it."""
        ending, changed = [], False
        for number in chunk.choices:
            choice = self._choices[number]
            if choice.finish_reason is not None:
                chunk.remove_choice(number)
                changed = True
            elif whole or choice.gate.stopped or number in chunk.finished:
                changed |= self._end(chunk, choice, fed, whole=whole)
            if choice.gate.parted:
                self.parted = choice
            elif choice.finish_reason is not None and number in chunk.choices:
                ending.append(choice)
        return ending, changed

    def _end(self, chunk: Chunk, choice: GuardedChoice, fed: Fed, *, whole: bool) -> bool:
        """Bring a choice to its end; returns whether the chunk changed for it."""
        if choice.gate.parted:
            chunk.choice(choice.number)["finish_reason"] = None
            return True
        if not choice.end(chunk):
            return False
        choice.refuse(self._notes.refusal(choice), fed)
        if whole:
            choice.withdraw_calls(chunk, fed)
        return True

    def _close(self, choice: GuardedChoice, fed: Fed) -> None:
        """The text of a choice ends here: what was held of it may leave."""
        if text := self._sequel.close():
            add(fed, choice.number, {CONTENT: choice.gate.feed(CONTENT, text)})
        if self._sequel.silent and choice.gate.parted is None:
            raise WireError("upstream had nothing more to say, so a copied passage could not be replaced")
        add(fed, choice.number, choice.gate.close())

    def _drop(self, chunk: Chunk) -> bool:
        """In enforce, take out what no table lists."""
        if not self._plan.enforce or not chunk.unlisted:
            return False
        self.dropped += chunk.drop_unlisted()
        return True

    def _align_logprobs(self, chunk: Chunk) -> bool:
        """Let log probabilities leave with their text."""
        if not self._plan.enforce:
            return False
        changed = False
        for number in chunk.choices:
            changed |= self._choices[number].align_logprobs(chunk)
        return changed


def framer(event: Event) -> Callable[[bytes], bytes]:
    """Writes a payload as an event of the same name."""
    return lambda payload: data_event(payload, event.name)


def _error_words(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return (str(message).splitlines() or ["no reason given"])[0][:200]
