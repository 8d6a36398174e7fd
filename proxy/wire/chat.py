"""Chat completions: one event, or one whole answer, taken apart into texts by channel and put together again. Sans-I/O.

Both shapes are read alike: a chunk carries its choices under `delta`, an answer under `message`. Whole answers give
their texts in the order reasoning, content, refusal, tool calls, which is the order in which they are judged.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from proxy.wire.errors import WireError
from proxy.wire.fields import CONTENT, ENVELOPE, REASONING, is_harmless
from proxy.wire.logprobs import Batch
from proxy.wire.sieve import CallNumbers, Json, Part, Sieve

Body: TypeAlias = Literal["delta", "message"]
_CALL = re.compile(r"tool_calls\[(\d+)\]\.(arguments|input)")


class Token(msgspec.Struct, frozen=True, gc=False):
    """The ordinary chunk: one choice, one text, nothing that ends it, nothing unlisted."""

    choice: int
    channel: str
    text: str


class Chunk:
    """One chunk or whole answer, decoded; it may be rewritten in place and encoded again.

    `parts` are its texts that are not empty; `finished` the choices that carry a finish reason; `choices` all of them.
    """

    def __init__(
        self,
        body: Json,
        kind: Body,
        calls: CallNumbers,
        reasoning: str = "reasoning",
        *,
        with_logprobs: bool = True,
    ) -> None:
        self.body = body
        self._kind: Body = kind
        self._reasoning = reasoning
        self._choices: dict[int, Json] = {}
        sieve = Sieve(calls, with_logprobs=with_logprobs)
        for position, choice in enumerate(_choices(body)):
            number = _number(choice, position)
            if number in self._choices:
                raise WireError(f"upstream sent choice {number} twice in one object, so it cannot be checked")
            self._choices[number] = choice
            sieve.sift(choice, number, kind)
        self.parts = sieve.parts
        self._unlisted = sieve.unlisted + _unlisted_envelope(body)
        self._batches = sieve.batches
        self._calls = sieve.calls

    @property
    def choices(self) -> tuple[int, ...]:
        """The numbers of the choices that it carries."""
        return tuple(self._choices)

    @property
    def finished(self) -> tuple[int, ...]:
        """The numbers of the choices that end with it."""
        return tuple(number for number, choice in self._choices.items() if choice.get("finish_reason"))

    @property
    def is_error(self) -> bool:
        """Whether upstream tells of a fault instead of going on."""
        return not is_harmless(self.body.get("error"))

    @property
    def has_usage(self) -> bool:
        """Whether it says how many tokens were used."""
        return not is_harmless(self.body.get("usage"))

    @property
    def unlisted(self) -> int:
        """How many fields of it have no row in the table of fields and could carry text."""
        return len(self._unlisted)

    def texts(self, choice: int) -> dict[str, str]:
        """The texts of a choice by channel, in the order in which they are read."""
        out: dict[str, str] = {}
        for part in self.parts:
            if part.choice == choice:
                out[part.channel] = out.get(part.channel, "") + part.text
        return out

    def logprobs(self, choice: int) -> list[Batch]:
        """The log probabilities that a choice brings."""
        return self._batches.get(choice, [])

    def drop_unlisted(self) -> int:
        """Take every unlisted field out; returns how many there were."""
        dropped = len(self._unlisted)
        for holder, key in self._unlisted:
            if isinstance(holder, list):
                holder[:] = [element for element in holder if element is not key]
            else:
                holder.pop(key, None)
        self._unlisted = []
        return dropped

    def put(self, choice: int, channel: str, text: str) -> None:
        """Make `text` all that it carries of a channel, which it need not carry yet; so may the choice."""
        found = [part for part in self.parts if part.choice == choice and part.channel == channel]
        if found:
            for part in found:
                part.write("")
            found[0].write(text)
        elif text:
            holder, key = self._place(choice, channel)
            holder[key] = text
            self.parts.append(Part(choice, channel, text, holder, key))

    def remove(self, choice: int, channel: str) -> None:
        """Take a channel out: its field, or the whole tool call that it is part of."""
        if (call := _CALL.fullmatch(channel)) is not None:
            self._remove_call(choice, int(call[1]))
        for part in self.parts:
            if part.choice == choice and part.channel == channel:
                part.holder.pop(part.key, None)
                part.holder.pop(part.twin or part.key, None)
        self.parts = [part for part in self.parts if (part.choice, part.channel) != (choice, channel)]

    def remove_choice(self, choice: int) -> None:
        """Take a choice out."""
        self._choices.pop(choice, None)
        self.parts = [part for part in self.parts if part.choice != choice]
        self.body["choices"] = [
            kept for at, kept in enumerate(self.body.get("choices") or ()) if _number(kept, at) != choice
        ]

    def finish(self, choice: int, reason: str) -> None:
        """Say why a choice ended."""
        self.choice(choice)["finish_reason"] = reason

    def put_logprobs(self, choice: int, entries: Mapping[str, list[Any]]) -> bool:
        """Make `entries`, by key, all log probabilities of a choice; returns whether that changed anything."""
        carried = {batch.key: batch.entries for batch in self.logprobs(choice)}
        wanted = {key: found for key, found in entries.items() if found}
        if carried == wanted:
            return False
        self.choice(choice)["logprobs"] = {"content": None, "refusal": None, **wanted} if wanted else None
        return True

    def choice(self, number: int) -> Json:
        """The object of a choice, made if there is none."""
        if number not in self._choices:
            made: Json = {"index": number, self._kind: {}, "finish_reason": None}
            self._choices[number] = made
            self.body["choices"] = [*(self.body.get("choices") or ()), made]
        return self._choices[number]

    def message(self, number: int) -> Json:
        """The `delta` or `message` of a choice, made if there is none."""
        return _object(self.choice(number), self._kind)

    def encode(self) -> bytes:
        """Its JSON."""
        return msgspec.json.encode(self.body)

    def _place(self, choice: int, channel: str) -> tuple[Json, str]:
        """Where text of a channel goes that the chunk does not carry."""
        message = self.message(choice)
        if (call := _CALL.fullmatch(channel)) is not None:
            key = "function" if call[2] == "arguments" else "custom"
            return _object(self._call(choice, int(call[1])), key), call[2]
        match channel:
            case "audio.transcript":
                return _object(message, "audio"), "transcript"
            case "function_call.arguments":
                return _object(message, "function_call"), "arguments"
            case "reasoning":
                return message, self._reasoning
            case "content" if isinstance(message.get("content"), list):
                message["content"].append({"type": "text"})
                return message["content"][-1], "text"
            case _:
                return message, channel

    def _call(self, choice: int, number: int) -> Json:
        if (choice, number) not in self._calls:
            message = self.message(choice)
            message["tool_calls"] = [*(message.get("tool_calls") or ()), {"index": number}]
            self._calls[choice, number] = message["tool_calls"][-1]
        return self._calls[choice, number]

    def _remove_call(self, choice: int, number: int) -> None:
        call = self._calls.pop((choice, number), None)
        message = self.message(choice)
        kept = [other for other in message.get("tool_calls") or () if other is not call]
        if kept:
            message["tool_calls"] = kept
        else:
            message.pop("tool_calls", None)


class ChatReader:
    """Reads the chunks of one stream, or one whole answer.

    Where the request did not ask for log probabilities (`with_logprobs`), they are not listed.
    """

    def __init__(self, *, with_logprobs: bool = True) -> None:
        self._with_logprobs = with_logprobs
        self._calls = CallNumbers()
        self._reasoning = "reasoning"
        self._ordinary = msgspec.json.Decoder(_Ordinary)

    def token(self, data: bytes) -> Token | None:
        """Read an ordinary chunk; None where it is any other, which `chunk` reads."""
        try:
            choice = self._ordinary.decode(data).choices[0]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        delta = choice.delta
        if not (delta.reasoning or delta.reasoning_content):
            return Token(choice.index, CONTENT, delta.content) if delta.content else None
        if delta.content or (delta.reasoning and delta.reasoning_content):
            return None
        if delta.reasoning_content:
            self._reasoning = "reasoning_content"
        return Token(choice.index, REASONING, delta.reasoning or delta.reasoning_content or "")

    def chunk(self, data: bytes) -> Chunk:
        """Read the data of an event; raises WireError where it cannot be checked."""
        return self._read(data, "delta")

    def answer(self, data: bytes) -> Chunk:
        """Read the body of a whole answer; raises WireError where it cannot be checked."""
        return self._read(data, "message")

    def _read(self, data: bytes, kind: Body) -> Chunk:
        chunk = Chunk(_decode(data), kind, self._calls, self._reasoning, with_logprobs=self._with_logprobs)
        for part in chunk.parts:
            if part.channel == REASONING:
                self._reasoning = part.key
        return chunk


class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    role: Literal["assistant"] | None = None
    refusal: None = None
    function_call: None = None
    tool_calls: Annotated[list[None], msgspec.Meta(max_length=0)] | None = None


class _Choice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    index: int
    delta: _Delta
    finish_reason: None = None
    logprobs: None = None
    stop_reason: None = None
    token_ids: None = None
    content_filter_results: Any = None
    content_filter_offsets: Any = None


class _Ordinary(msgspec.Struct, gc=False):
    choices: tuple[_Choice]
    error: None = None


def _decode(data: bytes) -> Json:
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"upstream sent what is no JSON, so it cannot be checked ({error})") from error
    if not isinstance(body, dict):
        raise WireError("upstream sent JSON that is no object, so it cannot be checked")
    return body


def _choices(body: Json) -> list[Json]:
    choices = body.get("choices")
    if choices is None:
        return []
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise WireError("upstream sent `choices` that are no list of objects, so they cannot be checked")
    return choices


def _number(choice: Json, position: int) -> int:
    number = choice.get("index", position)
    if not isinstance(number, int) or isinstance(number, bool):
        raise WireError("upstream sent a choice whose `index` is no number, so it cannot be checked")
    return number


def _unlisted_envelope(body: Json) -> list[tuple[Any, Any]]:
    """What an object without choices may not hold: it is no answer of a shape that could be checked."""
    if body.get("choices") is not None:
        return []
    return [(body, key) for key, value in body.items() if key not in ENVELOPE and not is_harmless(value)]


def _object(holder: Json, key: str) -> Json:
    if not isinstance(holder.get(key), dict):
        holder[key] = {}
    found: Json = holder[key]
    return found
