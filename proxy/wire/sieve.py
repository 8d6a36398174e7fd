"""Takes one decoded answer, or one chunk of it, apart: texts by channel, and what is not listed. Sans-I/O."""

from typing import Any

import msgspec

from proxy.wire.errors import WireError
from proxy.wire.fields import (
    AUDIO,
    CALL,
    CHOICE,
    CITATION,
    CONTENT,
    CUSTOM,
    FUNCTION,
    FUNCTION_ARGUMENTS,
    LOGPROB,
    LOGPROBS,
    MESSAGE,
    PART,
    REASONING,
    REFUSAL,
    TRANSCRIPT,
    Field,
    call_arguments,
    call_input,
    is_harmless,
    may_pass,
)
from proxy.wire.logprobs import Batch

Json = dict[str, Any]


class Part(msgspec.Struct, gc=False):
    """Text of one channel, and where it stands: `holder[key]`, and `holder[twin]` which says the same."""

    choice: int
    channel: str
    text: str
    holder: Json
    key: str
    twin: str | None = None

    def write(self, text: str) -> None:
        """Put another text in its place."""
        self.text = self.holder[self.key] = text
        if self.twin is not None:
            self.holder[self.twin] = text


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


class Sieve:
    """Collects, over the choices of one object, texts in the order in which they are read, and what is not listed.

    Log probabilities are listed only `with_logprobs`: where no one asked for them, no one sees them leave with their
    text.
    """

    def __init__(self, calls: CallNumbers, *, with_logprobs: bool = True) -> None:
        self._calls = calls
        self._with_logprobs = with_logprobs
        self.parts: list[Part] = []
        self.unlisted: list[tuple[Any, Any]] = []  # (object, key) or (list, element)
        self.batches: dict[int, list[Batch]] = {}
        self.calls: dict[tuple[int, int], Json] = {}

    def sift(self, choice: Json, number: int, body: str) -> None:
        """Take one choice apart; `body` is the key of its message: `delta` or `message`. Raises WireError."""
        self._check(choice, CHOICE)
        other = "message" if body == "delta" else "delta"
        if not is_harmless(choice.get(other)):
            self.unlisted.append((choice, other))
        first = len(self.parts)
        message = choice.get(body)
        if isinstance(message, dict):
            self._message(message, number)
        elif message is not None:
            raise WireError(f"upstream sent a choice whose `{body}` is no object, so it cannot be checked")
        if not is_harmless(choice.get("logprobs")):
            self._logprobs(choice, number, {part.channel for part in self.parts[first:]})

    def _message(self, message: Json, number: int) -> None:
        self._check(message, MESSAGE)
        self._reasoning(message, number)
        self._content(message, number)
        if audio := self._nested(message, "audio", AUDIO):
            self._text(audio, "transcript", number, TRANSCRIPT)
        self._text(message, "refusal", number, REFUSAL)
        if function := self._nested(message, "function_call", FUNCTION):
            self._text(function, "arguments", number, FUNCTION_ARGUMENTS)
        for position, call in enumerate(self._list(message, "tool_calls")):
            self._call(message["tool_calls"], call, number, position)
        citations = self._list(message, "annotations")
        self.unlisted.extend((citations, entry) for entry in citations if not _is_citation(entry))

    def _reasoning(self, message: Json, number: int) -> None:
        """Some servers send the same text under both spellings; where they differ, the older one is not listed."""
        new, old = message.get("reasoning"), message.get("reasoning_content")
        if new and old and isinstance(new, str):
            if new == old:
                self.parts.append(Part(number, REASONING, new, message, "reasoning", "reasoning_content"))
                return
            self.unlisted.append((message, "reasoning_content"))
            self._text(message, "reasoning", number, REASONING)
            return
        self._text(message, "reasoning", number, REASONING)
        self._text(message, "reasoning_content", number, REASONING)

    def _content(self, message: Json, number: int) -> None:
        content = message.get("content")
        if not isinstance(content, list):
            self._text(message, "content", number, CONTENT)
            return
        for part in content:
            if isinstance(part, dict) and part.get("type") == "text":
                self._check(part, PART)
                self._text(part, "text", number, CONTENT)
            else:
                self.unlisted.append((content, part))

    def _call(self, calls: list[Any], call: Any, number: int, position: int) -> None:
        if not isinstance(call, dict):
            self.unlisted.append((calls, call))
            return
        at = self._calls.number(number, call, position)
        self.calls[number, at] = call
        self._check(call, CALL)
        if function := self._nested(call, "function", FUNCTION):
            self._text(function, "arguments", number, call_arguments(at))
        if custom := self._nested(call, "custom", CUSTOM):
            self._text(custom, "input", number, call_input(at))

    def _logprobs(self, choice: Json, number: int, channels: set[str]) -> None:
        logprobs = choice["logprobs"]
        if not isinstance(logprobs, dict) or not self._with_logprobs:
            self.unlisted.append((choice, "logprobs"))
            return
        self.unlisted.extend(
            (logprobs, key) for key, value in logprobs.items() if key not in LOGPROBS and not is_harmless(value)
        )
        for key in LOGPROBS:
            entries = self._list(logprobs, key)
            if not entries:
                continue
            for entry in entries:
                if isinstance(entry, dict):
                    self._check(entry, LOGPROB)
            channel = REFUSAL if key == "refusal" else _only(channels - {REFUSAL})
            self.batches.setdefault(number, []).append(Batch(key, channel, entries))

    def _check(self, holder: Json, table: dict[str, Field]) -> None:
        """Note what is not listed, and labels that are none."""
        for key, value in holder.items():
            field = table.get(key)
            if field is None:
                if not is_harmless(value):
                    self.unlisted.append((holder, key))
            elif field.handling not in ("text", "nested") and not may_pass(field, value):
                self.unlisted.append((holder, key))

    def _text(self, holder: Json, key: str, number: int, channel: str) -> None:
        value = holder.get(key)
        if isinstance(value, str):
            if value:
                self.parts.append(Part(number, channel, value, holder, key))
        elif not is_harmless(value):
            self.unlisted.append((holder, key))

    def _nested(self, holder: Json, key: str, table: dict[str, Field]) -> Json | None:
        value = holder.get(key)
        if isinstance(value, dict):
            self._check(value, table)
            return value
        if not is_harmless(value):
            self.unlisted.append((holder, key))
        return None

    def _list(self, holder: Json, key: str) -> list[Any]:
        value = holder.get(key)
        if isinstance(value, list):
            return value
        if not is_harmless(value):
            self.unlisted.append((holder, key))
        return []


def _only(channels: set[str]) -> str | None:
    """The channel that entries belong to: `content` where the chunk brings no text, None where it brings several."""
    if len(channels) > 1:
        return None
    return next(iter(channels), CONTENT)


def _is_citation(entry: Any) -> bool:
    if not isinstance(entry, dict) or not entry.keys() <= {"type", "url_citation"}:
        return False
    citation = entry.get("url_citation")
    if entry.get("type") != "url_citation" or not isinstance(citation, dict) or not citation.keys() <= CITATION.keys():
        return False
    return all(may_pass(CITATION[key], value) for key, value in citation.items())
