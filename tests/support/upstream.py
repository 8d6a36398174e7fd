"""A generator that plays scripts: a real HTTP/1.1 server on 127.0.0.1, for the length of a `with` block.

    with Upstream(lambda asked: stream(tokens("one two three"))) as upstream:
        ... upstream.url, upstream.requests, upstream.cancelled ...

It speaks HTTP by hand, since it must also do what no framework does: break off within an event, send garbage, go
silent, and notice a client that leaves.
"""

import asyncio
import json
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain, zip_longest
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]
MODEL = "scripted-1"
ENVELOPE: Json = {"id": "chatcmpl-scripted", "created": 1_700_000_000, "model": MODEL}
DONE = b"data: [DONE]\n\n"
_GLANCE = 0.01  # seconds between two looks at whether the client is still there
STREAM = {"content-type": "text/event-stream; charset=utf-8"}


# What is asked, and what is answered


@dataclass(frozen=True)
class Asked:
    """A request as it came in; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass(frozen=True)
class Pause:
    """Nothing for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Stall:
    """Nothing more, but the connection stays open until the client leaves."""


@dataclass(frozen=True)
class Cut:
    """The connection breaks here."""


Step = bytes | Pause | Stall | Cut


@dataclass(frozen=True)
class Answer:
    """Status, headers and the steps of a body; each `bytes` is one write. Without `length` it is sent chunked."""

    steps: Sequence[Step] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: dict(STREAM))
    length: int | None = None
    gzipped: bool = False


Script = Callable[[Asked], Answer]


def stream(
    chunks: Iterable[Json | Step],
    *,
    done: bool = True,
    delay: float = 0.0,
    ends: str = "\n",
    headers: Mapping[str, str] | None = None,
    gzipped: bool = False,
) -> Answer:
    """A stream of chunks; what is not a chunk is played as it is. `ends` is the line end."""
    steps: list[Step] = []
    for chunk in chain(chunks, [DONE] if done else []):
        steps.append(chunk if not isinstance(chunk, dict) else event(chunk))
        if delay and isinstance(steps[-1], bytes):
            steps.append(Pause(delay))
    if ends != "\n":
        steps = [step.replace(b"\n", ends.encode()) if isinstance(step, bytes) else step for step in steps]
    return Answer(steps, headers={**STREAM, **(headers or {})}, gzipped=gzipped)


def whole(
    *choices: str | Json,
    usage: Json | None = None,
    headers: Mapping[str, str] | None = None,
    gzipped: bool = False,
    **extra: Any,
) -> Answer:
    """An answer that is not streamed; a choice is its content, or its message."""
    built = []
    for at, choice in enumerate(choices):
        message = choice if isinstance(choice, dict) else {"content": choice}
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        built.append({"index": at, "message": {"role": "assistant", **message}, "finish_reason": finish})
    body = {**ENVELOPE, "object": "chat.completion", "choices": built, "usage": usage or used(), **extra}
    return payload(body, headers=headers, gzipped=gzipped)


def payload(
    body: Json | bytes, *, status: int = 200, headers: Mapping[str, str] | None = None, gzipped: bool = False
) -> Answer:
    """A body sent in one piece, JSON unless bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Answer(
        [data],
        status=status,
        headers={"content-type": "application/json", **(headers or {})},
        length=None if gzipped else len(data),
        gzipped=gzipped,
    )


def failure(
    status: int, message: str = "the generator is not well", *, headers: Mapping[str, str] | None = None
) -> Answer:
    """An error in OpenAI's envelope; 429 says how long to wait."""
    limited = (
        {"retry-after": "7", "x-ratelimit-remaining-requests": "0"} if status == HTTPStatus.TOO_MANY_REQUESTS else {}
    )
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return payload({"error": error}, status=status, headers={**limited, **(headers or {})})


def models(*names: str) -> Answer:
    """The list of models."""
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in names or (MODEL,)]
    return payload({"object": "list", "data": listed})


# Chunks


def event(chunk: Json) -> bytes:
    """A chunk as an event."""
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def chunk(delta: Json | None, choice: int = 0, *, finish: str | None = None, **extra: Any) -> Json:
    """One chunk of one choice; `extra` goes on the choice."""
    body = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": finish, **extra}
    return {**ENVELOPE, "object": "chat.completion.chunk", "choices": [body]}


def opening(choice: int = 0) -> Json:
    """The first chunk of a choice, as vLLM sends it."""
    return chunk({"role": "assistant", "content": ""}, choice)


def ending(choice: int = 0, reason: str = "stop") -> Json:
    """The last chunk of a choice."""
    return chunk({}, choice, finish=reason)


