"""Reads what fairgate needs of a chat request; all else travels as the client sent it. Sans-I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec

from proxy.wire.arguments import JsonText
from proxy.wire.errors import RequestError
from proxy.wire.sieve import Json

Role: TypeAlias = Literal["grounding", "assistant"]
# Whose words the answer may repeat as the request's own text. A role that is not named here grounds nothing.
_ROLES: dict[str, Role] = {
    "system": "grounding", "developer": "grounding", "user": "grounding", "tool": "grounding", "function": "grounding",
    "assistant": "assistant",
}  # fmt: skip
_SCHEMA_KEYS = ("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar")
_JSON_FORMATS = ("json_object", "json_schema")


class DeclaredUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says of how it will use the answer; None where it says nothing."""

    purpose: str | None = None
    commercial: bool | None = None
    audience: str | None = None
    project_license: str | None = None


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body key `fairgate`."""

    policy: str | None = None
    use: DeclaredUse = DeclaredUse()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat request, as far as fairgate reads it.

    `body` is what upstream gets: the client's very bytes, or without the key `fairgate` where it was there.
    `grounding` holds the texts that an answer may repeat as the request's own, `earlier` those of assistant turns.
    """

    body: bytes
    model: str
    stream: bool = False
    choices: int = 1
    with_usage: bool = False
    json_output: bool = False
    schema: bool = False
    tools: bool = False
    logprobs: bool = False
    user: str | None = None
    declared: Declared = field(default_factory=Declared)
    grounding: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def may_rewrite(self) -> bool:
        """Whether an answer to it may be rewritten in mid-stream; where it may not, rewrite becomes block."""
        return self.choices == 1 and not (self.tools or self.json_output or self.schema or self.logprobs)


class _Message(msgspec.Struct):
    role: str
    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Json] | None = None
    function_call: Json | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _ResponseFormat(msgspec.Struct):
    type: str


class _Body(msgspec.Struct):
    messages: list[_Message]
    model: str = ""
    stream: bool | None = None
    n: int | None = None
    stream_options: _StreamOptions | None = None
    response_format: _ResponseFormat | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None
    user: str | None = None
    store: bool | None = None
    echo: bool | None = None
    fairgate: Declared | msgspec.UnsetType | None = msgspec.UNSET


def read_chat_request(body: bytes) -> ChatRequest:
    """Read the body of a chat request; raises RequestError with one clear line."""
    asked = _decode(body, _Body)
    if asked.n is not None and asked.n < 1:
        raise RequestError(f"`n` is {asked.n}: ask for 1 or more choices", "n")
    if asked.store:
        raise RequestError(
            "`store` is true, but an answer stored upstream could be fetched unchecked: leave `store` out", "store"
        )
    keys = _decode(body, dict[str, msgspec.Raw])
    declared = asked.fairgate if isinstance(asked.fairgate, Declared) else Declared()
    response_format = asked.response_format.type if asked.response_format else "text"
    return ChatRequest(
        body=body if asked.fairgate is msgspec.UNSET else _without(keys, "fairgate"),
        model=asked.model,
        stream=bool(asked.stream),
        choices=asked.n or 1,
        with_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        json_output=response_format in _JSON_FORMATS or _given(keys, "guided_json"),
        schema=response_format != "text" or any(_given(keys, key) for key in _SCHEMA_KEYS),
        tools=bool(asked.tools or asked.functions),
        logprobs=bool(asked.logprobs),
        user=asked.user,
        declared=declared,
        grounding=tuple(_grounding(asked.messages, echo=bool(asked.echo))),
        earlier=tuple(text for message in asked.messages if message.role == "assistant" for text in _said(message)),
    )


def _grounding(messages: Sequence[_Message], *, echo: bool) -> Iterator[str]:
    for message in messages:
        if _ROLES.get(message.role) == "grounding":
            yield from _texts(message.content)
    if echo and messages and messages[-1].role == "assistant":  # the answer will begin with it
        yield from _texts(messages[-1].content)


def _said(message: _Message) -> Iterator[str]:
    """All that an assistant turn says, the strings of its tool calls' arguments decoded."""
    for text in (message.reasoning, message.reasoning_content):
        if text:
            yield text
    yield from _texts(message.content)
    if message.refusal:
        yield message.refusal
    for call in (*(message.tool_calls or ()), {"function": message.function_call}):
        function, custom = call.get("function"), call.get("custom")
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            yield JsonText().feed(function["arguments"])
        if isinstance(custom, dict) and isinstance(custom.get("input"), str):
            yield custom["input"]


def _texts(content: str | list[Any] | None) -> Iterator[str]:
    """The texts of a message's content, which is a string or a list of parts; parts that are no text have none."""
    if isinstance(content, str):
        content = [content]
    for part in content or ():
        found = (part.get("text") or part.get("refusal")) if isinstance(part, dict) else part
        if isinstance(found, str) and found:
            yield found


def _given(keys: dict[str, msgspec.Raw], key: str) -> bool:
    return key in keys and bytes(keys[key]) not in (b"null", b"false")


def _without(keys: dict[str, msgspec.Raw], key: str) -> bytes:
    """The body without one key; the values of the others stay the client's bytes."""
    return msgspec.json.encode({name: value for name, value in keys.items() if name != key})


def _decode(body: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = where.rstrip("`").lstrip(".") or None
        place = f"`{param}`" if param else "the body"
        raise RequestError(f"{place} cannot be read: {what[:1].lower()}{what[1:]}", param) from error
    except UnicodeDecodeError as error:
        raise RequestError("the body is no JSON: it is not in UTF-8") from error
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise RequestError(f"the body is no JSON: {reason[:1].lower()}{reason[1:]}") from error
    except RecursionError as error:
        raise RequestError("the body is nested too deep: send flatter JSON") from error
