"""Presets on cases of fair use: their own tests, synthetic cases, and pairs that one factor alone tells apart."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from indexes.model import Span, Stretch
from policies.load import find, presets
from policies.model import FactorName, Verdict
from policies.policy import PolicyTest
from policies.samples import evidence, judge
from policies.schema import Sample, UsePatch

CASES = Path(__file__).parents[1] / "cases/policies"
PRESET_TESTS = [(name, test) for name in presets() for test in find(name).tests]
FAIR_USE = yaml.safe_load((CASES / "fair_use.yaml").read_text("utf-8"))
PAIRS = yaml.safe_load((CASES / "factors.yaml").read_text("utf-8"))


def verdict(preset: str, match: dict[str, Any], use: dict[str, Any]) -> Verdict:
    test = PolicyTest("case", msgspec.convert(match, Sample), (), msgspec.convert(use, UsePatch))
    return judge(find(preset), test)


@pytest.mark.parametrize(("preset", "test"), PRESET_TESTS, ids=[f"{name}: {test.name}" for name, test in PRESET_TESTS])
def test_a_preset_does_what_its_tests_say(preset: str, test: PolicyTest) -> None:
    found = judge(find(preset), test)
    assert found.action in test.expect, found.reasons


@pytest.mark.parametrize("case", FAIR_USE, ids=lambda case: f"{case['policy']}: {case['name']}")
def test_a_preset_gets_the_case_right(case: dict[str, Any]) -> None:
    found = verdict(case["policy"], case["match"], case.get("use", {}))
    expected = case["expect"] if isinstance(case["expect"], list) else [case["expect"]]
    assert found.action.value in expected, found.reasons


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['factor']}: {pair['name']}")
def test_one_factor_alone_tells_two_cases_apart(pair: dict[str, Any]) -> None:
    than = pair["than"]
    first = verdict(pair["policy"], pair["both"], pair.get("use", {}))
    second = verdict(pair["policy"], pair["both"] | than.get("match", {}), than.get("use", pair.get("use", {})))
    assert (first.action.value, second.action.value) == (pair["expect"], than["expect"]), (first, second)
    differing = {name for name in first.factors if first.factors[name] != pytest.approx(second.factors[name])}
    assert differing == {pair["factor"]}


def test_every_factor_has_two_pairs() -> None:
    counts = dict.fromkeys(FactorName.__args__, 0)
    for pair in PAIRS:
        counts[pair["factor"]] += 1
    assert min(counts.values()) >= 2


def test_a_sample_is_the_evidence_it_says() -> None:
    said = evidence(
        Sample(
            words=20,
            common_words=5,
            work_words=400,
            output_words=80,
            earlier_words=30,
            heart_share=0.5,
            budget_words=7,
            quoted=True,
            credited=True,
            comment_words=9,
            licensed=True,
            opt_out=True,
        )
    )
    match = said.matches[0]
    assert (match.words, match.counted, match.work.words, match.work.opt_out) == (20, 15, 400, True)
    assert match.stretches == (Stretch(0, 0, 15), Stretch(15, 15, 5, common=True))
    assert (said.channels[0].words, said.budget_left, said.licensed, said.closed) == (
        80,
        (("work", 7),),
        ("work",),
        True,
    )
    assert said.earlier[0].source == (Span(20, 50),)
    assert (said.quotations[0].credited, said.quotations[0].comment_words) == (True, 9)
    assert match.work.heart == ((0, 240),)


@pytest.mark.parametrize(("lexemes", "words"), [(65, 26), (66, 26), (67, 27), (20, 8)])
def test_lexemes_are_the_most_words_that_count_as_no_more(lexemes: int, words: int) -> None:
    assert evidence(Sample(lexemes=lexemes, kind="code")).matches[0].words == words


def test_a_share_of_the_work_may_be_said_in_place_of_its_length() -> None:
    assert evidence(Sample(words=20, work_share=0.1)).matches[0].work.words == 200
    assert evidence(Sample(words=20, work_words=5)).matches[0].work.words == 20
