"""No leak, judged by plain comparison over what the official client received through a real server."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import openai
import pytest

from indexes.model import Work
from proxy.demo.prose import sentences
from tests.support.leaks import LeakJudge, words
from tests.support.live import Fairgate, build_index, fairgate, prose_works
from tests.support.scenarios import Playwright, Scenario
from tests.support.upstream import Asked, Upstream, pieces, stream, tokens, whole

LIMIT = 40
STREAMS = 500
RETOLD = 200
ASK: Any = [{"role": "user", "content": "Go on."}]
SETTINGS = "allowed_policies: [{block}, {rewrite}]\n"

pytestmark = pytest.mark.live


@dataclass
class Received:
    """What the client put together of one choice."""

    texts: dict[str, str] = field(default_factory=dict)
    finish_reason: str | None = None
    verdict: dict[str, Any] = field(default_factory=dict)

    def add(self, channel: str, text: str | None) -> None:
        if text:
            self.texts[channel] = self.texts.get(channel, "") + text


@pytest.fixture(scope="module")
def shelf() -> list[tuple[Work, str]]:
    return prose_works()


@pytest.fixture(scope="module")
def served(
    shelf: list[tuple[Work, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fairgate, "Stage"]]:
    folder = tmp_path_factory.mktemp("leak")
    names = {}
    for over in ("block", "rewrite"):
        path = folder / f"{over}.yaml"
        path.write_text(f"name: {over}\nlimits: {{text: {{words: {LIMIT}, over: {over}}}}}\n", encoding="utf-8")
        names[over] = path
    stage = Stage(names)
    index = build_index(folder / "index", shelf)
    with Upstream(stage.play) as upstream:
        settings = SETTINGS.format(**names)
        with fairgate(folder, index, upstream.url, settings=settings) as gate:
            yield gate, stage


class Stage:
    """Plays the scenario that a request names; asked to go on, what its rewriter makes of the text so far."""

    def __init__(self, policies: dict[str, Path]) -> None:
        self.policies = policies
        self.scenarios: dict[str, Scenario] = {}
        self.rewriters: dict[str, Rewriter] = {}
        self.asked_again = 0

    def play(self, asked: Asked) -> Any:
        name, last = asked.json["user"], asked.json["messages"][-1]
        if name in self.rewriters and last["role"] == "assistant":
            self.asked_again += 1
            text, cut = self.rewriters[name].goes_on(name, last["content"])
            return stream(tokens(text, cut))
        scenario = self.scenarios[name]
        if asked.json.get("stream"):
            return stream(scenario.chunks)
        return whole(*(choice.message() for choice in scenario.choices))


def streamed(client: openai.OpenAI, scenario: str, n: int, policy: str) -> dict[int, Received]:
    out: dict[int, Received] = {}
    answer = client.chat.completions.create(
        model="m", messages=ASK, user=scenario, n=n, stream=True, extra_headers={"x-fairgate-policy": policy}
    )
    for event in answer:
        for choice in event.choices:
            mine = out.setdefault(choice.index, Received())
            extra = choice.delta.model_extra or {}
            mine.add("reasoning", extra.get("reasoning"))
            mine.add("content", choice.delta.content)
            mine.add("refusal", choice.delta.refusal)
            for call in choice.delta.tool_calls or ():
                mine.add(f"tool_calls[{call.index}]", call.function and call.function.arguments)
            if choice.finish_reason:
                assert mine.finish_reason is None, "a choice ended twice"
                mine.finish_reason = choice.finish_reason
                mine.verdict = (event.model_extra or {})["fairgate"]
    return out


def unstreamed(client: openai.OpenAI, scenario: str, n: int, policy: str) -> tuple[dict[int, Received], dict[str, Any]]:
    out: dict[int, Received] = {}
    answer = client.chat.completions.create(
        model="m", messages=ASK, user=scenario, n=n, extra_headers={"x-fairgate-policy": policy}
    )
    for choice in answer.choices:
        mine = out[choice.index] = Received(finish_reason=choice.finish_reason)
        mine.add("reasoning", (choice.message.model_extra or {}).get("reasoning"))
        mine.add("content", choice.message.content)
        mine.add("refusal", choice.message.refusal)
        for number, call in enumerate(choice.message.tool_calls or ()):
            mine.add(f"tool_calls[{number}]", call.function.arguments)  # type: ignore[union-attr]
    return out, (answer.model_extra or {})["fairgate"]


def said(text: str) -> str:
    """A channel's text, without the identifier and the title with which we say that it was stopped."""
    return re.sub(r"Decision dec_\w+\.", "", text)


def spoken(text: str) -> str:
    """What a channel says: escapes of JSON undone, and our own note for what was left out taken out."""
    arguments = re.sub(r"\[\.\.\.\] \([^)]*\)", "elided", text)
    return re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), arguments).replace("\\n", "\n").replace('\\"', '"')


@pytest.mark.slow
def test_no_client_receives_a_run_over_the_limit(served: tuple[Fairgate, Stage], shelf: list[tuple[Work, str]]) -> None:
    """500 streams, most with a planted copy; streamed and whole answers agree in text and verdict."""
    gate, stage = served
    judge = LeakJudge([text for _, text in shelf], LIMIT)
    writer = Playwright([text for _, text in shelf], seed=20)
    planted = over = stopped = 0
    with gate.client() as client:
        for number in range(STREAMS):
            name = f"scenario {number}"
            scenario = stage.scenarios[name] = writer.scenario()
            n = len(scenario.choices)
            policy = str(stage.policies["rewrite" if number % 2 else "block"])
            received = streamed(client, name, n, policy)
            planted += scenario.planted
            for index, choice in received.items():
                for channel, text in choice.texts.items():
                    assert judge.leaks(spoken(text)) == [], (number, index, channel)
                stopped += choice.finish_reason == "content_filter"
            over += any(judge.leaks(spoken(t)) for c in scenario.choices for t in (*c.texts.values(), *c.calls))
            assert sorted(received) == list(range(n))
            assert all(choice.finish_reason for choice in received.values())
            if not scenario.woven:
                compare(received, *unstreamed(client, name, n, policy))
    assert planted >= 0.7 * STREAMS
    assert over >= 0.25 * STREAMS, "too few answers to be stopped: the test proves little"
    assert stopped >= 0.2 * STREAMS


