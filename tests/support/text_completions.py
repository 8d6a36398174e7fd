"""Scripted answers of chat as text completions, and what a client is told of one."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.support.upstream import ENVELOPE, Answer, Asked, Json, Step

PATH = "/v1/completions"


def as_asked(asked: Asked, answer: Answer) -> Answer:
    """An answer in the shape of the surface that was asked."""
    return as_text(answer) if asked.path == PATH else answer


def as_text(answer: Answer) -> Answer:
    """An answer of chat as the text completion that says the same: its `content` alone; all else stays what it is."""
    length = answer.length
    steps = tuple(_step(step) for step in answer.steps)
    if length is not None and all(isinstance(step, bytes) for step in steps):
        length = sum(len(step) for step in steps if isinstance(step, bytes))
    return replace(answer, steps=steps, length=length)


def text_chunk(text: str, choice: int = 0, *, finish: str | None = None, **extra: Any) -> Json:
    """One chunk of one choice; `extra` goes on the choice. A whole answer has the same shape."""
    body = {"index": choice, "text": text, "logprobs": None, "finish_reason": finish, **extra}
    return {**ENVELOPE, "object": "text_completion", "choices": [body]}


def whole_text(*choices: str | Json, **extra: Any) -> Json:
    """The body of a whole answer; a choice is its text, or its fields."""
    built = [text_chunk("", at, finish="stop")["choices"][0] for at in range(len(choices))]
    for made, choice in zip(built, choices, strict=True):
        made.update(choice if isinstance(choice, dict) else {"text": choice})
    return {**ENVELOPE, "object": "text_completion", "choices": built, **extra}


def columns(tokens: Sequence[str], start: int = 0, first: float | None = -0.1) -> Json:
    """Log probabilities of tokens whose text begins at offset `start`."""
    offsets = [start + sum(map(len, tokens[:at])) for at in range(len(tokens))]
    return {
        "tokens": list(tokens),
        "token_logprobs": [first, *[-0.1] * (len(tokens) - 1)] if tokens else [],
        "top_logprobs": [{token: -0.1} for token in tokens],
        "text_offset": offsets,
    }


def _step(step: Step) -> Step:
    if not isinstance(step, bytes):
        return step
    data = step.removeprefix(b"data: ")
    try:
        body = json.loads(data)
    except ValueError:
        return step
    if not isinstance(body, dict) or not isinstance(body.get("choices"), list):
        return step
    choices = [_choice(choice) for choice in body["choices"]]
    if choices == body["choices"]:
        return step
    body |= {"object": "text_completion", "choices": choices}
    made = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return b"data: " + made + b"\n\n" if data != step else made


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict) or "text" in choice:
        return choice
    said = choice.get("delta") or choice.get("message") or {}
    rest = {key: value for key, value in choice.items() if key not in ("delta", "message")}
    return {**rest, "text": said.get("content") or ""}
