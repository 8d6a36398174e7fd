"""What tells one surface from another: how its answers are taken apart, and how one is asked for again. Sans-I/O."""

from dataclasses import dataclass
from typing import Protocol

from proxy.wire.again import Again, ask_chat_again, ask_completion_again
from proxy.wire.chat import ChatReader
from proxy.wire.completions import CompletionReader


class AsksAgain(Protocol):
    """Makes the body of a request for the rest of an answer."""

    def __call__(self, body: bytes, again: Again, *, model: str | None = None, prefill: bool = True) -> bytes:
        """That body, always streamed, from the body of the first.

        `model` is asked for in place of the client's; what to go on with is named as such if `prefill`.
        """


@dataclass(frozen=True, slots=True)
class Surface:
    """A surface. `has_messages` says that a choice holds its text in a message of its own."""

    reader: type[ChatReader] | type[CompletionReader]
    ask_again: AsksAgain
    has_messages: bool


CHAT = Surface(ChatReader, ask_chat_again, has_messages=True)
COMPLETIONS = Surface(CompletionReader, ask_completion_again, has_messages=False)
