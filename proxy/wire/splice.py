"""Adds fields to an answer's JSON and leaves every other byte of it as it is. Sans-I/O."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from proxy.wire.errors import WireError

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


class _Member(NamedTuple):
    """One member of an object, and where its value stands."""

    name: str
    value: Any
    start: int
    end: int


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
    members, close = _members(text, _after(text, 0))
    if text[close + 1 :].strip():
        raise ValueError("more than one value")
    yield from _extend(members, close, additions.answer)
    for member in members:
        if member.name == "choices" and isinstance(member.value, list):
            for position, start in enumerate(_elements(text, member.start)):
                if text[start] != "{":
                    raise WireError("upstream sent a choice that is no JSON object, so nothing can be added to it")
                choice = member.value[position]
                yield from _extend_choice(text, start, choice.get("index", position), additions)


def _extend_choice(text: str, start: int, number: int, additions: Additions) -> Iterator[_Edit]:
    """Put fields into a choice and its message."""
    fields = dict(additions.choices.get(number, {}))
    on_message = additions.messages.get(number, {})
    if not (fields or on_message):
        return
    members, close = _members(text, start)
    bodies = [each for each in members if each.name in ("delta", "message")]
    if on_message and not any(isinstance(body.value, dict) for body in bodies):
        is_message = any(body.name == "message" for body in bodies)
        fields["message" if is_message else "delta"] = dict(on_message)
    yield from _extend(members, close, fields)
    for body in bodies:
        if on_message and isinstance(body.value, dict):
            yield from _extend(*_members(text, body.start), on_message)


def _extend(members: Sequence[_Member], close: int, fields: Mapping[str, Any]) -> Iterator[_Edit]:
    """Put fields into the object of these members, whose brace closes at `close`."""
    present = {member.name: member for member in members}
    new = []
    for name, value in fields.items():
        if name in present:
            old = present[name]
            yield _Edit(old.start, old.end, _encode(_merge(old.value, value)))
        else:
            new.append(f"{_encode(name)}:{_encode(value)}")
    if new:
        at = members[-1].end if members else close
        yield _Edit(at, at, ("," if members else "") + ",".join(new))


def _members(text: str, start: int) -> tuple[list[_Member], int]:
    """The members of the object that starts at `start`, and where its brace closes."""
    if text[start : start + 1] != "{":
        raise ValueError("no object")
    found = []
    at = start + 1
    while (member := _MEMBER.match(text, at)) is not None:
        value, at = _DECODER.raw_decode(text, member.end())
        name = member[1]
        found.append(_Member(json.loads(f'"{name}"') if "\\" in name else name, value, member.end(), at))
    close = _after(text, at)
    if text[close : close + 1] != "}":
        raise ValueError("an object that does not close")
    return found, close


def _elements(text: str, start: int) -> Iterator[int]:
    """Where each element of the list that starts at `start` begins."""
    at = _after(text, start + 1)
    while text[at] != "]":
        yield at
        at = _after(text, _DECODER.raw_decode(text, at)[1])


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
