"""Reads what fairgate needs of a request for a text completion. Sans-I/O.

Prompt and suffix are the request's own texts. A prompt of token numbers is no text that could be read here: it grounds
nothing, and where it is echoed, the echo is judged as if it had been generated.
"""

from dataclasses import replace
from typing import Any

from proxy.wire.request import AskedBody, ModelRequest, read_body
from proxy.wire.surface import COMPLETIONS


class _Body(AskedBody, kw_only=True):
    prompt: str | list[Any] | None = None
    prompt_embeds: str | list[Any] | None = None
    suffix: str | None = None
    logprobs: bool | int | None = None


def read_completion_request(body: bytes) -> ModelRequest:
    """Read the body of a request for a completion; raises RequestError with one clear line."""
    asked, request = read_body(body, _Body, COMPLETIONS)
    prompts = _prompts(asked)
    texts = [prompt for prompt in prompts if prompt is not None]
    n = request.choices
    return replace(
        request,
        choices=n * len(prompts),
        logprobs=asked.logprobs is not None and asked.logprobs is not False,
        grounding=tuple(text for text in (*texts, asked.suffix) if text),
        echoed=tuple(prompt for prompt in prompts for _ in range(n)) if asked.echo else (),
        readable=len(texts) == len(prompts),
    )


def _prompts(asked: _Body) -> list[str | None]:
    """The prompts, each of which gets `n` choices, in the order of their numbers; None for one that is no text."""
    given: list[str | None] = []
    match asked.prompt_embeds:  # vLLM answers them before it answers `prompt`
        case str():
            given = [None]
        case list() as embeds:
            given = [None] * len(embeds)
        case None:
            pass
    match asked.prompt:
        case str() as text:
            given.append(text)
        case list() as several if not all(isinstance(each, int) for each in several):
            given += [each if isinstance(each, str) else None for each in several]
        case list():
            given.append(None)
        case None:
            pass
    return given or [None]
