"""How far live matches may grow before a judge must be asked again."""

from dataclasses import replace

from indexes.model import Stretch
from policies.engine import allowance
from policies.load import find
from policies.model import Action, Use
from tests.support.evidence import a_match, a_work, action, evidence_of, of_stretches, policy_of

BALANCED = find("balanced")
OWN = a_work(id="ours", tags=("own",))
BOOK = a_work()


def test_a_run_may_grow_to_its_limit() -> None:
    said = evidence_of(a_match(words=10, live=True), closed=False)
    assert allowance(BALANCED, said, BALANCED.use) == 30
    assert allowance(BALANCED, evidence_of(closed=False), BALANCED.use) == 4096
    assert allowance(BALANCED, evidence_of(a_match(words=10), closed=False), BALANCED.use, cap=7) == 7


def test_common_words_at_the_end_may_yet_count() -> None:
    stretches = (Stretch(0, 0, 30), Stretch(30, 30, 6, common=True))
    match = of_stretches(BOOK, stretches, live=True)
    assert allowance(BALANCED, evidence_of(match, closed=False), BALANCED.use) == 4
    early = of_stretches(BOOK, (Stretch(0, 0, 6, common=True), Stretch(6, 6, 30)), live=True)
    assert allowance(BALANCED, evidence_of(early, closed=False), BALANCED.use) == 10


def test_common_words_before_the_text_of_the_request_may_yet_count() -> None:
    before = of_stretches(BOOK, (Stretch(0, 0, 38), Stretch(38, 38, 4, common=True)))
    given = a_match(words=2, at=42, source=42, grounded=True, live=True)
    said = evidence_of(before, given, closed=False)
    assert action(said) is not Action.REWRITE
    assert allowance(BALANCED, said, BALANCED.use) == 0


def test_own_work_may_end_before_the_other() -> None:
    said = evidence_of(a_match(words=60, live=True), a_match(OWN, words=60, live=True), closed=False)
    assert action(said) is Action.PASS
    assert allowance(BALANCED, said, BALANCED.use) == 0


def test_growth_may_be_new_to_the_work_though_it_seems_not_to_be() -> None:
    runs = [a_match(words=40, source=source, at=source) for source in (0, 100, 210)]
    live = a_match(words=8, source=92, at=400, live=True)
    assert allowance(policy_of("limits: {text: {words: 90}}"), evidence_of(*runs[:2], live, closed=False), Use()) == 32


def test_the_heart_may_come_next() -> None:
    work = a_work(market="in_print", heart=((300_000, 300_100),))
    policy = policy_of("factors: {purpose: 0, nature: 0, amount: 1, market: 0}")
    live = evidence_of(a_match(work, words=20, live=True), closed=False)
    assert allowance(policy, live, policy.use) == 0
    past = replace(work, heart=((0, 100),))
    assert allowance(policy, evidence_of(a_match(past, words=20, live=True), closed=False), policy.use) > 0


def test_the_text_of_the_request_may_end_before_the_copy_does() -> None:
    given = a_match(words=50, source=9000, at=500, grounded=True, live=True)
    for runs, left in (((40, 40, 40), 0), ((40, 40, 30), 10), ((), 40)):
        before = [a_match(words=words, source=at * 500) for at, words in enumerate(runs)]
        assert allowance(BALANCED, evidence_of(*before, given, closed=False), BALANCED.use) == left


def test_what_a_rule_lets_pass_may_grow_for_ever() -> None:
    free = a_work(license="CC0-1.0")
    assert allowance(BALANCED, evidence_of(a_match(free, words=30, live=True), closed=False), BALANCED.use) == 4096


def test_the_allowance_up_to_a_block_is_at_least_that_up_to_a_rewrite() -> None:
    said = evidence_of(a_match(words=30, live=True), closed=False)
    assert allowance(BALANCED, said, BALANCED.use, least=Action.REWRITE) == 10
    assert allowance(BALANCED, said, BALANCED.use, least=Action.BLOCK) == 770
