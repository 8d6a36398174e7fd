"""YAML with line numbers: reads a mapping strictly, and turns faults of shape into `file:line: key: what to do`.

Stricter than YAML: `yes`, `no`, `on` and `off` are words, not truth values; a key stands once; numbers are finite.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from indexes.errors import UsageError
from policies.faults import KeyPath, missing_key, unknown_key, wrong_value

T = TypeVar("T")

MOST_VALUES: Final = 100_000
"""Values in a file; an alias counts each time."""
DEEPEST: Final = 32

_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[(\.\.\.)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_NULL: Final = "tag:yaml.org,2002:null"
_BOOL: Final = "tag:yaml.org,2002:bool"
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


@dataclass(frozen=True, slots=True)
class Source:
    """A YAML file as plain values, with the line of every key and element (counted from 1)."""

    name: str
    data: dict[str, Any]
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: KeyPath, what: str) -> UsageError:
        """The fault at a key, in one line that names file, line and key."""
        key = written(path)
        return UsageError(f"{self.name}:{self.line(path)}: {f'{key}: ' if key else ''}{what}")

    def convert(self, shape: type[T], data: Any = None, at: KeyPath = ()) -> T:
        """The values (or `data`, which stands at `at`) as `shape`; raises UsageError that says what to write."""
        values = self.data if data is None else data
        try:
            return msgspec.convert(values, shape)
        except msgspec.ValidationError as error:
            raise self._explain(error, shape, values, at) from error

    def _explain(self, error: msgspec.ValidationError, shape: type, values: Any, at: KeyPath) -> UsageError:
        message, _, where = str(error).partition(" - at `$")
        path = tuple(_path(where.rstrip("`")))
        if (unknown := _UNKNOWN.match(message)) is not None:
            return self.error((*at, *path, unknown[1]), unknown_key(shape, path, unknown[1]))
        if (missing := _MISSING.match(message)) is not None:
            return self.error((*at, *path, missing[1]), missing_key(shape, path, missing[1]))
        return self.error((*at, *path), wrong_value(shape, path, _value_at(values, path)))


def parse(text: str, name: str) -> Source:
    """Read YAML text that holds one mapping; `name` is what errors call the file."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise UsageError(f"{name}:{line}: not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{name}:1: not valid YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise UsageError(f"{name}:1: is nested too deeply; keep to {DEEPEST} levels") from error
    reading = _Reading(name)
    data = {} if node is None else reading.value(node, ())
    if not isinstance(data, dict):
        raise UsageError(f"{name}:1: holds no mapping; write `key: value` lines")
    return Source(name, data, reading.lines)


def read(path: Path) -> Source:
    """Read a YAML file; raises UsageError where it cannot be read."""
    try:
        data = path.read_bytes()
        return parse(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error


def written(path: KeyPath) -> str:
    """A path as a person writes it: `rules[0].when.kind`."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f"{'.' if out else ''}{step}"
    return out


@dataclass(slots=True)
class _Reading:
    """Nodes to plain values, noting where each stands."""

    name: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    values: int = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.values += 1
        if len(path) > DEEPEST:
            raise UsageError(f"{self.name}:{line}: is nested too deeply; keep to {DEEPEST} levels")
        if self.values > MOST_VALUES:
            raise UsageError(f"{self.name}:{line}: holds more than {MOST_VALUES} values; an alias may repeat too much")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, at)) for at, child in enumerate(node.value)]
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise UsageError(f"{self.name}:{line}: a key must be a plain word")
            if key in out:
                raise UsageError(f"{self.name}:{line}: {written((*path, key))}: stands here twice; keep one")
            self.lines[*path, key] = line
            out[key] = self.value(value_node, (*path, key))
        return out

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        text: str = node.value
        if node.tag == _NULL:
            return None
        if node.tag == _BOOL and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if node.tag not in _NUMBERS or ":" in text:
            return text
        try:
            value = yaml.safe_load(text)
        except ValueError as error:
            raise UsageError(f"{self.name}:{line}: `{text}` cannot be read as a number; write it plainly") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{self.name}:{line}: `{text}` is no number to compare with; write a finite one")
        return value


def _path(where: str) -> list[str | int]:
    """The keys in msgspec's path; `[...]` (a value of some key) is left out, so the nearest line known is named."""
    out: list[str | int] = []
    for step in _STEP.finditer(where):
        if step[3] is not None:
            break
        out.append(step[1] if step[1] is not None else int(step[2]))
    return out


def _value_at(values: Any, path: KeyPath) -> Any:
    for step in path:
        values = values[step]
    return values
