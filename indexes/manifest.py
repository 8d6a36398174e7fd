"""A line of a manifest to the facts it states, with errors that name file, line and key and say what to write."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from indexes.errors import UsageError

Facts: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """What a key may hold: a test, and in words what to write."""

    holds: Callable[[Any], bool]
    write: str


def is_text(value: object) -> bool:
    """Whether a value is a string with something in it."""
    return isinstance(value, str) and bool(value.strip())


def is_texts(value: object) -> bool:
    """Whether a value is a list of such strings."""
    return isinstance(value, list) and all(map(is_text, value))


def is_whole(value: object) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_heart(value: object) -> bool:
    """Whether a value is a list of half-open intervals."""
    return isinstance(value, list) and all(
        isinstance(span, list) and len(span) == 2 and all(map(is_whole, span)) and 0 <= span[0] < span[1]
        for span in value
    )


def one_of(*words: str) -> Key:
    """A key that holds one of a few words."""
    return Key(lambda value: value in words, "one of " + ", ".join(f'"{word}"' for word in words))


TEXT: Final = Key(is_text, "a string in quotes")
TEXTS: Final = Key(is_texts, 'a list of strings, like ["Jane Austen"]')

KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "path": TEXT,
        "content": Key(lambda value: isinstance(value, str), "the text of the work, as a string"),
        "id": TEXT,
        "kind": one_of("text", "code"),
        "title": TEXT,
        "creators": TEXTS,
        "holder": TEXT,
        "license": Key(is_text, 'an SPDX id, like "CC-BY-4.0", or "LicenseRef-..."'),
        "private_to": Key(is_texts, 'a list of tenants, like ["acme"]'),
        "nature": one_of("creative", "factual", "functional"),
        "form": Key(is_text, 'a form, like "novel", "poem", "lyrics" or "news"'),
        "year": Key(is_whole, "a year as a number"),
        "url": TEXT,
        "market": one_of("in_print", "licensable", "out_of_print", "none"),
        "opt_out": Key(lambda value: isinstance(value, bool), "true or false"),
        "plugin": TEXT,
        "heart": Key(is_heart, "intervals of code points of the text, like [[120, 480]]"),
        "tags": TEXTS,
    }
)


def parse_line(raw: bytes, where: str) -> Facts:
    """The facts that one line states, null ones left out. Raises UsageError, which begins with `where`."""
    try:
        said = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{where} is not UTF-8 (byte {error.start + 1}); save the manifest as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON ({explain(error)}); write one object a line") from error
    if not isinstance(said, dict):
        raise UsageError(f'{where} is not an object; write {{"path": "FILE"}} with further keys as you know them')
    for key, value in said.items():
        check(key, value, where)
    facts = {key: value for key, value in said.items() if value is not None}
    if ("path" in facts) == ("content" in facts):
        raise UsageError(f"{where} needs either `path` or `content`, one of them")
    return facts


def check(key: str, value: object, where: str) -> None:
    """Raise UsageError if a key is unknown or holds what it may not."""
    known = KEYS.get(key)
    if known is None:
        close = get_close_matches(key, KEYS, 1)
        advice = f"write `{close[0]}`" if close else "keys are " + ", ".join(KEYS)
        raise UsageError(f"{where} has the unknown key `{key}`; {advice}")
    if key == "kind" and value == "image":
        raise UsageError(f"{where} is an image; images are not indexed yet, leave it out")
    if value is not None and not known.holds(value):
        raise UsageError(f"{where} has `{key}` as {shown(value)}; write {known.write}")


def explain(error: Exception) -> str:
    """What is wrong with a line of JSON."""
    return f"{error.msg.lower()} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else "too deep"


def shown(value: object) -> str:
    """A wrong value, in backticks and not too long."""
    said = json.dumps(value, ensure_ascii=False)
    return f"`{said}`" if len(said) <= 40 else f"`{said[:37]}...`"
