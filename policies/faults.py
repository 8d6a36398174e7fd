"""Faults of shape in words: what stands in a file, and what may stand there. Pure."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import inspect

KeyPath: TypeAlias = tuple[str | int, ...]

_SHORT: Final = 60


def unknown_key(shape: type, path: KeyPath, wrong: str) -> str:
    """What to do about a key that a shape does not know at a path."""
    known = [field.encode_name for field in _fields(_type_at(shape, path))]
    near = get_close_matches(wrong, known, 1)
    return f"unknown key; did you mean `{near[0]}`?" if near else f"unknown key; known are {', '.join(known)}"


def missing_key(shape: type, path: KeyPath, key: str) -> str:
    """What to write for a key that must be there."""
    return f"is missing; write {_may_stand(_type_at(shape, (*path, key)))}"


def wrong_value(shape: type, path: KeyPath, value: Any) -> str:
    """What may stand in place of a value."""
    wanted = _type_at(shape, path)
    choices = _choices(wanted)
    near = get_close_matches(value, choices, 1) if isinstance(value, str) else []
    hint = f"did you mean `{near[0]}`? " if near else ""
    return f"{_stands(value)} cannot stand here; {hint}write {_may_stand(wanted)}"


def _stands(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    said = str(value)
    return f"`{said if len(said) <= _SHORT else said[:_SHORT] + '...'}`"


def _may_stand(wanted: inspect.Type) -> str:
    """A type as an operator would say it."""
    match wanted:
        case inspect.Metadata():
            said = str((wanted.extra_json_schema or {}).get("description") or _may_stand(wanted.type))
        case inspect.UnionType():
            lists = [each for each in wanted.types if isinstance(each, inspect.ListType)]
            others = [each for each in wanted.types if not isinstance(each, inspect.NoneType | inspect.ListType)]
            said = ", or ".join([*map(_may_stand, others), *("a list of such" for _ in lists)])
        case inspect.LiteralType():
            said = f"one of {', '.join(str(value) for value in wanted.values)}"
        case inspect.IntType():
            said = f"a whole number{_bounds(wanted)}"
        case inspect.FloatType():
            said = f"a number{_bounds(wanted)}"
        case inspect.ListType() | inspect.VarTupleType():
            said = f"a list, each of it {_may_stand(wanted.item_type)}"
        case inspect.StructType():
            said = f"a mapping with keys of {', '.join(field.encode_name for field in wanted.fields)}"
        case _:
            said = {inspect.BoolType: "true or false", inspect.DictType: "a mapping"}.get(type(wanted), "text")
    return said


def _bounds(wanted: inspect.IntType | inspect.FloatType) -> str:
    low, high = (None if bound is None else f"{bound:g}" for bound in (wanted.ge, wanted.le))
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f", {low} or more" if low is not None else ""


def _choices(wanted: inspect.Type) -> Sequence[str]:
    if isinstance(wanted, inspect.Metadata):
        return _choices(wanted.type)
    if isinstance(wanted, inspect.UnionType):
        return [choice for each in wanted.types for choice in _choices(each)]
    if isinstance(wanted, inspect.LiteralType):
        return [str(value) for value in wanted.values]
    return []


def _type_at(shape: type, path: KeyPath) -> inspect.Type:
    found = msgspec.inspect.type_info(shape)
    for step in path:
        found = _inside(found, step)
    return found


def _inside(wanted: inspect.Type, step: str | int) -> inspect.Type:
    structured = _structured(wanted, step)
    if isinstance(structured, inspect.ListType | inspect.VarTupleType):
        return structured.item_type
    if isinstance(structured, inspect.DictType):
        return structured.value_type
    return next((field.type for field in _fields(structured) if field.encode_name == step), structured)


def _structured(wanted: inspect.Type, step: str | int) -> inspect.Type:
    """The member of a union that has such a step inside, or the type itself."""
    if isinstance(wanted, inspect.Metadata):
        return _structured(wanted.type, step)
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    kinds = (inspect.ListType, inspect.VarTupleType) if isinstance(step, int) else (inspect.StructType,)
    return next((each for each in wanted.types if isinstance(each, kinds)), wanted)


def _fields(wanted: inspect.Type) -> Sequence[inspect.Field]:
    structured = _structured(wanted, "")
    return structured.fields if isinstance(structured, inspect.StructType) else ()
