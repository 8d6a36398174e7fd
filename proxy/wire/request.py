"""What fairgate reads of a request on any surface; all else travels as the client sent it. Sans-I/O."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from proxy.wire.errors import RequestError
from proxy.wire.surface import CHAT, Surface

_SCHEMA_KEYS = ("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar")
_JSON_FORMATS = ("json_object", "json_schema")


class DeclaredUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says of how it will use the answer; None where it says nothing."""

    purpose: str | None = None
    commercial: bool | None = None
    audience: str | None = None
    project_license: str | None = None


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body key `fairgate`."""

    policy: str | None = None
    use: DeclaredUse = DeclaredUse()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request to a model, as far as fairgate reads it.

    `body` is what upstream gets: the client's very bytes, or without the key `fairgate` where it was there. `choices`
    is how many answers come back. `grounding` holds the texts that an answer may repeat as the request's own, `earlier`
    those of assistant turns, `echoed` by choice the text that upstream will put before the answer, None where that
    cannot be known. `readable` says that all it asks is text, so that it can be asked again with what was delivered.
    """

    body: bytes
    model: str
    surface: Surface = CHAT
    stream: bool = False
    choices: int = 1
    with_usage: bool = False
    json_output: bool = False
    schema: bool = False
    tools: bool = False
    logprobs: bool = False
    user: str | None = None
    declared: Declared = field(default_factory=Declared)
    grounding: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    echoed: tuple[str | None, ...] = ()
    readable: bool = True

    @property
    def may_rewrite(self) -> bool:
        """Whether an answer to it may be rewritten in mid-stream; where it may not, rewrite becomes block."""
        return self.choices == 1 and not (self.tools or self.json_output or self.schema or self.logprobs)

    def echo_before(self, choice: int) -> str:
        """The text of the request's own that upstream puts before the answer of a choice; empty where it puts none."""
        return (self.echoed[choice] or "") if 0 <= choice < len(self.echoed) else ""


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _ResponseFormat(msgspec.Struct):
    type: str


class AskedBody(msgspec.Struct):
    """The keys that all surfaces have in common."""

    model: str = ""
    stream: bool | None = None
    n: int | None = None
    stream_options: _StreamOptions | None = None
    response_format: _ResponseFormat | None = None
    user: str | None = None
    store: bool | None = None
    echo: bool | None = None
    fairgate: Declared | msgspec.UnsetType | None = msgspec.UNSET


Asked = TypeVar("Asked", bound=AskedBody)


def read_body(body: bytes, shape: type[Asked], surface: Surface) -> tuple[Asked, ModelRequest]:
    """The keys of a request, and what those say that all surfaces have in common; raises RequestError with one line."""
    asked = _decode(body, shape)
    if asked.n is not None and asked.n < 1:
        raise RequestError(f"`n` is {asked.n}: ask for 1 or more choices", "n")
    if asked.store:
        raise RequestError(
            "`store` is true, but an answer stored upstream could be fetched unchecked: leave `store` out", "store"
        )
    keys = _decode(body, dict[str, msgspec.Raw])
    response_format = asked.response_format.type if asked.response_format else "text"
    return asked, ModelRequest(
        body=body if asked.fairgate is msgspec.UNSET else _without(keys, "fairgate"),
        model=asked.model,
        surface=surface,
        stream=bool(asked.stream),
        choices=asked.n or 1,
        with_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        json_output=response_format in _JSON_FORMATS or _given(keys, "guided_json"),
        schema=response_format != "text" or any(_given(keys, key) for key in _SCHEMA_KEYS),
        user=asked.user,
        declared=asked.fairgate if isinstance(asked.fairgate, Declared) else Declared(),
    )


def _given(keys: dict[str, msgspec.Raw], key: str) -> bool:
    return key in keys and bytes(keys[key]) not in (b"null", b"false")


def _without(keys: dict[str, msgspec.Raw], key: str) -> bytes:
    """The body without one key; the values of the others stay the client's bytes."""
    return msgspec.json.encode({name: value for name, value in keys.items() if name != key})


def _decode(body: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = where.rstrip("`").lstrip(".") or None
        place = f"`{param}`" if param else "the body"
        raise RequestError(f"{place} cannot be read: {what[:1].lower()}{what[1:]}", param) from error
    except UnicodeDecodeError as error:
        raise RequestError("the body is no JSON: it is not in UTF-8") from error
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise RequestError(f"the body is no JSON: {reason[:1].lower()}{reason[1:]}") from error
    except RecursionError as error:
        raise RequestError("the body is nested too deep: send flatter JSON") from error
