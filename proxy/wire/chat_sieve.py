"""Takes the choices of a chat answer, or of one chunk of it, apart. Sans-I/O."""

from typing import Any

from proxy.wire.errors import WireError
from proxy.wire.fields import (
    AUDIO,
    CALL,
    CHOICE,
    CONTENT,
    CUSTOM,
    FUNCTION,
    FUNCTION_ARGUMENTS,
    LOGPROBS,
    MESSAGE,
    PART,
    REASONING,
    REFUSAL,
    TRANSCRIPT,
    call_arguments,
    call_input,
    is_harmless,
)
from proxy.wire.sieve import Json, Part, Sieve


class CallNumbers:
    """Numbers the tool calls of a stream. Some servers leave `index` out: then each new `id` is the next call."""

    def __init__(self) -> None:
        self._ids: dict[int, list[str]] = {}

    def number(self, choice: int, call: Json, position: int) -> int:
        """The number of a call that stands at `position` of its chunk."""
        index = call.get("index")
        if isinstance(index, int) and not isinstance(index, bool):
            return index
        ids = self._ids.setdefault(choice, [])
        name = call.get("id")
        if isinstance(name, str) and name:
            if name not in ids:
                ids.append(name)
            return ids.index(name)
        return len(ids) - 1 if ids else position


class ChatSieve(Sieve):
    """The sieve of chat. `calls` holds the tool calls by choice and number."""

    def __init__(self, calls: CallNumbers, *, with_logprobs: bool = True) -> None:
        super().__init__(with_logprobs=with_logprobs)
        self._calls = calls
        self.calls: dict[tuple[int, int], Json] = {}

    def sift(self, choice: Json, number: int, body: str) -> None:
        """Take one choice apart; `body` is the key of its message: `delta` or `message`. Raises WireError."""
        self.check(choice, CHOICE)
        other = "message" if body == "delta" else "delta"
        if not is_harmless(choice.get(other)):
            self.unlisted.append((choice, other))
        first = len(self.parts)
        message = choice.get(body)
        if isinstance(message, dict):
            self._message(message, number)
        elif message is not None:
            raise WireError(f"upstream sent a choice whose `{body}` is no object, so it cannot be checked")
        if (logprobs := self.logprobs(choice)) is not None:
            self._logprobs(logprobs, number, {part.channel for part in self.parts[first:]})

    def _message(self, message: Json, number: int) -> None:
        self.check(message, MESSAGE)
        self._reasoning(message, number)
        self._content(message, number)
        if audio := self.nested(message, "audio", AUDIO):
            self.read(audio, "transcript", number, TRANSCRIPT)
        self.read(message, "refusal", number, REFUSAL)
        if function := self.nested(message, "function_call", FUNCTION):
            self.read(function, "arguments", number, FUNCTION_ARGUMENTS)
        for position, call in enumerate(self.entries(message, "tool_calls")):
            self._call(message["tool_calls"], call, number, position)
        self.citations(message)

    def _reasoning(self, message: Json, number: int) -> None:
        """Some servers send the same text under both spellings; where they differ, the older one is not listed."""
        new, old = message.get("reasoning"), message.get("reasoning_content")
        if new and old and isinstance(new, str):
            if new == old:
                self.parts.append(Part(number, REASONING, new, message, "reasoning", "reasoning_content"))
                return
            self.unlisted.append((message, "reasoning_content"))
            self.read(message, "reasoning", number, REASONING)
            return
        self.read(message, "reasoning", number, REASONING)
        self.read(message, "reasoning_content", number, REASONING)

    def _content(self, message: Json, number: int) -> None:
        content = message.get("content")
        if not isinstance(content, list):
            self.read(message, "content", number, CONTENT)
            return
        for part in content:
            if isinstance(part, dict) and part.get("type") == "text":
                self.check(part, PART)
                self.read(part, "text", number, CONTENT)
            else:
                self.unlisted.append((content, part))

    def _call(self, calls: list[Any], call: Any, number: int, position: int) -> None:
        if not isinstance(call, dict):
            self.unlisted.append((calls, call))
            return
        at = self._calls.number(number, call, position)
        self.calls[number, at] = call
        self.check(call, CALL)
        if function := self.nested(call, "function", FUNCTION):
            self.read(function, "arguments", number, call_arguments(at))
        if custom := self.nested(call, "custom", CUSTOM):
            self.read(custom, "input", number, call_input(at))

    def _logprobs(self, logprobs: Json, number: int, channels: set[str]) -> None:
        self.unlisted.extend(
            (logprobs, key) for key, value in logprobs.items() if key not in LOGPROBS and not is_harmless(value)
        )
        for key in LOGPROBS:
            self.batch(logprobs, key, number, REFUSAL if key == "refusal" else _only(channels - {REFUSAL}))


def _only(channels: set[str]) -> str | None:
    """The channel that entries belong to: `content` where the chunk brings no text, None where it brings several."""
    if len(channels) > 1:
        return None
    return next(iter(channels), CONTENT)
