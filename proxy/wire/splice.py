"""Adds fields to an answer's JSON and leaves every other byte of it as it is. Sans-I/O."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy.wire.errors import WireError
from proxy.wire.sieve import Json

_MEMBER = re.compile(r'[\s,]*"((?:[^"\\]|\\.)*)"\s*:\s*')
_ELEMENT = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Additions:
    """Fields to add to an answer or a chunk: to itself, and by number to its choices and to their messages.

    A list is appended to one that is already there, an object is merged into one; anything else takes its place.
    """

    answer: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    messages: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def splice(data: bytes, additions: Additions) -> bytes:
    """The JSON of an answer or a chunk with the additions in it; raises WireError where it is no such JSON."""
    text = data.decode()
    try:
        edits = list(_edits(text, additions))
    except (ValueError, RecursionError) as error:
        raise WireError("upstream sent what is no JSON object, so nothing can be added to it") from error
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text.encode()


def _edits(text: str, additions: Additions) -> Iterator[_Edit]:
    start = _after(text, 0)
    if _DECODER.raw_decode(text, start)[1] != len(text.rstrip()):
        raise ValueError("more than one value")
    yield from _extend(text, start, additions.answer)
    for name, value, at in _members(text, start):
        if name == "choices" and isinstance(value, list):
            for position, (choice, begins) in enumerate(_elements(text, at)):
                if not isinstance(choice, dict):
                    raise WireError("upstream sent a choice that is no JSON object, so nothing can be added to it")
                yield from _extend_choice(text, choice, begins, choice.get("index", position), additions)


def _extend_choice(text: str, choice: Json, start: int, number: int, additions: Additions) -> Iterator[_Edit]:
    """Put fields into a choice and its message."""
    fields = dict(additions.choices.get(number, {}))
    on_message = additions.messages.get(number, {})
    bodies = [(value, at) for name, value, at in _members(text, start) if name in ("delta", "message")]
    if on_message and not any(isinstance(value, dict) for value, _ in bodies):
        fields["message" if "message" in choice else "delta"] = dict(on_message)
    yield from _extend(text, start, fields)
    for value, at in bodies:
        if isinstance(value, dict):
            yield from _extend(text, at, on_message)


def _extend(text: str, start: int, fields: Mapping[str, Any]) -> Iterator[_Edit]:
    """Put fields into the object that starts at `start`."""
    if not fields:
        return
    present, close = {}, start + 1
    for name, value, at in _members(text, start):
        close = _DECODER.raw_decode(text, at)[1]
        present[name] = (value, at, close)
    new = []
    for name, value in fields.items():
        if name in present:
            old, at, end = present[name]
            yield _Edit(at, end, _encode(_merge(old, value)))
        else:
            new.append(f"{_encode(name)}:{_encode(value)}")
    if new:
        yield _Edit(close, close, ("," if present else "") + ",".join(new))


def _members(text: str, start: int) -> Iterator[tuple[str, Any, int]]:
    """Name, value and where the value starts, of each member of the object that starts at `start`."""
    if text[start : start + 1] != "{":
        raise ValueError("no object")
    at = start + 1
    while (member := _MEMBER.match(text, at)) is not None:
        value, at = _DECODER.raw_decode(text, member.end())
        yield json.loads(f'"{member[1]}"'), value, member.end()


def _elements(text: str, start: int) -> Iterator[tuple[Any, int]]:
    at = _after(text, start + 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield value, at
        at = _after(text, end)


def _after(text: str, at: int) -> int:
    separator = _ELEMENT.match(text, at)
    return separator.end() if separator else at


def _merge(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | new
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    return new


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()
