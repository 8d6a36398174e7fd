"""Presets on real text: works are indexed, the answer is scanned, and the verdict is the one a user would see."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import proxy.demo
from indexes.model import Work
from indexes.text.index import SegmentIndex
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment
from policies.engine import decide
from policies.load import find
from policies.model import ChannelSize, Evidence, Use, Verdict
from policies.quotation import quotations
from policies.use import combine_use
from proxy.judging import Conversation

CASES = [
    case
    for file in sorted((Path(__file__).parents[1] / "cases/fair_use").glob("*.yaml"))
    for case in yaml.safe_load(file.read_text("utf-8"))
]
SAMPLES = Path(proxy.demo.__file__).parent / "works"
CHANNEL = "content"


def text_of(facts: dict[str, Any]) -> str:
    return (SAMPLES / facts["file"]).read_text("utf-8") if "file" in facts else facts["text"]


def work_of(facts: dict[str, Any]) -> Work:
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    heart, text = known.pop("heart", None), text_of(facts)
    work = Work(**{key: value for key, value in known.items() if key not in ("file", "text")})
    if heart is None:
        return work
    found = re.search(r"\s+".join(map(re.escape, heart.split())), text)
    assert found is not None, "the heart of the work is not in its text"
    return replace(work, heart=(found.span(),))


def passage(text: str, first: int, words: int) -> str:
    """So many words of a text, parted at white space."""
    return " ".join(text.split()[first : first + words])


def judged(case: dict[str, Any]) -> Verdict:
    policy, request = find(case.get("policy", "balanced")), case.get("request", {})
    text = text_of(case["works"][0])
    index = SegmentIndex(
        [TextSegment.from_texts((work_of(facts), text_of(facts)) for facts in case["works"])], "0" * 16
    )
    answer = case["answer"] if "answer" in case else passage(text, *case["passage"])
    matches = index.scan(answer, CHANNEL, request.get("grounding", ()))
    conversation = Conversation(index, [passage(text, *turn) for turn in request.get("earlier", ())])
    evidence = Evidence(
        matches=matches,
        channels=(ChannelSize(CHANNEL, tokenize(answer).words, len(answer)),),
        quotations=quotations(answer, matches, CHANNEL),
        earlier=conversation.earlier(frozenset(match.work.id for match in matches)),
        closed=True,
    )
    declared = Use(request.get("purpose", "unknown"), request.get("commercial"))
    return decide(policy, evidence, combine_use(policy.use, declared, may_declare=True))


def otherwise(case: dict[str, Any]) -> dict[str, Any]:
    """The case with what `unless` says in place of what it said; facts of works are changed in each."""
    changes = dict(case["unless"])
    if "works" in changes:
        changes["works"] = [{**facts, **changes["works"]} for facts in case["works"]]
    return {**case, **changes}


def expected(case: dict[str, Any]) -> list[str]:
    return case["expect"] if isinstance(case["expect"], list) else [case["expect"]]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_preset_gets_the_case_right(case: dict[str, Any]) -> None:
    found = judged(case)
    assert found.action.value in expected(case), (found.reasons, found.factors, found.score, found.standing_score)


UNLESS = [case for case in CASES if "unless" in case]


@pytest.mark.parametrize("case", UNLESS, ids=[case["name"] for case in UNLESS])
def test_what_decides_the_case_decides_it(case: dict[str, Any]) -> None:
    found = judged(otherwise(case))
    assert found.action.value in expected(case["unless"]), (found.reasons, found.factors, found.standing_score)
    assert not set(expected(case)) & set(expected(case["unless"]))


def test_every_factor_decides_a_case() -> None:
    assert {case.get("decides") for case in CASES} >= {"purpose", "amount", "market", "grounding"}
