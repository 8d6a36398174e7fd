"""Text completions of the sample generator: the prompt is read as a request, or gone on with where a work begins there.

Log probabilities are those of a generator that always says the same: 0 for each piece, and none for those of a prompt.
"""

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, zip_longest
from typing import Annotated, Any, Final, TypeAlias
from uuid import uuid4

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State

from proxy.demo.answers import Answer, compose, cut
from proxy.demo.asks import Recite, Write, read_prompt
from proxy.demo.reply import MOST_CHOICES, Count, Reply, refused, streamed, whole
from proxy.demo.shelf import SampleWork

_OBJECT: Final = "text_completion"
_PIECES: Final = 16  # of a completion whose request sets no limit, as OpenAI's API has it

_Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


class TextRequest(msgspec.Struct):
    """What the generator reads of a request for a completion; unknown keys are left alone."""

    prompt: str | list[str] | None = None
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    n: _Positive | None = None
    best_of: _Positive | None = None
    seed: int | None = None
    max_tokens: Count | None = None
    echo: bool = False
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None

    @property
    def prompts(self) -> list[str]:
        """The prompts, each of which gets `n` choices."""
        return self.prompt if isinstance(self.prompt, list) else [self.prompt or ""]


@dataclass(frozen=True, slots=True)
class Told:
    """What a choice says in one go: pieces, where they begin in its text, and whether they are of the prompt."""

    pieces: Sequence[str]
    start: int = 0
    of_prompt: bool = False


@post("/v1/completions", status_code=200)
async def completions(request: Request[Any, Any, State], state: State) -> Response[Any]:
    """Text completions, streamed and not."""
    try:
        asked = msgspec.json.decode(await request.body(), type=TextRequest)
    except msgspec.DecodeError as error:
        return refused(f"the request cannot be read: {error}")
    if fault := _fault(asked):
        return refused(fault)
    reply = answer_text(asked, state.works)
    if asked.stream:
        return streamed(_events(asked, reply), state.delay)
    choices = [
        _choice(at, _told(asked, at, answer), asked.logprobs, answer.finish_reason)
        for at, answer in enumerate(reply.answers)
    ]
    return whole({**reply.envelope(_OBJECT, choices), "usage": reply.usage})


def answer_text(request: TextRequest, works: Sequence[SampleWork]) -> Reply:
    """What the generator says to a request: `n` choices a prompt, the first of which does what was asked."""
    made = [_candidates(request, prompt, works) for prompt in request.prompts]
    best = [answer for candidates in made for answer in candidates[: request.n or 1]]
    unseen = sum(len(answer.pieces) for candidates in made for answer in candidates[request.n or 1 :])
    prompt_tokens = sum(len(cut(prompt)) for prompt in request.prompts)
    return Reply(f"cmpl-{uuid4().hex}", int(time.time()), tuple(best), prompt_tokens, unseen)


def _candidates(request: TextRequest, prompt: str, works: Sequence[SampleWork]) -> list[Answer]:
    ask = read_prompt(prompt, works)
    seed = request.seed if request.seed is not None else zlib.crc32(prompt.encode())
    limit = _PIECES if request.max_tokens is None else request.max_tokens
    first = compose(ask, works, seed, limit)
    goes_on = isinstance(ask, Recite) and ask.start > 0
    others = [compose(Write(), works, seed + at, limit) for at in range(1, request.best_of or request.n or 1)]
    return [first if goes_on else _apart(first, prompt), *(_apart(other, prompt) for other in others)]


def _apart(answer: Answer, prompt: str) -> Answer:
    """The answer in a paragraph of its own behind the prompt."""
    if not answer.pieces or not prompt or prompt[-1].isspace():
        return answer
    return replace(answer, pieces=(f"\n\n{answer.pieces[0]}", *answer.pieces[1:]))


def _fault(request: TextRequest) -> str | None:
    n, best_of = request.n or 1, request.best_of
    asked = max(n, best_of or 1) * len(request.prompts)
    if not 1 <= asked <= MOST_CHOICES:
        return f"the request makes {asked} choices: ask for 1 to {MOST_CHOICES}, over all prompts"
    if best_of is not None and best_of < n:
        return f"best_of is {best_of} and n is {n}: best_of must be n or more"
    if best_of is not None and best_of > n and request.stream:
        return "best_of cannot be streamed: leave it out, or set stream to false"
    return None


def _told(request: TextRequest, choice: int, answer: Answer) -> list[Told]:
    """What a choice says: the prompt, where that is echoed, and the answer."""
    if not request.echo:
        return [Told(answer.pieces)]
    prompt = request.prompts[choice // (request.n or 1)]
    return [Told(cut(prompt), of_prompt=True), Told(answer.pieces, len(prompt))]


def _events(request: TextRequest, reply: Reply) -> Iterator[dict[str, Any]]:
    for told in zip_longest(*(_steps(request, at, answer) for at, answer in enumerate(reply.answers))):
        for at, step in enumerate(told):
            if step is not None:
                yield reply.envelope(_OBJECT, [_choice(at, [step], request.logprobs)])
    for at, answer in enumerate(reply.answers):
        yield reply.envelope(_OBJECT, [_choice(at, [], None, answer.finish_reason)])
    if (request.stream_options or {}).get("include_usage"):
        yield {**reply.envelope(_OBJECT, []), "usage": reply.usage}


def _steps(request: TextRequest, choice: int, answer: Answer) -> Iterator[Told]:
    """An echoed prompt at once, and the answer piece by piece."""
    *echoed, said = _told(request, choice, answer)
    yield from echoed
    at = said.start
    for piece in said.pieces:
        yield Told([piece], at)
        at += len(piece)


def _choice(number: int, told: Sequence[Told], top: int | None, finish_reason: str | None = None) -> dict[str, Any]:
    return {
        "index": number,
        "text": "".join(piece for each in told for piece in each.pieces),
        "logprobs": None if top is None else _columns(told, top),
        "finish_reason": finish_reason,
    }


def _columns(told: Sequence[Told], top: int) -> dict[str, Any]:
    """Log probabilities as text completions have them, a column each."""
    rows = [
        (piece, None if each.of_prompt else 0.0, offset)
        for each in told
        for piece, offset in zip(each.pieces, accumulate(map(len, each.pieces), initial=each.start), strict=False)
    ]
    return {
        "tokens": [piece for piece, _, _ in rows],
        "token_logprobs": [sure for _, sure, _ in rows],
        "top_logprobs": [None if sure is None else {piece: sure} for piece, sure, _ in rows] if top else None,
        "text_offset": [offset for _, _, offset in rows],
    }
