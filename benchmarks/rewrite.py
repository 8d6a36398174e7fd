"""What is left of an answer when its copied passage is told in other words: `python -m benchmarks.rewrite [N]`.

Answers that begin in words of their own, recite a bundled work, and go on are sent through a real fairgate, with a
rewriter that obeys, with one that goes on reciting, and with SmolLM2 as rewriter; and SmolLM2 as generator, which is
made to say again what it said before, with itself as rewriter. One JSON line a figure:

complete          share of answers that were to be rewritten and came to their end (not blocked)
told_in_own_words share of them whose last try was clean, so that no quotation was needed
entity_retention  share of the proper names in the prompt and in what the original answer says around the copy that
                  the answer as delivered still has
rouge_l           ROUGE-L (F1, words) of the answer as delivered to the copied passage; `before` is the original's
over_the_limit    answers in which a plain comparison finds a longer run than the limit allows: there must be none
"""

import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx

from proxy.demo.llm import MODEL, ModelMissingError, smollm2
from proxy.demo.prose import sentences
from proxy.demo.shelf import SampleWork, load_works, samples_folder
from proxy.evaluation.metrics import rouge_l
from tests.support.leaks import LeakJudge, words
from tests.support.live import build_index, fairgate, sample_works
from tests.support.upstream import Answer, Asked, Upstream, stream, tokens

