"""fairgate before an upstream that recites a work, and rewriters that play what rewriters do."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from indexes.model import Work
from tests.support.bench import prose
from tests.support.live import Fairgate, build_index, fairgate
from tests.support.upstream import (
    Answer,
    Asked,
    Cut,
    Stall,
    Upstream,
    failure,
    payload,
    stream,
    tokens,
    usage_frame,
    used,
    whole,
)

LIMIT = 40
WORK = prose(400, seed=7)
OWN = prose(30, seed=11)
MORE = prose(25, seed=12)
SAID = "He said: "
AFTER = prose(20, seed=13)
FIRST = f"{SAID}{' '.join(WORK.split()[:90])} and {AFTER}"
PREFIX = SAID + " ".join(WORK.split()[:LIMIT])
NOTE = " [...] (The Work, A. Writer)"
POLICY = "name: test\nlimits: {{text: {{words: 40, over: rewrite}}}}\nrewrite: {{{rewrite}}}\n{more}\n"
SETTINGS = """
upstreams:
  - {{name: first, url: "{first}"}}
  - {{name: other, url: "{other}", models: [rewriter-1]}}
limits: {{rewrite: {seconds}s}}
"""


@dataclass
class Received:
    """What a client put together of one answer."""

    content: str = ""
    reasoning: str = ""
    refusal: str = ""
    finish_reason: str | None = None
    verdict: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] | None = None
    annotations: list[Any] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    comments: int = 0
    done: bool = False
    error: str = ""

    def add(self, body: dict[str, Any], key: str) -> None:
        self.ids.add(body.get("id", ""))
        self.usage = body.get("usage") or self.usage
        self.error = str(body.get("error", ""))
        self.verdict = body.get("fairgate") or self.verdict
        for choice in body.get("choices", ()):
            message = choice[key]
            self.content += message.get("content") or ""
            self.reasoning += message.get("reasoning_content") or ""
            self.refusal += message.get("refusal") or ""
            self.annotations += message.get("annotations") or []
            if choice.get("finish_reason"):
                assert self.finish_reason is None, "the choice ended twice"
                self.finish_reason = choice["finish_reason"]


@dataclass
class Stage:
    """fairgate before a first upstream, which recites once, and a rewriter, which plays a script."""

    gate: Fairgate
    first: Upstream
    other: Upstream
    script: list[Callable[[Asked], Answer]]
    seen: list[dict[str, Any]]
    begins: Callable[[Asked], Answer]

    def ask(self, *, streamed: bool, **extra: Any) -> Received:
        body = {"model": "m", "messages": [{"role": "user", "content": "Go on."}], "stream": streamed, **extra}
        self.seen.clear()
        found = Received()
        with httpx.Client(timeout=30) as client:
            headers = {"authorization": "Bearer sk-of-the-first"}
            answer = client.post(f"{self.gate.url}/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        if not streamed:
            found.add(answer.json(), "message")
            return found
        for line in answer.text.split("\n"):
            found.comments += line.startswith(":")
            if line == "data: [DONE]":
                found.done = True
            elif line.startswith("data: "):
                found.add(json.loads(line[6:]), "delta")
        return found

    def metric(self, name: str) -> float:
        text = httpx.get(f"{self.gate.url}/metrics").text
        return sum(float(value) for value in re.findall(rf"^fairgate_{re.escape(name)} (\S+)$", text, re.MULTILINE))

    def decision(self, received: Received) -> dict[str, Any]:
        httpx.get(f"{self.gate.url}/readyz")
        found: dict[str, Any] = httpx.get(
            f"{self.gate.url}/v1/fairgate/decisions/{received.verdict['decision_id']}"
        ).json()
        return found


def is_rewrite(asked: Asked) -> bool:
    return asked.json["messages"][-1]["role"] == "assistant"


def answers(text: str, asked: Asked, *, finish: str = "stop", prompt: int = 7, completion: int = 11) -> Answer:
    """What upstream says, streamed or whole as it is asked."""
    if not asked.json.get("stream"):
        return whole(text, usage=used(prompt, completion))
    wants = (asked.json.get("stream_options") or {}).get("include_usage")
    return stream([*tokens(text, finish=finish), *([usage_frame(prompt, completion)] if wants else [])])


def obeys(asked: Asked) -> Answer:
    return answers(f" {OWN}", asked, prompt=20, completion=30)


def recites(asked: Asked) -> Answer:
    return answers(" " + " ".join(WORK.split()[LIMIT:200]) + f" {MORE}", asked)


def reworded(every: int) -> str:
    """The rest of the work with every so-manieth word another one."""
    words = WORK.split()[LIMIT:200]
    return " " + " ".join("zebra" if at % every == 0 else word for at, word in enumerate(words)) + f" {MORE}"


def paraphrases(asked: Asked) -> Answer:
    """So closely that the scanner still follows: what stands between two changes is found, and changes are bridged."""
    return answers(reworded(12), asked)


def paraphrases_well(asked: Asked) -> Answer:
    """With no eight words in a row: copies as short as that are not promised to be found."""
    return answers(reworded(6), asked)


def stalls(_: Asked) -> Answer:
    return Answer([Stall()])


def stalls_in_words(_: Asked) -> Answer:
    return stream([*tokens(f" {MORE}", finish=None), Stall()], done=False)


def breaks(_: Asked) -> Answer:
    return stream([*tokens(f" {MORE}", finish=None), Cut()], done=False)


def garbage(_: Asked) -> Answer:
    return Answer([b"data: {no json\n\n"])


def refuses(_: Asked) -> Answer:
    return failure(500)


def is_no_stream(_: Asked) -> Answer:
    return payload({"hello": "there"})


def is_silent(asked: Asked) -> Answer:
    return answers("", asked)


def recites_first(asked: Asked) -> Answer:
    return answers(FIRST, asked)


@contextmanager
def staged(folder: Path, policy: str, seconds: float) -> Iterator[Stage]:
    work = Work(id="work", title="The Work", creators=("A. Writer",), nature="creative", form="novel")
    index = build_index(folder / "index", [(work, WORK)])
    stages: list[Stage] = []

    def play(asked: Asked) -> Answer:
        (stage,) = stages
        if not is_rewrite(asked):
            return stage.begins(asked)
        stage.seen.append(asked.json)
        return stage.script[min(len(stage.seen), len(stage.script)) - 1](asked)

    with Upstream(play) as first, Upstream(play) as other:
        settings = SETTINGS.format(first=first.url, other=other.url, seconds=seconds)
        with fairgate(folder, index, None, policy, settings) as gate:
            stages.append(Stage(gate, first, other, [], [], recites_first))
            yield stages[0]
