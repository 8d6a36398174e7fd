"""No leak through text completions: prompts that works begin in, echoed or not, several of them, with several choices.

Judged by plain comparison over what the official client received behind each prompt, through a real server.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from indexes.model import Work
from tests.support.leaks import LeakJudge
from tests.support.live import Fairgate, build_index, fairgate, prose_works
from tests.support.scenarios import Playwright
from tests.support.text_completions import text_chunk, whole_text
from tests.support.upstream import Answer, Asked, Json, Upstream, interleaved, payload, pieces, stream

LIMIT = 40
ANSWERS = 40
POLICIES = {
    "block": f"name: block\nlimits: {{text: {{words: {LIMIT}, over: block}}}}\n",
    "quote": f"name: quote\nlimits: {{text: {{words: {LIMIT}, over: rewrite}}}}\nrewrite: {{tries: 0}}\n",
}

pytestmark = [pytest.mark.live, pytest.mark.slow]


@dataclass(frozen=True)
class Script:
    """Some prompts, what each of their choices says, and how that is cut."""

    prompts: Sequence[str]
    n: int
    texts: Sequence[str]
    cut: str | int

    def plays(self, asked: Json) -> Answer:
        """The answer, as it was asked for."""
        echo = bool(asked.get("echo"))
        texts = [(self.prompts[at // self.n] if echo else "") + text for at, text in enumerate(self.texts)]
        if not asked.get("stream"):
            return payload(whole_text(*texts))
        streams = [
            [*(text_chunk(piece, at) for piece in pieces(text, self.cut)), text_chunk("", at, finish="stop")]
            for at, text in enumerate(texts)
        ]
        return stream(interleaved(*streams))


class Author:
    """Writes scripts from a seed; in nearly half of the prompts a work begins that the answer goes on with."""

    def __init__(self, works: Sequence[str], seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (seeded test data)
        self._works = [work.split() for work in works]
        self._writer = Playwright(works, seed)

    def script(self) -> Script:
        dice = self._random
        n, count = dice.choice((1, 1, 2)), dice.choice((1, 1, 2, 3))
        prompts, texts = [], []
        for _ in range(count):
            begun = dice.random() < 0.45
            work, given = dice.choice(self._works), dice.choice((3, 18, 60))
            at = dice.randrange(given, len(work) - 200)
            prompts.append(" ".join(work[at - given : at]) if begun else f"Say {dice.random()}.")
            for _ in range(n):
                copied = " ".join(work[at : at + dice.choice((7, 39, 40, 41, 42, 150))]) if begun else ""
                recital = self._writer.recital().choices[0].texts["content"]
                texts.append(f" {copied} {recital}" if dice.random() < 0.7 else f" {copied}.")
        return Script(prompts, n, texts, dice.choice(("char", "word", "whole", 9)))


@pytest.fixture(scope="module")
def shelf() -> list[tuple[Work, str]]:
    return prose_works()


@pytest.fixture(scope="module")
def served(
    shelf: list[tuple[Work, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fairgate, dict[str, Script], Path]]:
    folder = tmp_path_factory.mktemp("leak")
    for name, text in POLICIES.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    allowed = f"allowed_policies: [{', '.join(str(folder / f'{name}.yaml') for name in POLICIES)}]\n"
    scripts: dict[str, Script] = {}

    def play(asked: Asked) -> Answer:
        return scripts[asked.json["user"]].plays(asked.json)

    index = build_index(folder / "index", shelf)
    with Upstream(play) as upstream, fairgate(folder, index, upstream.url, settings=allowed) as gate:
        yield gate, scripts, folder


def received(client: openai.OpenAI, name: str, script: Script, policy: Path, **how: Any) -> dict[int, tuple[str, str]]:
    """Text and finish reason of each choice."""
    made = client.completions.create(
        model="m",
        prompt=list(script.prompts),
        n=script.n,
        user=name,
        extra_headers={"x-fairgate-policy": str(policy)},
        **how,
    )
    texts: dict[int, str] = {}
    ends: dict[int, str] = {}
    for each in made if how.get("stream") else [made]:
        for choice in each.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
            if choice.finish_reason:
                ends[choice.index] = choice.finish_reason
    return {at: (text, ends[at]) for at, text in texts.items()}


def test_no_client_receives_a_run_over_the_limit_behind_its_prompt(
    served: tuple[Fairgate, dict[str, Script], Path], shelf: list[tuple[Work, str]]
) -> None:
    gate, scripts, folder = served
    works = [text for _, text in shelf]
    judge, author = LeakJudge(works, LIMIT), Author(works, seed=31)
    over = stopped = quoted = 0
    with gate.client() as client:
        for number in range(ANSWERS):
            name = f"script {number}"
            script = scripts[name] = author.script()
            policy = folder / f"{('block', 'quote')[number % 2]}.yaml"
            bare = received(client, name, script, policy, stream=True)
            assert sorted(bare) == list(range(len(script.texts)))
            for at, (text, reason) in bare.items():
                assert judge.leaks(text.replace("[...]", "elided")) == [], (number, at)
                over += bool(judge.leaks(script.texts[at]))
                stopped += reason == "content_filter"
                quoted += "[...]" in text
            echoed = received(client, name, script, policy, stream=True, echo=True)
            assert echoed == {at: (script.prompts[at // script.n] + text, end) for at, (text, end) in bare.items()}
            assert received(client, name, script, policy) == bare
            assert received(client, name, script, policy, echo=True) == echoed
    assert over >= 0.4 * ANSWERS, "too few answers to be stopped: the test proves little"
    assert stopped >= 0.3 * ANSWERS
    assert quoted >= 0.1 * ANSWERS
