"""Chat completions: one event, or one whole answer, taken apart into texts by channel and put together again. Sans-I/O.

Both shapes are read alike: a chunk carries its choices under `delta`, an answer under `message`. Whole answers give
their texts in the order reasoning, content, refusal, tool calls, which is the order in which they are judged.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from typing_extensions import override

from proxy.wire.chat_sieve import CallNumbers, ChatSieve
from proxy.wire.chunk import Chunk, Token, Unended, decoded
from proxy.wire.fields import CONTENT, REASONING
from proxy.wire.sieve import Json

Body: TypeAlias = Literal["delta", "message"]
_CALL = re.compile(r"tool_calls\[(\d+)\]\.(arguments|input)")


class ChatChunk(Chunk):
    """A chunk of a chat, or a whole one."""

    no_logprobs = {"content": None, "refusal": None}  # noqa: RUF012 (never written)

    def __init__(
        self,
        body: Json,
        kind: Body,
        calls: CallNumbers,
        reasoning: str = "reasoning",
        *,
        with_logprobs: bool = True,
    ) -> None:
        self._kind: Body = kind
        self._reasoning = reasoning
        self._sieve = ChatSieve(calls, with_logprobs=with_logprobs)
        self._calls = self._sieve.calls
        super().__init__(body, self._sieve)

    @override
    def _sift(self, choice: Json, number: int) -> None:
        self._sieve.sift(choice, number, self._kind)

    @override
    def remove(self, choice: int, channel: str) -> None:
        """Take a channel out: its field, or the whole tool call that it is part of."""
        if (call := _CALL.fullmatch(channel)) is not None:
            self._remove_call(choice, int(call[1]))
        super().remove(choice, channel)

    @override
    def continue_choice(self, choice: int) -> None:
        """Take out role and reasoning: what is thought behind a wish of ours would speak of it."""
        self.message(choice).pop("role", None)
        self.remove(choice, REASONING)

    def message(self, number: int) -> Json:
        """The `delta` or `message` of a choice, made if there is none."""
        return _object(self.choice(number), self._kind)

    @override
    def _made(self, number: int) -> Json:
        return {"index": number, self._kind: {}, "finish_reason": None}

    @override
    def _carried(self, choice: Json) -> Mapping[str, Any]:
        return _object(choice, self._kind)

    @override
    def _place(self, choice: int, channel: str) -> tuple[Json, str]:
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
            return None if delta.content is None else Token(choice.index, CONTENT, delta.content)
        if delta.content or (delta.reasoning and delta.reasoning_content):
            return None
        if delta.reasoning_content:
            self._reasoning = "reasoning_content"
        return Token(choice.index, REASONING, delta.reasoning or delta.reasoning_content or "")

    def chunk(self, data: bytes) -> ChatChunk:
        """Read the data of an event; raises WireError where it cannot be checked."""
        return self._read(data, "delta")

    def answer(self, data: bytes) -> ChatChunk:
        """Read the body of a whole answer; raises WireError where it cannot be checked."""
        return self._read(data, "message")

    def blank(self, shell: Json) -> ChatChunk:
        """A chunk of this stream that carries no choice yet."""
        return ChatChunk({**shell, "choices": []}, "delta", CallNumbers(), self._reasoning)

    def _read(self, data: bytes, kind: Body) -> ChatChunk:
        chunk = ChatChunk(decoded(data), kind, self._calls, self._reasoning, with_logprobs=self._with_logprobs)
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


class _Choice(Unended, forbid_unknown_fields=True, gc=False, kw_only=True):
    delta: _Delta


class _Ordinary(msgspec.Struct, gc=False):
    choices: tuple[_Choice]
    error: None = None


def _object(holder: Json, key: str) -> Json:
    if not isinstance(holder.get(key), dict):
        holder[key] = {}
    found: Json = holder[key]
    return found
