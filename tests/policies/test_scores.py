"""Scores: what is read when, and at which value a threshold is reached."""

from dataclasses import replace

import pytest

from indexes.model import Stretch
from policies.model import Action, Quotation, Use
from tests.support.evidence import a_match, a_work, action, evidence_of, of_stretches, policy_of, verdict


def test_unknown_factors_count_half_and_are_listed() -> None:
    work = a_work(nature=None, market=None)
    found = verdict(evidence_of(a_match(work, words=30), closed=False), use=Use())
    assert found.unknown == ("purpose", "nature", "market")
    assert [found.factors[name] for name in found.unknown] == [0.5, 0.5, 0.5]
    known = verdict(evidence_of(a_match(a_work(market="none"), words=30)))
    assert known.unknown == ()


def test_the_score_is_the_highest_of_the_works() -> None:
    mild, grave = a_work(id="mild", nature="functional", market="none"), a_work(id="grave", market="in_print")
    both = verdict(evidence_of(a_match(mild), a_match(grave)))
    alone = [verdict(evidence_of(a_match(work))) for work in (mild, grave)]
    assert alone[0].score < alone[1].score
    assert (both.score, both.factors) == (alone[1].score, alone[1].factors)


def test_what_may_still_change_is_read_at_the_close_alone() -> None:
    match = a_match(words=30)
    said = evidence_of(match, words=40, closed=False)
    streamed = verdict(said)
    bare, mixed = verdict(replace(said, closed=True)), verdict(evidence_of(match, words=3000))
    quoted = Quotation("content", match.output, credited=True, comment_words=100)
    with_source = verdict(evidence_of(match, words=300, quotations=(quoted,)))
    assert streamed.score == streamed.standing_score
    assert bare.standing_score == mixed.standing_score == with_source.standing_score == streamed.standing_score
    assert bare.score > mixed.score > with_source.score


def test_a_quotation_helps_more_with_its_source_and_with_comment() -> None:
    match = a_match(words=30)
    scores = [
        verdict(evidence_of(match, quotations=(Quotation("content", match.output, credited, comment),))).score
        for credited, comment in ((True, 120), (True, 60), (True, 0), (False, 0))
    ]
    assert scores == sorted(set(scores))


def test_a_quotation_helps_only_the_match_that_it_holds() -> None:
    inside, outside = a_match(words=30), a_match(words=30, at=100, source=5000)
    quoted = Quotation("content", inside.output, credited=True, comment_words=300)
    alone = verdict(evidence_of(inside, quotations=(quoted,))).score
    assert verdict(evidence_of(inside, outside, quotations=(quoted,))).score > alone + 0.05
    elsewhere = replace(quoted, channel="reasoning")
    assert verdict(evidence_of(inside, quotations=(elsewhere,))).score > alone


def test_an_answer_made_of_many_works_is_not_new() -> None:
    mosaic = [a_match(a_work(id=str(number)), words=30, at=number * 30) for number in range(10)]
    assert verdict(evidence_of(*mosaic, words=300)).score > verdict(evidence_of(mosaic[0], words=300)).score


def test_text_copied_twice_over_is_copied_once() -> None:
    overlapping = [a_match(words=30, source=source) for source in (0, 5000)]
    doubled = verdict(evidence_of(*overlapping, words=60))
    assert doubled.factors["purpose"] == verdict(evidence_of(overlapping[0], words=60)).factors["purpose"]


def test_the_heart_of_a_work_weighs_like_much_of_it() -> None:
    heart = a_work(heart=((6000, 6120),))
    scores = [verdict(evidence_of(a_match(heart, words=20, source=at))).standing_score for at in (1000, 4000)]
    assert scores[0] > scores[1] + 0.2


def test_common_expression_is_no_part_of_the_heart() -> None:
    heart = a_work(heart=((6000, 6120),))
    common = of_stretches(heart, (Stretch(100, 1000, 20, common=True),))
    copied = a_match(heart, words=20, source=4000)
    alone, beside = (verdict(evidence_of(*several)).standing_score for several in ((copied,), (copied, common)))
    assert alone == beside


def test_a_threshold_is_reached_at_its_own_value() -> None:
    said = evidence_of(a_match(words=30))
    score = verdict(said).score
    at = policy_of(f"thresholds: {{attribute: {score!r}}}")
    over = policy_of(f"thresholds: {{attribute: {score + 1e-9!r}}}")
    assert (action(said, at), action(said, over)) == (Action.ATTRIBUTE, Action.PASS)


@pytest.mark.parametrize("name", ["rewrite", "block"])
def test_rewrite_and_block_compare_the_standing_score(name: str) -> None:
    said = evidence_of(a_match(words=30))
    standing = verdict(said).standing_score
    rest = "block: 1" if name == "rewrite" else f"rewrite: {standing!r}"
    at = policy_of(f"thresholds: {{attribute: 0, {name}: {standing!r}, {rest}}}")
    over = policy_of(f"thresholds: {{attribute: 0, rewrite: {standing + 1e-9!r}, block: {standing + 1e-9!r}}}")
    assert action(said, at) is Action(name)
    assert action(said, over) is Action.ATTRIBUTE


def test_a_use_that_is_not_trusted_moves_no_rule() -> None:
    policy = policy_of("""
        use: {purpose: research, commercial: false}
        rules:
          - {when: {purpose: marketing}, then: pass}
          - {when: {purpose: research}, then: block}
    """)
    said = evidence_of(a_match(words=30))
    declared = Use("marketing", commercial=True, trusted=False)
    assert action(said, policy, declared) is Action.BLOCK
    assert action(said, policy, replace(declared, trusted=True)) is Action.PASS
    tenant = policy_of("rules: [{when: {tenant: acme}, then: block}]")
    assert action(said, tenant, replace(declared, tenant="acme")) is Action.BLOCK
