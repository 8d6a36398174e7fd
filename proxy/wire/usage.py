"""Tokens that an answer used, summed over all times that upstream was asked for it. Sans-I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.wire.sieve import Json

_CHARS_PER_TOKEN = 4  # a rule of thumb, for English
_COUNTED = ("prompt_tokens", "completion_tokens", "total_tokens")


@dataclass(slots=True)
class Spent:
    """What the asks used that are over; `estimated` says that we had to guess at one, since it was cut off."""

    prompt: int = 0
    completion: int = 0
    estimated: bool = False

    def add(self, reported: object, prompt_chars: int, completion_chars: int) -> None:
        """Add an ask that is over: by what upstream reported of it, else by code points of request and answer."""
        if isinstance(reported, dict):
            self.prompt += _number(reported, "prompt_tokens")
            self.completion += _number(reported, "completion_tokens")
            self.estimated |= bool(reported.get("estimated"))
        else:
            self.prompt += tokens(prompt_chars)
            self.completion += tokens(completion_chars)
            self.estimated = True

    def plus(self, reported: Json) -> Json:
        """The usage of one more ask, with that of those before it; figures in detail stay those of that ask."""
        prompt = self.prompt + _number(reported, "prompt_tokens")
        completion = self.completion + _number(reported, "completion_tokens")
        summed = dict(zip(_COUNTED, (prompt, completion, prompt + completion), strict=True))
        return {**reported, **summed, **({"estimated": True} if self.estimated else {})}

    def total(self) -> Json:
        """The usage of all of them."""
        return self.plus({})


def tokens(chars: int) -> int:
    """About how many tokens so many code points are."""
    return -(-chars // _CHARS_PER_TOKEN)


def _number(reported: Mapping[str, Any], key: str) -> int:
    value = reported.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
