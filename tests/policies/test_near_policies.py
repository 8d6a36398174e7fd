"""Near matches before a policy: under no limit, in score and rules, and no word counted twice."""

from dataclasses import replace

import pytest

from indexes.model import NEAR_REACH, Match, Span, Stretch, Work
from policies.amounts import amounts
from policies.engine import allowance, decide
from policies.growth import grown
from policies.load import find
from policies.model import Action, ChannelSize, Evidence
from policies.policy import Rule, When

POLICY = find("balanced")
WORK = Work(id="book", title="A Book", nature="creative", market="in_print", words=90_000, chars=540_000)
SHORT = replace(WORK, id="tale", words=100)


def match(words: int, detector: str = "near", work: Work = WORK, *, at: int = 0, live: bool = False) -> Match:
    exact = Match(
        detector="verbatim", work=work, channel="content", output=Span(6 * at, 6 * (at + words)),
        source=Span(6 * at, 6 * (at + words)), stretches=(Stretch(at, at, words),), words=words, counted=words,
        span_words=words, live=live,
    )  # fmt: skip
    return replace(exact, detector="near") if detector == "near" else exact


def evidence(*matches: Match) -> Evidence:
    return Evidence(matches, (ChannelSize("content", 1000, 6000),))


def test_a_near_copy_over_every_limit_of_runs_is_attributed() -> None:
    assert decide(POLICY, evidence(match(60, "verbatim")), POLICY.use).action is Action.REWRITE
    assert decide(POLICY, evidence(match(60)), POLICY.use).action is Action.ATTRIBUTE


def test_a_long_near_copy_stops_by_its_score_alone() -> None:
    verdict = decide(POLICY, evidence(match(300)), POLICY.use)
    assert verdict.action is Action.REWRITE
    assert all("standing score" in reason for reason in verdict.reasons)


def test_words_of_near_copies_count_in_no_limit_of_exact_ones() -> None:
    near, exact = match(110), match(20, "verbatim", at=500)
    verdict = decide(POLICY, evidence(near, exact), POLICY.use)
    assert not any("limit" in reason for judged in verdict.matches for reason in [judged.reason])


def test_words_that_both_hold_count_once() -> None:
    both = evidence(match(60, "verbatim"), match(80))
    assert amounts(both, with_grounded=False)["book"].words == 80


def test_a_near_copy_of_most_of_a_work_is_blocked_by_the_rule_for_that() -> None:
    assert decide(POLICY, evidence(match(60, work=SHORT)), POLICY.use).action is Action.BLOCK


@pytest.mark.parametrize(("words", "expected"), [(12, Action.PASS), (20, Action.ATTRIBUTE)])
def test_floors_hold_for_near_copies(words: int, expected: Action) -> None:
    assert decide(POLICY, evidence(match(words)), POLICY.use).action is expected


def test_a_rule_may_name_the_detector() -> None:
    policy = replace(POLICY, rules=(Rule(When(detector=("near",)), Action.ATTRIBUTE),))
    assert decide(policy, evidence(match(300)), policy.use).action is Action.ATTRIBUTE


def test_a_live_near_match_may_grow_by_its_reach_at_once() -> None:
    (near,) = grown(evidence(match(30, live=True)), 1).matches
    assert near.counted == 30 + 1 + NEAR_REACH
    words = 30
    while not decide(POLICY, evidence(match(words)), POLICY.use).action.stops:
        words += 1
    assert allowance(POLICY, evidence(match(30, live=True)), POLICY.use) == words - 1 - 30 - NEAR_REACH
    assert allowance(POLICY, evidence(match(words - 10, live=True)), POLICY.use) == 0