def used(prompt: int = 7, completion: int = 11) -> Json:
    """What was used."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def usage_frame(prompt: int = 7, completion: int = 11) -> Json:
    """The frame that tells it in a stream."""
    return {**ENVELOPE, "object": "chat.completion.chunk", "choices": [], "usage": used(prompt, completion)}


def pieces(text: str, cut: str | int | Sequence[int] = "word") -> list[str]:
    """A text in pieces: `char`, `word` (with the space before it), `whole`, of a size, or of these sizes in turn."""
    match cut:
        case "char":
            sizes: Iterable[int] = [1] * len(text)
        case "whole":
            sizes = [len(text)]
        case "word":
            starts = [0, *(at for at in range(1, len(text)) if text[at].isspace() and not text[at - 1].isspace())]
            sizes = [end - start for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
        case int():
            sizes = [cut] * -(-len(text) // max(1, cut))
        case str():
            raise ValueError(f"cut is `{cut}`: write char, word, whole, a size or sizes")
        case _:
            sizes = [*cut, len(text)]
    return [piece for piece in _sliced(text, sizes) if piece]


def _sliced(text: str, sizes: Iterable[int]) -> Iterator[str]:
    at = 0
    for size in sizes:
        yield text[at : at + size]
        at += size


def tokens(
    text: str,
    cut: str | int | Sequence[int] = "word",
    *,
    choice: int = 0,
    channel: str = "content",
    finish: str | None = "stop",
    role: bool = True,
) -> list[Json]:
    """The chunks of one choice: its opening, its text on a field of `delta`, its end; no end where `finish` is None."""
    start = [opening(choice)] if role else []
    end = [ending(choice, finish)] if finish else []
    return [*start, *(chunk({channel: piece}, choice) for piece in pieces(text, cut)), *end]


def tool_call(
    arguments: str,
    cut: str | int | Sequence[int] = "char",
    *,
    choice: int = 0,
    number: int = 0,
    name: str = "write",
    finish: str | None = "tool_calls",
) -> list[Json]:
    """The chunks of one tool call."""
    head = {"index": number, "id": f"call_{choice}_{number}", "type": "function"}
    first = chunk({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]}, choice)
    rest = [
        chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}, choice)
        for piece in pieces(arguments, cut)
    ]
    return [first, *rest, *([ending(choice, finish)] if finish else [])]


def interleaved(*streams: Sequence[Json]) -> list[Json]:
    """The chunks of several streams in turn."""
    return [one for row in zip_longest(*streams) for one in row if one is not None]


def together(*streams: Sequence[Json]) -> list[Json]:
    """The chunks of several streams, those of a turn in one chunk with several choices."""
    rows = ([one for one in row if one is not None] for row in zip_longest(*streams))
    return [{**row[0], "choices": [choice for one in row for choice in one["choices"]]} for row in rows]


# The server


class Upstream:
    """Serves `script` while the `with` block lasts. `/v1/models` is answered without it unless `own_models` is set."""

    def __init__(self, script: Script | Answer, *, own_models: bool = False) -> None:
        self._script: Script = script if callable(script) else lambda _: script
        self._own_models = own_models
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self.requests: list[Asked] = []
        self.cancelled = 0
        self.finished = 0
        self.faults: list[BaseException] = []
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """The base, which ends in /v1."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def wait_for(self, holds: Callable[[Self], bool], seconds: float = 5.0) -> bool:
        """Wait until something holds of what was seen, such as `lambda upstream: upstream.cancelled == 1`."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(self), seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, "127.0.0.1", 0), self._loop
        ).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        if error is None and self.faults:
            raise self.faults[0]

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = self._loop.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _read(reader)) is not None:
                self._note(lambda asked=asked: self.requests.append(asked))
                if not await self._answer(asked, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as fault:  # noqa: BLE001 (raised again where the test can see it)
            self.faults.append(fault)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play the answer; returns whether the connection may be used again."""
        wants_models = asked.method == "GET" and asked.path == "/v1/models" and not self._own_models
        playing = self._loop.create_task(_play(models() if wants_models else self._script(asked), writer))
        try:
            while not playing.done() and not _has_left(reader):
                await asyncio.wait({playing}, timeout=_GLANCE)
            reusable = await playing if playing.done() else None
        except ConnectionError:
            reusable = None
        finally:
            playing.cancel()
        if reusable is None:
            self._note(lambda: setattr(self, "cancelled", self.cancelled + 1))
            return False
        self._note(lambda: setattr(self, "finished", self.finished + 1))
        if not reusable:
            writer.transport.abort()
        return reusable

    def _note(self, change: Callable[[], None]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()


def _has_left(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """The next request of a connection, or None where there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


async def _play(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    """Write an answer; returns whether it came to its proper end, so that the connection may be used again."""
    headers = {**answer.headers, **({"content-encoding": "gzip"} if answer.gzipped else {})}
    chunked = answer.length is None
    headers |= {"transfer-encoding": "chunked"} if chunked else {"content-length": str(answer.length)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    reason = HTTPStatus(answer.status).phrase
    writer.write(f"HTTP/1.1 {answer.status} {reason}\r\n{head}\r\n".encode("latin-1"))
    await writer.drain()
    squeeze = zlib.compressobj(wbits=31) if answer.gzipped else None
    for step in answer.steps:
        match step:
            case bytes():
                data = squeeze.compress(step) + squeeze.flush(zlib.Z_SYNC_FLUSH) if squeeze else step
                writer.write(_framed(data) if chunked else data)
                await writer.drain()
                await asyncio.sleep(0)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Stall():
                await asyncio.Event().wait()
            case Cut():
                await _flushed(writer)
                return False
    if chunked:
        writer.write((_framed(squeeze.flush()) if squeeze else b"") + b"0\r\n\r\n")
        await writer.drain()
    return True


def _framed(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Wait until what was written is on its way, so that a cut comes after it."""
    writer.transport.set_write_buffer_limits(0)
    await writer.drain()
    await asyncio.sleep(_GLANCE)
