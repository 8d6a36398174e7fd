"""What a request asks the sample generator for, read from the last user message. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from proxy.demo.shelf import SampleWork, find_continuation, find_work

_REPEAT = re.compile(r"^\s*(?:repeat after me|proofread|echo)\s*:\s*", re.IGNORECASE)
_GO_ON = re.compile(r"^\s*(?:go on|continue)\s*:\s*", re.IGNORECASE)
_RECITE = re.compile(
    r"\b(?:recite|sing|read (?:me|us|out|aloud|from)|opening of|word for word|text of|lyrics)\b", re.IGNORECASE
)
_QUOTE = re.compile(r"\b(?:quote|cite|a line (?:from|of))\b", re.IGNORECASE)
_WORDS = re.compile(r"\b(\d{1,5}) words\b", re.IGNORECASE)
_OTHERWISE = re.compile(r"^\s*\(.*\bin other words\b", re.IGNORECASE)  # a note above a text that is to go on so


@dataclass(frozen=True, slots=True)
class Recite:
    """Say a work word by word, from `start` in its recital; `words` bounds it where the request names a number."""

    work: SampleWork
    start: int = 0
    words: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """Write prose around the first `words` words of a work, in quotation marks, with the source."""

    work: SampleWork
    words: int = 25


@dataclass(frozen=True, slots=True)
class Repeat:
    """Give the user's own text back."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A work was asked for that is not among the samples."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write ordinary prose."""


Ask: TypeAlias = Recite | Quote | Repeat | Unknown | Write


def read_ask(prompt: str, works: Sequence[SampleWork]) -> Ask:
    """What a prompt asks for: `repeat after me:`, `continue:`, quote, recite, else ordinary prose."""
    if repeat := _REPEAT.match(prompt):
        return Repeat(prompt[repeat.end() :])
    if go_on := _GO_ON.match(prompt):
        found = find_continuation(works, prompt[go_on.end() :])
        return Recite(*found) if found else Unknown()
    number = _WORDS.search(prompt)
    words = int(number.group(1)) if number else None
    if _QUOTE.search(prompt):
        work = find_work(works, prompt)
        return Quote(work, words or 25) if work else Unknown()
    if _RECITE.search(prompt):
        work = find_work(works, prompt)
        return Recite(work, words=words) if work else Unknown()
    return Write()


def read_prompt(prompt: str, works: Sequence[SampleWork]) -> Ask:
    """What the prompt of a text completion asks for: the same, but words of a work are gone on with unasked.

    A note above them that the text goes on in other words is heeded.
    """
    if _OTHERWISE.match(prompt):
        return Write()
    ask = read_ask(prompt, works)
    found = find_continuation(works, prompt) if isinstance(ask, Write) else None
    return Recite(*found) if found else ask
