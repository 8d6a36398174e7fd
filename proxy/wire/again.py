"""The request that asks for the rest of an answer in other words. Sans-I/O.

In a chat, what the client has is sent along as the last message, an assistant's, for upstream to go on with. A server
that knows no such thing answers anew, and what it says is put behind what the client has. A completion is asked for
with what the client has behind its prompt.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.wire.sieve import Json

_GO_ON = (
    "Your answer has been cut off where it began to repeat {work} word for word. Go on from exactly where it stops, "
    "in words of your own. Do not recite or quote that text any further."
)
_GO_ON_BUT = (
    "Your answer has been cut off again, since it goes on repeating {work} word for word. Finish the sentence with "
    "other words than that text has, and then say something of your own in a few sentences, without any quotation."
)
_TOLD_OTHERWISE = (
    "(The text below follows {work} word for word up to where it breaks off. From there on it is told in other words "
    "and quotes that text no further.)"
)
_BOUNDS = ("max_tokens", "max_completion_tokens")
_PREFILL = {"continue_final_message": True, "add_generation_prompt": False}


@dataclass(frozen=True, slots=True)
class Again:
    """What is asked for: to go on after `delivered`, which is about so many `tokens`, without reciting `work`.

    `attempt` counts from 1.
    """

    delivered: str
    tokens: int
    work: str
    attempt: int


def ask_chat_again(body: bytes, again: Again, *, model: str | None = None, prefill: bool = True) -> bytes:
    """The body of that request, from the body of the first; always streamed.

    `model` is asked for in place of the client's. `prefill` names the last message as one to go on with, in the keys
    by which vLLM and SGLang are told so; other servers may refuse them.
    """
    keys: Json = msgspec.json.decode(body)
    _ask_on(keys, again, model)
    if prefill:
        keys |= _PREFILL
    keys["messages"] = _messages(keys["messages"], again)
    return msgspec.json.encode(keys)


def ask_completion_again(body: bytes, again: Again, *, model: str | None = None, prefill: bool = True) -> bytes:
    """The body of that request for a completion, whose prompt is text; always streamed.

    Our wish stands before the prompt, for a model that heeds it. There are no keys that `prefill` could name.
    """
    keys: Json = msgspec.json.decode(body)
    prompt = keys.get("prompt")
    text = prompt[0] if isinstance(prompt, list) else prompt or ""
    has_prompt = keys.get("echo") and again.delivered.startswith(text)
    said = again.delivered if has_prompt else text + again.delivered
    _ask_on(keys, again, model)
    keys.pop("best_of", None)  # it cannot be had in a stream
    keys["prompt"] = f"{_TOLD_OTHERWISE.format(work=again.work)}\n\n{said}"
    return msgspec.json.encode(keys)


def _ask_on(keys: Json, again: Again, model: str | None) -> None:
    """Ask for a stream with usage that ends within the client's bounds."""
    options = keys.get("stream_options")
    with_usage = {} if keys.get("stream") else {"include_usage": True}
    keys["stream_options"] = {**(options if isinstance(options, dict) else {}), **with_usage}
    if not keys["stream_options"]:
        del keys["stream_options"]
    keys["stream"] = True
    if model is not None:
        keys["model"] = model
    if "echo" in keys:  # it would begin with what the client has
        keys["echo"] = False
    _lessen(keys, again)


class Seam:
    """Where an answer goes on behind what the client has of it."""

    def __init__(self, before: str) -> None:
        self._before = before
        self._waiting = True
        self._held = ""

    def take(self, text: str) -> str:
        """Take more of the new answer and return what goes on; it is held while it repeats what the client has."""
        if not self._waiting:
            return text
        self._held += text
        return "" if self._before.startswith(self._held) else self._open(self._held.removeprefix(self._before))

    def close(self) -> str:
        """The new answer ends here: what was held goes on after all, unless it is all that the client has."""
        return self._open(self._held) if self._waiting and self._held not in ("", self._before) else ""

    def _open(self, text: str) -> str:
        """Words on either side must not run together."""
        self._waiting = False
        runs_on = self._before and text and _joins(self._before[-1]) and _joins(text[0])
        return f" {text}" if runs_on else text


def _joins(char: str) -> bool:
    """Whether a character is of a word, in a script that parts words by spaces."""
    return char.isalnum() and ord(char) < 0x0E00


def _lessen(keys: Json, again: Again) -> None:
    """Leave as many tokens as the client's bound leaves, and another throw of the dice where it fixed them."""
    for key in _BOUNDS:
        if isinstance(bound := keys.get(key), int):
            keys[key] = max(1, bound - again.tokens)
    if isinstance(least := keys.get("min_tokens"), int):
        keys["min_tokens"] = max(0, least - again.tokens)
    if isinstance(seed := keys.get("seed"), int):
        keys["seed"] = seed + again.attempt


def _messages(messages: list[Any], again: Again) -> list[Any]:
    """The conversation, the wish behind the words of its last user, and what the client has as the last message."""
    told = list(messages)
    before = ""
    if told and told[-1].get("role") == "assistant":  # the client began the answer itself
        before = _plain(told.pop().get("content"))
    wish = (_GO_ON if again.attempt == 1 else _GO_ON_BUT).format(work=again.work)
    asking = next((at for at in reversed(range(len(told))) if told[at].get("role") == "user"), None)
    if asking is None:
        told.append({"role": "user", "content": wish})
    else:
        told[asking] = {**told[asking], "content": _with_wish(told[asking].get("content"), wish)}
    said = again.delivered if again.delivered.startswith(before) else before + again.delivered
    if said:
        told.append({"role": "assistant", "content": said})
    return told


def _with_wish(content: object, wish: str) -> object:
    if isinstance(content, list):
        return [*content, {"type": "text", "text": wish}]
    return f"{content}\n\n{wish}" if content else wish


def _plain(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
