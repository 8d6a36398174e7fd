"""One event, or one whole answer: its choices, their texts by channel, and how it is put together again. Sans-I/O."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec

from proxy.wire.errors import WireError
from proxy.wire.fields import ENVELOPE, is_harmless
from proxy.wire.logprobs import Batch
from proxy.wire.sieve import Json, Part, Sieve

Body: TypeAlias = Literal["delta", "message", "text"]
"""Where a choice holds its text: in an object of its own, or beside its number."""


class Token(msgspec.Struct, frozen=True, gc=False):
    """The ordinary chunk: one choice, one text, nothing that ends it, nothing unlisted."""

    choice: int
    channel: str
    text: str


class Chunk(ABC):
    """One chunk or whole answer, decoded; it may be rewritten in place and encoded again.

    `parts` are its texts that are not empty; `finished` the choices that carry a finish reason; `choices` all of them.
    A form of it for each surface says where text stands.
    """

    no_logprobs: ClassVar[Mapping[str, Any]] = {}
    """What `logprobs` holds beside the entries that leave."""

    def __init__(self, body: Json, sieve: Sieve) -> None:
        self.body = body
        self._choices: dict[int, Json] = {}
        for position, choice in enumerate(_choices(body)):
            number = _number(choice, position)
            if number in self._choices:
                raise WireError(f"upstream sent choice {number} twice in one object, so it cannot be checked")
            self._choices[number] = choice
            self._sift(choice, number)
        self.parts = sieve.parts
        self._unlisted = sieve.unlisted + _unlisted_envelope(body)
        self._batches = sieve.batches

    @abstractmethod
    def _sift(self, choice: Json, number: int) -> None:
        """Put a choice through the sieve."""

    @abstractmethod
    def _place(self, choice: int, channel: str) -> tuple[Json, str]:
        """Where text of a channel goes that it does not carry: an object, and a key."""

    @abstractmethod
    def _made(self, number: int) -> Json:
        """A choice that carries nothing."""

    @abstractmethod
    def _carried(self, choice: Json) -> Mapping[str, Any]:
        """The fields of a choice that a client would miss."""

    @abstractmethod
    def continue_choice(self, choice: int) -> None:
        """Take out what only the beginning of an answer says, so that it goes on with one."""

    @property
    def choices(self) -> tuple[int, ...]:
        """The numbers of the choices that it carries."""
        return tuple(self._choices)

    @property
    def finished(self) -> tuple[int, ...]:
        """The numbers of the choices that end with it."""
        return tuple(number for number, choice in self._choices.items() if choice.get("finish_reason"))

    @property
    def is_error(self) -> bool:
        """Whether upstream tells of a fault instead of going on."""
        return not is_harmless(self.body.get("error"))

    @property
    def has_usage(self) -> bool:
        """Whether it says how many tokens were used."""
        return not is_harmless(self.body.get("usage"))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left in it that a client could miss."""
        if self.finished or self.has_usage:
            return False
        return not any(
            value
            for choice in self._choices.values()
            for value in (*self._carried(choice).values(), choice.get("logprobs"))
        )

    @property
    def unlisted(self) -> int:
        """How many fields of it have no row in the table of fields and could carry text."""
        return len(self._unlisted)

    def texts(self, choice: int) -> dict[str, str]:
        """The texts of a choice by channel, in the order in which they are read."""
        out: dict[str, str] = {}
        for part in self.parts:
            if part.choice == choice:
                out[part.channel] = out.get(part.channel, "") + part.text
        return out

    def logprobs(self, choice: int) -> list[Batch]:
        """The log probabilities that a choice brings."""
        return self._batches.get(choice, [])

    def drop_unlisted(self) -> int:
        """Take every unlisted field out; returns how many there were."""
        dropped = len(self._unlisted)
        for holder, key in self._unlisted:
            if isinstance(holder, list):
                holder[:] = [element for element in holder if element is not key]
            else:
                holder.pop(key, None)
        self._unlisted = []
        return dropped

    def put(self, choice: int, channel: str, text: str) -> None:
        """Make `text` all that it carries of a channel, which it need not carry yet; so may the choice."""
        found = [part for part in self.parts if part.choice == choice and part.channel == channel]
        if found:
            for part in found:
                part.write("")
            found[0].write(text)
        elif text:
            holder, key = self._place(choice, channel)
            holder[key] = text
            self.parts.append(Part(choice, channel, text, holder, key))

    def remove(self, choice: int, channel: str) -> None:
        """Take a channel out: its field."""
        for part in self.parts:
            if part.choice == choice and part.channel == channel:
                part.holder.pop(part.key, None)
                part.holder.pop(part.twin or part.key, None)
        self.parts = [part for part in self.parts if (part.choice, part.channel) != (choice, channel)]

    def remove_choice(self, choice: int) -> None:
        """Take a choice out."""
        self._choices.pop(choice, None)
        self.parts = [part for part in self.parts if part.choice != choice]
        self.body["choices"] = [
            kept for at, kept in enumerate(self.body.get("choices") or ()) if _number(kept, at) != choice
        ]

    def finish(self, choice: int, reason: str) -> None:
        """Say why a choice ended."""
        self.choice(choice)["finish_reason"] = reason

    def put_logprobs(self, choice: int, entries: Mapping[str, list[Any]]) -> bool:
        """Make `entries`, by key, all log probabilities of a choice; returns whether that changed anything."""
        carried = {batch.key: batch.entries for batch in self.logprobs(choice)}
        wanted = {key: found for key, found in entries.items() if found}
        if carried == wanted:
            return False
        self.choice(choice)["logprobs"] = self._written(wanted) if wanted else None
        return True

    def _written(self, entries: Mapping[str, list[Any]]) -> Json:
        """`logprobs` with these entries."""
        return {**self.no_logprobs, **entries}

    def choice(self, number: int) -> Json:
        """The object of a choice, made if there is none."""
        if number not in self._choices:
            self._choices[number] = self._made(number)
            self.body["choices"] = [*(self.body.get("choices") or ()), self._choices[number]]
        return self._choices[number]

    def encode(self) -> bytes:
        """Its JSON."""
        return msgspec.json.encode(self.body)


class Unended(msgspec.Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    """What a choice of an ordinary chunk may hold beside its text: it goes on, and says nothing else of itself."""

    index: int
    finish_reason: None = None
    logprobs: None = None
    stop_reason: None = None
    token_ids: None = None
    content_filter_results: Any = None
    content_filter_offsets: Any = None


def decoded(data: bytes) -> Json:
    """The object that upstream sent; raises WireError where it is none."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"upstream sent what is no JSON, so it cannot be checked ({error})") from error
    if not isinstance(body, dict):
        raise WireError("upstream sent JSON that is no object, so it cannot be checked")
    return body


def _choices(body: Json) -> list[Json]:
    choices = body.get("choices")
    if choices is None:
        return []
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise WireError("upstream sent `choices` that are no list of objects, so they cannot be checked")
    return choices


def _number(choice: Json, position: int) -> int:
    number = choice.get("index", position)
    if not isinstance(number, int) or isinstance(number, bool):
        raise WireError("upstream sent a choice whose `index` is no number, so it cannot be checked")
    return number


def _unlisted_envelope(body: Json) -> list[tuple[Any, Any]]:
    """What an object without choices may not hold: it is no answer of a shape that could be checked."""
    if body.get("choices") is not None:
        return []
    return [(body, key) for key, value in body.items() if key not in ENVELOPE and not is_harmless(value)]
