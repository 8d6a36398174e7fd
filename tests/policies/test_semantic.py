"""What policies make of passages in other words: a source, never a stop unless a rule names the detector."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from indexes.model import Match, Span, Work
from policies.engine import decide
from policies.model import Action, Use, Verdict
from policies.policy import Policy
from tests.support.evidence import a_match, a_work, action, evidence_of, policy_of


def retold(probability: float, work: Work | None = None, **facts: Any) -> Match:
    match = a_match(work) if work else a_match()
    return replace(match, detector="semantic", stretches=(), counted=0, probability=probability, **facts)


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.89, Action.PASS), (0.9, Action.ATTRIBUTE), (1.0, Action.ATTRIBUTE)]
)
def test_it_is_attributed_once_it_is_believed(probability: float, expected: Action) -> None:
    assert action(evidence_of(retold(probability)), policy_of("")) is expected


def test_a_rule_that_names_the_detector_may_block_it() -> None:
    policy = policy_of("rules: [{when: {detector: semantic, probability: 0.95}, then: block}]")
    assert action(evidence_of(retold(0.96)), policy) is Action.BLOCK
    assert action(evidence_of(retold(0.94)), policy) is Action.ATTRIBUTE


def test_a_rule_that_does_not_name_it_never_stops_it_and_may_let_it_pass() -> None:
    opted = a_work(opt_out=True, license="CC0-1.0")
    blocking = policy_of("rules: [{when: {opt_out: true}, then: block}]")
    passing = policy_of("rules: [{when: {license: CC0-1.0}, then: pass}]")
    assert action(evidence_of(a_match(opted)), blocking) is Action.BLOCK
    assert action(evidence_of(retold(0.99, opted)), blocking) is Action.ATTRIBUTE
    assert action(evidence_of(retold(0.99, opted)), passing) is Action.PASS


def test_what_was_made_from_the_request_is_grounded() -> None:
    assert action(evidence_of(retold(0.99, grounded=True)), policy_of("")) is Action.PASS
    assert action(evidence_of(retold(0.99, grounded=True)), policy_of("grounded: attribute")) is Action.ATTRIBUTE


def test_it_neither_adds_to_an_exact_match_nor_softens_one() -> None:
    exact = a_match()
    alone = _decide(policy_of(""), exact)
    for beside in (retold(0.1), retold(0.99), retold(0.99, a_work(id="other"))):
        both = _decide(policy_of(""), exact, beside)
        assert (both.score, both.standing_score, both.factors) == (alone.score, alone.standing_score, alone.factors)
        assert both.action.severity >= alone.action.severity


def test_an_own_work_in_other_words_excuses_no_exact_copy() -> None:
    own, strange = a_work(id="mine", tags=("own",)), a_work(id="theirs")
    copy = a_match(strange)
    beside = retold(0.99, own, output=Span(0, copy.output.end + 100))
    policy = policy_of("rules: [{when: {work: theirs}, then: block}]")
    assert action(evidence_of(beside, copy), policy) is Action.BLOCK


def test_an_own_copy_excuses_only_what_lies_within_it() -> None:
    own = a_match(a_work(id="mine", tags=("own",)))
    within, beyond = retold(0.99, a_work(id="theirs")), retold(0.99, a_work(id="theirs"), output=Span(0, 10_000_000))
    assert action(evidence_of(own, within), policy_of("")) is Action.PASS
    assert action(evidence_of(own, beyond), policy_of("")) is Action.ATTRIBUTE


def test_a_record_from_before_there_were_probabilities_still_reads() -> None:
    match = a_match()
    stored = msgspec.to_builtins(match)
    del stored["probability"]
    assert msgspec.convert(stored, Match, strict=False) == match


def _decide(policy: Policy, *matches: Match) -> Verdict:
    return decide(policy, evidence_of(*matches), Use())
