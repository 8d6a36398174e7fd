"""The sample generator: an OpenAI-compatible server that is no language model.

It writes prose from a small grammar; recites, quotes or continues the bundled works when it is asked to; and gives the
user's own text back. It stands where a real generator would, so that what fairgate does can be seen without one. With
`n` above 1 the first choice does what was asked and the others write prose.
"""

import time
import zlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State

from proxy.demo.answers import Answer, compose, compose_call
from proxy.demo.asks import Write, read_ask
from proxy.demo.completions import completions
from proxy.demo.reply import MODEL, MOST_CHOICES, Count, Reply, refused, streamed, told, whole
from proxy.demo.shelf import SampleWork, load_works, samples_folder


class Function(msgspec.Struct):
    """A function that a tool offers; `parameters` is JSON Schema."""

    name: str
    parameters: dict[str, Any] = {}


class Tool(msgspec.Struct):
    """A tool of the request."""

    function: Function


class Message(msgspec.Struct):
    """A message of the request; `content` is a text or a list of parts."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The words of the message, parts joined."""
        if isinstance(self.content, list):
            return "\n".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class ChatRequest(msgspec.Struct):
    """What the generator reads of a chat request; unknown keys are left alone."""

    messages: list[Message]
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    n: int | None = None
    seed: int | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None

    @property
    def prompt(self) -> str:
        """The last user message."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def limit(self) -> int | None:
        """How many pieces a choice may have; None where the request does not say."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens


def create_generator(delay: float = 0.0, folder: Path | None = None) -> Litestar:
    """The generator as an ASGI application; `delay` is the seconds between two pieces of a stream."""
    works = load_works(folder or samples_folder())
    return Litestar(
        [chat_completions, completions, models],
        state=State({"works": works, "delay": delay}),
        exception_handlers={Exception: told},
        openapi_config=None,
        logging_config=None,
    )


def answer_chat(request: ChatRequest, works: Sequence[SampleWork]) -> Reply:
    """What the generator says to a request: the same for the same request, but for id and time."""
    goes_on = request.messages and request.messages[-1].role == "assistant"  # asked to go on with it, it says its own
    ask = Write() if goes_on else read_ask(request.prompt, works)
    seed = request.seed if request.seed is not None else zlib.crc32(request.prompt.encode())
    count = request.n or 1
    first = compose(ask, works, seed, request.limit)
    others = (compose(Write(), works, seed + at, request.limit) for at in range(1, count))
    called = _called_tool(request)
    if called is not None:
        first = compose_call(first, called.name, _argument(called))
    prompt_tokens = sum(len(message.text.split()) for message in request.messages)
    return Reply(f"chatcmpl-{uuid4().hex}", int(time.time()), (first, *others), prompt_tokens)


@get("/v1/models", sync_to_thread=False)
def models() -> dict[str, Any]:
    """The one model, which says that it is none."""
    entry = {"id": MODEL, "object": "model", "created": 0, "owned_by": "fairgate demo (not a language model)"}
    return {"object": "list", "data": [entry]}


@post("/v1/chat/completions", status_code=200)
async def chat_completions(request: Request[Any, Any, State], state: State) -> Response[Any]:
    """Chat completions, streamed and not."""
    try:
        asked = msgspec.json.decode(await request.body(), type=ChatRequest)
    except msgspec.DecodeError as error:
        return refused(f"the request cannot be read: {error}")
    if not 1 <= (asked.n or 1) <= MOST_CHOICES:
        return refused(f"n is {asked.n}: ask for 1 to {MOST_CHOICES} choices")
    reply = answer_chat(asked, state.works)
    if not asked.stream:
        choices = [_whole_choice(at, answer) for at, answer in enumerate(reply.answers)]
        return whole({**reply.envelope("chat.completion", choices), "usage": reply.usage})
    with_usage = bool((asked.stream_options or {}).get("include_usage"))
    return streamed(_events(reply, with_usage=with_usage), state.delay)


def _events(reply: Reply, *, with_usage: bool) -> Iterator[dict[str, Any]]:
    for at, answer in enumerate(reply.answers):
        opening: dict[str, Any] = {"role": "assistant", "content": ""}
        if answer.tool is not None:
            opening = {"role": "assistant", "content": None, "tool_calls": [_call(answer.tool, "", index=0)]}
        yield _chunk(reply, at, opening)
    for pieces in zip_longest(*(answer.pieces for answer in reply.answers)):
        for at, piece in enumerate(pieces):
            if piece is not None:
                yield _chunk(reply, at, _delta(reply.answers[at], piece))
    for at, answer in enumerate(reply.answers):
        yield _chunk(reply, at, {}, answer.finish_reason)
    if with_usage:
        yield {**reply.envelope("chat.completion.chunk", []), "usage": reply.usage}


def _delta(answer: Answer, piece: str) -> dict[str, Any]:
    if answer.tool is None:
        return {"content": piece}
    return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _chunk(reply: Reply, choice: int, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    body = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return reply.envelope("chat.completion.chunk", [body])


def _whole_choice(choice: int, answer: Answer) -> dict[str, Any]:
    text = "".join(answer.pieces)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if answer.tool is not None:
        message |= {"content": None, "tool_calls": [_call(answer.tool, text)]}
    return {"index": choice, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}


def _call(tool: str, arguments: str, index: int | None = None) -> dict[str, Any]:
    call: dict[str, Any] = {} if index is None else {"index": index}
    return call | {"id": "call_sample_0", "type": "function", "function": {"name": tool, "arguments": arguments}}


def _called_tool(request: ChatRequest) -> Function | None:
    """The tool that is called: when one is forced, or named in the prompt, or `use the tool` is said."""
    offered = [tool.function for tool in request.tools or ()]
    if not offered or request.tool_choice == "none":
        return None
    if isinstance(request.tool_choice, dict):
        forced = (request.tool_choice.get("function") or {}).get("name")
        return next((function for function in offered if function.name == forced), None)
    if request.tool_choice == "required" or "use the tool" in request.prompt.casefold():
        return offered[0]
    return next((function for function in offered if function.name in request.prompt), None)


def _argument(function: Function) -> str:
    """The parameter that takes the text: the first that is a string, else `text`."""
    properties = function.parameters.get("properties") or {}
    strings = (
        name for name, schema in properties.items() if isinstance(schema, dict) and schema.get("type") == "string"
    )
    return next(strings, "text")