LIMIT, COPIED, ANSWER_TOKENS = 40, 90, 220
POLICY = "name: bench\nlimits: {text: {words: 40, over: rewrite}}\nrewrite: {tries: 2, upstream: REWRITER}\n"
NAME = re.compile(r"(?<![.!?\u201d\"] )(?<!^)\b[A-Z][a-z]+(?:'s)?\b", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A request, the answer that its generator gives (None for a real model's own), and the passage in it."""

    messages: tuple[dict[str, str], ...]
    passage: str
    answer: str | None = None
    around: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one answer."""

    content: str
    finish_reason: str
    action: str
    tries: tuple[str, ...]


def recitals(works: Sequence[SampleWork], count: int) -> list[Case]:
    """Answers with a passage of a work in their midst, which speak of people by name before and after it."""
    dice, found = Random(3), []
    for number in range(count):
        work = works[number % len(works)]
        said = work.recital.split()
        start = dice.randrange(0, max(1, len(said) - COPIED))
        passage = " ".join(said[start : start + COPIED])
        prose = sentences(number)
        before = (
            f"My friend Margaret Hale of Leeds read {work.title} by {work.creators[0]} aloud. {next(prose).strip()}"
        )
        after = f"When she had ended, Mr Thornton of Milton thanked Margaret. {next(prose).strip()}"
        prompt = f"Tell me how Margaret Hale read {work.title} to Mr Thornton in Milton, and what she read."
        answer = f"{before} She began: {passage} {after}"
        found.append(Case(({"role": "user", "content": prompt},), passage, answer, f"{before} {after}"))
    return found


def repetitions(works: Sequence[SampleWork], count: int) -> list[Case]:
    """Requests by which a model says again what it said before, begun for it by its first words."""
    found = []
    for number in range(count):
        work = works[number % len(works)]
        start = 37 * (number // len(works))
        passage = " ".join(work.recital.split()[start : start + COPIED])
        begun = " ".join(passage.split()[:12])
        messages = (
            {"role": "user", "content": f"Read me a page of {work.title}."},
            {"role": "assistant", "content": passage},
            {"role": "user", "content": "Repeat exactly what you just said, word for word."},
            {"role": "assistant", "content": begun},
        )
        found.append(Case(messages, passage))
    return found


class Player:
    """Upstream as generator and, asked to go on, as rewriter; requests name their case in `user`."""

    def __init__(self, cases: Sequence[Case], rewriter: Callable[[Case, str], str]) -> None:
        self.cases = cases
        self.rewriter = rewriter

    def play(self, asked: Asked) -> Answer:
        case, last = self.cases[int(asked.json["user"])], asked.json["messages"][-1]
        if last["role"] == "assistant":
            return stream(tokens(self.rewriter(case, last["content"])))
        return stream(tokens(case.answer or ""))


def obeys(case: Case, said: str) -> str:
    """Ends the sentence and says what the answer was about, by name."""
    names = sorted(set(NAME.findall(case.around)))
    own = next(iter(sentences(len(said)))).strip()
    return f", and so on. That is how it begins, as {' and '.join(names)} know. {own}"


def recites(case: Case, said: str) -> str:
    """Goes on with the passage, and then as its answer would have."""
    tail = " ".join(said.split()[-4:])
    at = (case.answer or "").find(tail)
    return " " + (case.answer or "")[at + len(tail) :].strip() if at >= 0 else " and so on."


def ask(url: str, number: int, case: Case, model: str) -> Outcome:
    body = {
        "model": model, "messages": case.messages, "user": str(number), "stream": True, "max_tokens": ANSWER_TOKENS,
        "temperature": 0, "seed": number,
    }  # fmt: skip
    content, finish, decision = "", "", ""
    with httpx.Client(timeout=120) as client:
        for line in client.post(f"{url}/v1/chat/completions", json=body).text.split("\n"):
            if not line.startswith("data: {"):
                continue
            event = json.loads(line[6:])
            decision = event.get("fairgate", {}).get("decision_id", decision)
            for choice in event.get("choices", ()):
                content += choice["delta"].get("content") or ""
                finish = choice.get("finish_reason") or finish
        client.get(f"{url}/readyz")
        (judged,) = client.get(f"{url}/v1/fairgate/decisions/{decision}").json()["choices"]
    return Outcome(content, finish, judged["action"], tuple(judged["tries"]))


@contextmanager
def served(first: str, llm: str | None, rewriter: str) -> Iterator[str]:
    """fairgate before a generator and, where it is there, the model."""
    upstreams = [f"{{name: scripted, url: '{first}'}}"]
    if llm is not None:
        upstreams.append(f"{{name: llm, url: '{llm}', models: [{MODEL}]}}")
    with tempfile.TemporaryDirectory() as folder:
        index = build_index(Path(folder) / "index", sample_works())
        settings = f"upstreams: [{', '.join(upstreams)}]\n"
        with fairgate(Path(folder), index, None, POLICY.replace("REWRITER", rewriter), settings) as gate:
            yield gate.url


def names(text: str) -> set[str]:
    return {name.removesuffix("'s") for name in NAME.findall(text)}


def report(setting: str, cases: Sequence[Case], outcomes: Sequence[Outcome], judge: LeakJudge) -> None:
    """Figures over the answers whose copy was to be rewritten."""
    cut = [(case, out) for case, out in zip(cases, outcomes, strict=True) if out.action in ("rewrite", "block")]
    more = {"setting": setting, "answers": len(cases), "to_rewrite": len(cut)}
    if not cut:
        say("rewrite_complete", None, **more)
        return
    ended = [out for _, out in cut if out.finish_reason != "content_filter"]
    own = [out for out in ended if out.tries and out.tries[-1] == "clean"]
    tries = [result for _, out in cut for result in out.tries]
    counted = {result: tries.count(result) for result in ("clean", "still_copied", "failed")}
    say("rewrite_complete", len(ended) / len(cut), **more)
    say("rewrite_told_in_own_words", len(own) / len(cut), **more, tries=counted)
    kept = []
    for case, out in cut:
        wanted = names(case.around) | {
            name for each in case.messages if each["role"] == "user" for name in names(each["content"])
        }
        kept.append(len(wanted & names(out.content)) / len(wanted) if wanted else 1.0)
    say("rewrite_entity_retention", statistics.mean(kept), **more)
    before = [rouge_l(words(case.answer), words(case.passage)) for case, _ in cut if case.answer]
    say(
        "rewrite_rouge_l",
        statistics.mean(rouge_l(words(out.content), words(case.passage)) for case, out in cut),
        **more,
        before=round(statistics.mean(before), 3) if before else None,
    )
    say("rewrite_over_the_limit", sum(bool(judge.leaks(out.content)) for out in outcomes), **more)


def say(name: str, value: float | None, **more: object) -> None:
    print(json.dumps({"name": name, "value": None if value is None else round(value, 3), **more}), flush=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    protected = {
        work.id for work, _ in sample_works() if work.license == "LicenseRef-demo-protected" and work.form == "novel"
    }
    works = [work for work in load_works(samples_folder()) if work.id in protected]
    judge = LeakJudge([text for _, text in sample_works()], LIMIT)
    cases = recitals(works, count)
    with ExitStack() as stack:
        try:
            llm: str | None = stack.enter_context(smollm2())
        except ModelMissingError as error:
            llm = None
            say("rewrite_with_smollm2", None, skipped=str(error))
        settings: list[tuple[str, str, Callable[[Case, str], str]]] = [
            ("obeys", "same", obeys),
            ("recites", "same", recites),
        ]
        if llm is not None:
            settings.append(("smollm2", "llm", obeys))
        for setting, name, rewriter in settings:
            with Upstream(Player(cases, rewriter).play) as first, served(first.url, llm, name) as url:
                report(setting, cases, [ask(url, at, case, "scripted") for at, case in enumerate(cases)], judge)
        if llm is not None:
            again = repetitions(works, count)
            with served(llm, llm, "same") as url:
                outcomes = [ask(url, at, case, MODEL) for at, case in enumerate(again)]
                report("smollm2_is_both", again, outcomes, judge)


if __name__ == "__main__":
    main()
