"""Takes the objects of an answer apart by the tables of fields: texts by channel, and what is not listed. Sans-I/O."""

from typing import Any

import msgspec

from proxy.wire.fields import CITATION, LOGPROB, Field, is_harmless, may_pass
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


class Sieve:
    """Collects, over the choices of one object, texts in the order in which they are read, and what is not listed.

    Log probabilities are listed only `with_logprobs`: where no one asked for them, no one sees them leave with their
    text.
    """

    def __init__(self, *, with_logprobs: bool) -> None:
        self._with_logprobs = with_logprobs
        self.parts: list[Part] = []
        self.unlisted: list[tuple[Any, Any]] = []  # (object, key) or (list, element)
        self.batches: dict[int, list[Batch]] = {}

    def check(self, holder: Json, table: dict[str, Field]) -> None:
        """Note what is not listed, and labels that are none."""
        for key, value in holder.items():
            field = table.get(key)
            if field is None:
                if not is_harmless(value):
                    self.unlisted.append((holder, key))
            elif field.handling not in ("text", "nested") and not may_pass(field, value):
                self.unlisted.append((holder, key))

    def read(self, holder: Json, key: str, number: int, channel: str) -> None:
        """Take a text."""
        value = holder.get(key)
        if isinstance(value, str):
            if value:
                self.parts.append(Part(number, channel, value, holder, key))
        elif not is_harmless(value):
            self.unlisted.append((holder, key))

    def nested(self, holder: Json, key: str, table: dict[str, Field]) -> Json | None:
        """An object within another, its own fields checked; None where there is none."""
        value = holder.get(key)
        if isinstance(value, dict):
            self.check(value, table)
            return value
        if not is_harmless(value):
            self.unlisted.append((holder, key))
        return None

    def entries(self, holder: Json, key: str) -> list[Any]:
        """A list within an object; empty where there is none."""
        value = holder.get(key)
        if isinstance(value, list):
            return value
        if not is_harmless(value):
            self.unlisted.append((holder, key))
        return []

    def citations(self, holder: Json) -> None:
        """Take `annotations`, which may hold links alone."""
        found = self.entries(holder, "annotations")
        self.unlisted.extend((found, entry) for entry in found if not _is_citation(entry))

    def logprobs(self, choice: Json) -> Json | None:
        """The log probabilities of a choice; None where there are none, or where no one asked for them."""
        logprobs = choice.get("logprobs")
        if is_harmless(logprobs):
            return None
        if isinstance(logprobs, dict) and self._with_logprobs:
            return logprobs
        self.unlisted.append((choice, "logprobs"))
        return None

    def batch(self, logprobs: Json, key: str, number: int, channel: str | None) -> None:
        """Take a list of entries, an object a token; `channel` is that of the text that they spell."""
        entries = self.entries(logprobs, key)
        for entry in entries:
            if isinstance(entry, dict):
                self.check(entry, LOGPROB)
        if entries:
            self.batches.setdefault(number, []).append(Batch(key, channel, entries))


def _is_citation(entry: Any) -> bool:
    if not isinstance(entry, dict) or not entry.keys() <= {"type", "url_citation"}:
        return False
    citation = entry.get("url_citation")
    if entry.get("type") != "url_citation" or not isinstance(citation, dict) or not citation.keys() <= CITATION.keys():
        return False
    return all(may_pass(CITATION[key], value) for key, value in citation.items())
