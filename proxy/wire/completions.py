"""Text completions: one event, or one whole answer, taken apart and put together again. Sans-I/O.

A choice is its own message: its `text` is channel `content`, in a chunk and in a whole answer alike. Log probabilities
come in columns (`tokens`, `token_logprobs`, `top_logprobs`, `text_offset`), which leave row by row; servers that send
them in the lists of chat are read so.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from typing_extensions import override

from proxy.wire.chunk import Chunk, Token, Unended, decoded
from proxy.wire.fields import (
    COMPLETION_CHOICE,
    CONTENT,
    LOGPROB_COLUMNS,
    LOGPROBS,
    PROMPT_LOGPROB,
    REFUSAL,
    is_harmless,
    may_pass,
)
from proxy.wire.logprobs import Batch
from proxy.wire.sieve import Json, Sieve

_TOKENS = "tokens"
_BYTES = re.compile(r"bytes:((?:\\x[0-9a-f]{2})+)")


class CompletionSieve(Sieve):
    """The sieve of text completions."""

    def sift(self, choice: Json, number: int) -> None:
        """Take one choice apart."""
        self.check(choice, COMPLETION_CHOICE)
        self.read(choice, "text", number, CONTENT)
        self.read(choice, "refusal", number, REFUSAL)
        self.citations(choice)
        if not all(map(_is_prompt_logprob, self.entries(choice, "prompt_logprobs"))):
            self.unlisted.append((choice, "prompt_logprobs"))
        if (logprobs := self.logprobs(choice)) is not None:
            self._logprobs(choice, logprobs, number)

    def _logprobs(self, choice: Json, logprobs: Json, number: int) -> None:
        for key, value in logprobs.items():
            if key not in LOGPROB_COLUMNS and key not in LOGPROBS and not is_harmless(value):
                self.unlisted.append((logprobs, key))
        for key in LOGPROBS:
            self.batch(logprobs, key, number, REFUSAL if key == "refusal" else CONTENT)
        columns = {key: logprobs[key] for key in LOGPROB_COLUMNS if not is_harmless(logprobs.get(key))}
        if not columns:
            return
        rows = _rows(columns)
        if rows is None:
            self.unlisted.append((choice, "logprobs"))
        else:
            self.batches.setdefault(number, []).append(Batch(_TOKENS, CONTENT, rows))


class CompletionChunk(Chunk):
    """A chunk of a text completion, or a whole one."""

    def __init__(self, body: Json, *, with_logprobs: bool = True) -> None:
        self._sieve = CompletionSieve(with_logprobs=with_logprobs)
        super().__init__(body, self._sieve)

    @override
    def _sift(self, choice: Json, number: int) -> None:
        self._sieve.sift(choice, number)

    @override
    def _made(self, number: int) -> Json:
        return {"index": number, "text": "", "logprobs": None, "finish_reason": None}

    @override
    def _carried(self, choice: Json) -> Mapping[str, Any]:
        return {key: choice.get(key) for key in ("text", "refusal", "annotations")}

    @override
    def _place(self, choice: int, channel: str) -> tuple[Json, str]:
        return self.choice(choice), "text" if channel == CONTENT else channel

    @override
    def continue_choice(self, choice: int) -> None:
        """The beginning of a completion says no more than the rest."""

    @override
    def _written(self, entries: Mapping[str, list[Any]]) -> Json:
        rows = entries.get(_TOKENS)
        written: Json = {key: found for key, found in entries.items() if key != _TOKENS}
        return written if rows is None else written | _columns(rows)


class CompletionReader:
    """Reads the chunks of one stream, or one whole answer.

    Where the request did not ask for log probabilities (`with_logprobs`), they are not listed.
    """

    def __init__(self, *, with_logprobs: bool = True) -> None:
        self._with_logprobs = with_logprobs
        self._ordinary = msgspec.json.Decoder(_Ordinary)

    def token(self, data: bytes) -> Token | None:
        """Read an ordinary chunk; None where it is any other, which `chunk` reads."""
        try:
            choice = self._ordinary.decode(data).choices[0]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return Token(choice.index, CONTENT, choice.text) if choice.text else None

    def chunk(self, data: bytes) -> CompletionChunk:
        """Read the data of an event; raises WireError where it cannot be checked."""
        return CompletionChunk(decoded(data), with_logprobs=self._with_logprobs)

    def answer(self, data: bytes) -> CompletionChunk:
        """Read the body of a whole answer, which has the shape of a chunk; raises WireError as that."""
        return self.chunk(data)

    def blank(self, shell: Json) -> CompletionChunk:
        """A chunk of this stream that carries no choice yet."""
        return CompletionChunk({**shell, "choices": []})


class _Choice(Unended, forbid_unknown_fields=True, gc=False, kw_only=True):
    text: str
    prompt_logprobs: None = None
    prompt_token_ids: None = None


class _Ordinary(msgspec.Struct, gc=False):
    choices: tuple[_Choice]
    error: None = None


def _is_prompt_logprob(entry: Any) -> bool:
    """Whether an entry says of a token of the prompt, by numbers of tokens, what it could have been."""
    if not isinstance(entry, dict):
        return entry is None
    return all(
        number.isdecimal()
        and isinstance(told, dict)
        and told.keys() <= PROMPT_LOGPROB.keys()
        and all(may_pass(PROMPT_LOGPROB[key], value) for key, value in told.items())
        for number, told in entry.items()
    )


def _rows(columns: Mapping[str, Any]) -> list[Json] | None:
    """The rows of columns, an object a token; None where they are no columns of one length that may pass."""
    tokens = columns.get(_TOKENS)
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return None
    for key, values in columns.items():
        if not isinstance(values, list) or len(values) != len(tokens):
            return None
        if LOGPROB_COLUMNS[key].handling != "opaque" and not all(is_harmless(value) for value in values):
            return None
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [{"token": row[_TOKENS], "bytes": _spelled(row[_TOKENS]), **row} for row in rows]


def _spelled(token: str) -> list[int] | None:
    """The bytes that a token names which is no text by itself, as OpenAI spells it; None where it is text."""
    named = _BYTES.fullmatch(token)
    return list(bytes.fromhex(named[1].replace("\\x", ""))) if named else None


def _columns(rows: Sequence[Json]) -> Json:
    """The columns of rows; null is one that no row fills, such as `top_logprobs` that were not asked for."""
    given = {key for row in rows for key in row}
    return {key: [row.get(key) for row in rows] if key in given else None for key in LOGPROB_COLUMNS}
