"""YAML with line numbers: reads a mapping strictly, and turns faults of shape into `file:line: key: what to do`."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
import yaml

from indexes.errors import UsageError

KeyPath: TypeAlias = tuple[str | int, ...]
T = TypeVar("T")

_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[(\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")


@dataclass(frozen=True, slots=True)
class Source:
    """A YAML file as plain values, with the line of every key and element (counted from 1)."""

    name: str
    data: dict[str, Any]
    lines: dict[KeyPath, int]

    def error(self, path: KeyPath, what: str) -> UsageError:
        """The fault at a key, in one line that names file, line and key."""
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        key = written(path)
        return UsageError(f"{self.name}:{self.lines.get(at, 1)}: {f'{key}: ' if key else ''}{what}")

    def convert(self, shape: type[T], data: Any = None, at: KeyPath = ()) -> T:
        """The values (or `data`, which stands at `at`) as `shape`; raises UsageError that says what to write instead."""
        values = self.data if data is None else data
        try:
            return msgspec.convert(values, shape)
        except msgspec.ValidationError as error:
            raise self._explain(error, shape, values, at) from error

    def _explain(self, error: msgspec.ValidationError, shape: type, values: Any, at: KeyPath) -> UsageError:
        message, _, where = str(error).partition(" - at `$")
        path = at + tuple(_path(where.rstrip("`"), values))
        if (unknown := _UNKNOWN.match(message)) is not None:
            wrong = unknown[1]
            known = _fields_at(shape, path[len(at) :])
            near = get_close_matches(wrong, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
            return self.error((*path, wrong), f"unknown key; {hint}")
        return self.error(path, message[:1].lower() + message[1:])


def parse(text: str, name: str) -> Source:
    """Read YAML text that holds one mapping; `name` is what errors call the file."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[KeyPath, int] = {}
        data = {} if node is None else _plain(node, (), lines, name)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise UsageError(f"{name}:{line}: not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{name}:1: not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{name}:1: holds no mapping; write `key: value` lines")
    return Source(name, data, lines)


def read(path: Path) -> Source:
    """Read a YAML file; raises UsageError where it cannot be read."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error


def written(path: KeyPath) -> str:
    """A path as a person writes it: `rules[0].when.kind`."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f"{'.' if out else ''}{step}"
    return out


def _plain(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], name: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, name)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, at), lines, name) for at, child in enumerate(node.value)]
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)  # type: ignore[no-untyped-call]  # the stubs have none for it
    finally:
        loader.dispose()  # type: ignore[no-untyped-call]  # the stubs have none for it


def _mapping(node: yaml.MappingNode, path: KeyPath, lines: dict[KeyPath, int], name: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key: Hashable = key_node.value
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise UsageError(f"{name}:{line}: a key must be a plain word")
        if key in out:
            raise UsageError(f"{name}:{line}: {written((*path, key))}: stands here twice; keep one")
        lines[*path, key] = line
        out[key] = _plain(value_node, (*path, key), lines, name)
    return out


def _path(where: str, values: Any) -> list[str | int]:
    """The keys in msgspec's path; `[...]` (a value of some key) is left out, so the nearest line known is named."""
    out: list[str | int] = []
    for step in _STEP.finditer(where):
        if step[3] is not None:
            break
        out.append(step[1] if step[1] is not None else int(step[2]))
    return out


def _fields_at(shape: Any, path: KeyPath) -> list[str]:
    """The keys that a shape knows at a path."""
    info = msgspec.inspect.type_info(shape)
    for step in path:
        info = _inside(info, step)
    return [field.encode_name for field in getattr(_struct(info), "fields", ())]


def _inside(info: Any, step: str | int) -> Any:
    info = _struct(info)
    if isinstance(step, int):
        return getattr(info, "item_type", info)
    for field in getattr(info, "fields", ()):
        if field.encode_name == step:
            return field.type
    return getattr(info, "value_type", info)


def _struct(info: Any) -> Any:
    """The structured member of a union, or the type itself."""
    members = getattr(info, "types", None)
    if members is None:
        return info
    return next((each for each in members if hasattr(each, "fields") or hasattr(each, "item_type")), info)
