"""Reads what fairgate needs of a chat request. Sans-I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import msgspec

from proxy.wire.arguments import JsonText
from proxy.wire.request import AskedBody, ModelRequest, read_body
from proxy.wire.sieve import Json
from proxy.wire.surface import CHAT

Role: TypeAlias = Literal["grounding", "assistant"]
# Whose words the answer may repeat as the request's own text. A role that is not named here grounds nothing.
_ROLES: dict[str, Role] = {
    "system": "grounding", "developer": "grounding", "user": "grounding", "tool": "grounding", "function": "grounding",
    "assistant": "assistant",
}  # fmt: skip


class _Message(msgspec.Struct):
    role: str
    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Json] | None = None
    function_call: Json | None = None


class _Body(AskedBody, kw_only=True):
    messages: list[_Message]
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None


def read_chat_request(body: bytes) -> ModelRequest:
    """Read the body of a chat request; raises RequestError with one clear line."""
    asked, request = read_body(body, _Body, CHAT)
    return replace(
        request,
        tools=bool(asked.tools or asked.functions),
        logprobs=bool(asked.logprobs),
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