class Rewriter:
    """Goes on with a text that broke off in a copy: in words of its own, word for word, nearly so, or elsewhere."""

    def __init__(self, works: Sequence[str]) -> None:
        self._works = [" ".join(work.split()) for work in works]

    def goes_on(self, name: str, text: str) -> tuple[str, str | int]:
        """The same for the same text; and how to cut it."""
        dice = random.Random(f"{name} {text}")  # noqa: S311 (seeded test data)
        prose = "".join(islice(sentences(dice.randrange(1000)), 2))
        rest = self._rest(text, dice)
        match dice.choice(("own", "word for word", "nearly", "after own words", "elsewhere")):
            case "own":
                rest = []
            case "nearly":
                every = dice.choice((5, 9, 14))
                rest = ["sensor" if at % every == every - 1 else word for at, word in enumerate(rest)]
            case "after own words":
                rest = [*prose.split()[: dice.randint(1, 5)], *rest]
            case "elsewhere":
                rest = dice.choice(self._works).split()[200 : 200 + dice.choice((12, 41, 60))]
        said = " ".join([*rest, prose])
        return dice.choice(("", " ", ", ")) + said, dice.choice(("char", "word", "whole", 7))

    def _rest(self, text: str, dice: random.Random) -> list[str]:
        """The words that follow the end of a text in the work that it was copied from."""
        tail = " ".join(text.split()[-5:])
        for work in self._works:
            if (at := work.find(tail)) >= 0:
                begin = at + len(tail)
                return work[begin : begin + 1500].split()[: dice.choice((1, 2, 5, 30, 41, 90))]
        return []


@pytest.mark.slow
def test_no_run_over_the_limit_spans_the_seam_to_what_a_rewriter_says(
    served: tuple[Fairgate, Stage], shelf: list[tuple[Work, str]]
) -> None:
    gate, stage = served
    texts = [text for _, text in shelf]
    judge, writer, rewriter = LeakJudge(texts, LIMIT), Playwright(texts, seed=21), Rewriter(texts)
    policy, retold, complete, before = str(stage.policies["rewrite"]), 0, 0, stage.asked_again
    with gate.client() as client:
        for number in range(RETOLD):
            name = f"retold {number}"
            scenario = stage.scenarios[name] = writer.recital()
            stage.rewriters[name] = rewriter
            (choice,) = streamed(client, name, 1, policy).values()
            assert judge.leaks(spoken(choice.texts["content"])) == [], number
            compare({0: choice}, *unstreamed(client, name, 1, policy))
            retold += choice.verdict["action"] in ("rewrite", "block")
            complete += choice.finish_reason == "stop" and choice.verdict["action"] == "rewrite"
            assert scenario.planted
    assert retold >= 0.4 * RETOLD, "too few answers to be told in other words: the test proves little"
    assert complete >= 0.5 * retold
    assert stage.asked_again - before >= 2 * retold


def compare(received: dict[int, Received], whole_answer: dict[int, Received], verdict: dict[str, Any]) -> None:
    """Streamed and whole deliver the same characters and say the same of them."""
    severity = ["pass", "attribute", "rewrite", "block"]
    assert verdict["action"] == max((c.verdict["action"] for c in received.values()), key=severity.index)
    assert round(verdict["score"], 3) in {round(c.verdict["score"], 3) for c in received.values()}
    matches = [m for number in sorted(received) for m in received[number].verdict["matches"]]
    for mine, theirs in zip(matches, verdict["matches"], strict=True):
        assert {**mine, "delivered": None} == {**theirs, "delivered": None}
    for number, choice in received.items():
        other = whole_answer[number]
        assert choice.finish_reason == other.finish_reason
        blocked = choice.finish_reason == "content_filter"
        for channel in {*choice.texts, *other.texts}:
            if channel.startswith("tool_calls") and blocked:
                continue  # a call that is stopped ends open in a stream, and is dropped in a whole answer
            assert said(choice.texts.get(channel, "")) == said(other.texts.get(channel, "")), channel


def test_every_two_way_split_of_a_copy_delivers_the_same(
    served: tuple[Fairgate, Stage], shelf: list[tuple[Work, str]]
) -> None:
    gate, stage = served
    copied = " ".join(shelf[0][1].split()[3000 : 3000 + LIMIT + 3])
    text = f"He read: {copied} and stopped."
    judge = LeakJudge([shelf[0][1]], LIMIT)
    policy = str(stage.policies["block"])
    delivered = set()
    with gate.client() as client:
        for at in range(1, len(text)):
            assert "".join(pieces(text, [at])) == text
            stage.scenarios["split"] = Scenario((), tuple(tokens(text, [at])), planted=True, woven=False)
            (choice,) = streamed(client, "split", 1, policy).values()
            assert choice.finish_reason == "content_filter"
            assert judge.leaks(choice.texts["content"]) == []
            delivered.add(choice.texts["content"])
    (only,) = delivered
    assert text.startswith(only)
    assert words(only) == ["he", "read", *words(copied)[:LIMIT]]
