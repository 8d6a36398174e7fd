"""Facts about works, as formats state them, brought into the shape of a manifest."""

import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

Facts: TypeAlias = dict[str, Any]
"""Facts about a work, under the keys of a manifest."""

YEAR: Final = re.compile(r"(?<!\d)(1[0-9]{3}|20[0-9]{2})(?!\d)")
LONGEST: Final = 500


def joined(*said: Facts) -> Facts:
    """Facts from several places, the first that states one wins. INVARIANT: `opt_out` is only ever stated as true, so
    one reservation of rights is enough.
    """
    facts: Facts = {}
    for each in reversed(said):
        facts.update(each)
    return facts


def over(said: Facts, found: Facts) -> Facts:
    """Facts that were found, under those that the operator stated: what is stated holds, a reservation too."""
    return {**found, **said}


def clean(value: object) -> str | None:
    """A statement on one line, not endless; None for one that says nothing."""
    words = " ".join(value.split()) if isinstance(value, str) else ""
    return words[:LONGEST] or None


def names(values: Iterable[object]) -> list[str]:
    """Names of people, each once, in order."""
    return list(dict.fromkeys(name for value in values if (name := clean(value))))


def year(value: object) -> int | None:
    """The year of a date, however it is written."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = YEAR.search(value) if isinstance(value, str) else None
    return int(found[0]) if found else None


def stated(**facts: Any) -> Facts:
    """The facts that say something."""
    return {key: value for key, value in facts.items() if value not in (None, "", [], False)}


def fitting(pattern: str, path: str) -> bool:
    """Whether a path begins with a pattern, in which `*` is anything and `$` at the end is the end (RFC 9309)."""
    end = pattern.endswith("$")
    parts = (pattern[:-1] if end else pattern).split("*")
    if not path.startswith(parts[0]):
        return False
    at = len(parts[0])
    for part in parts[1:]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return not end or at == len(path) or path.endswith(parts[-1])
