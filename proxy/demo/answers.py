"""What the sample generator answers, in pieces of a word each, as a model would send tokens. Pure."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import assert_never

from proxy.demo.asks import Ask, Quote, Recite, Repeat, Unknown, Write
from proxy.demo.prose import sentences
from proxy.demo.shelf import SampleWork

DEFAULT_PIECES = 1000  # of an answer whose request sets no limit
RECITAL = 150  # words of a recital whose request names no number; prose follows
_PROSE_SENTENCES = 9
# A word with the space before it; a character of a script without spaces is a piece of its own.
_PIECE = re.compile(r"\s*(?:[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+)|\s+$")


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice: its pieces, why it ended, and the tool whose arguments they are (None for plain content)."""

    pieces: tuple[str, ...]
    finish_reason: str
    tool: str | None = None


def compose(ask: Ask, works: Sequence[SampleWork], seed: int, limit: int | None = None) -> Answer:
    """An answer in plain content of at most `limit` pieces (`DEFAULT_PIECES` where it is None)."""
    return _bounded(_PIECE.findall(_text(ask, works, seed)), limit)


def compose_call(answer: Answer, tool: str, argument: str) -> Answer:
    """The same answer as the arguments of a call of `tool`: a JSON object with the text under `argument`."""
    inner = (json.dumps(piece, ensure_ascii=False)[1:-1] for piece in answer.pieces)
    finish = "tool_calls" if answer.finish_reason == "stop" else answer.finish_reason
    return Answer((json.dumps({argument: ""})[:-2], *inner, '"}'), finish, tool)


def cut(text: str) -> list[str]:
    """A text in pieces: joined, they are the text."""
    return _PIECE.findall(text)


def _text(ask: Ask, works: Sequence[SampleWork], seed: int) -> str:
    match ask:
        case Recite(work, start, words):
            said = _first(work.recital[start:], words or RECITAL)
            return f"{said}\n\n{_prose(seed, 2)}"
        case Quote(work, words):
            before, after = _prose(seed, 2), _prose(seed + 1, 3)
            return f"{before}\n\n\u201c{_first(work.recital, words)}\u201d ({work.credit})\n\n{after}"
        case Repeat(text):
            return text
        case Unknown():
            return "That is not among my samples. I know: " + "; ".join(work.title for work in works) + "."
        case Write():
            return _prose(seed, _PROSE_SENTENCES)
        case _:
            assert_never(ask)


def _first(text: str, words: int) -> str:
    return "".join(islice(_PIECE.findall(text), words)).rstrip()


def _prose(seed: int, count: int) -> str:
    lines: Iterator[str] = sentences(seed)
    return "".join(islice(lines, count)).strip()


def _bounded(pieces: Sequence[str], limit: int | None) -> Answer:
    most = DEFAULT_PIECES if limit is None else limit
    return Answer(tuple(pieces[:most]), "length" if len(pieces) > most else "stop")
