"""What holds of every verdict: growth and further matches tighten, and the allowance never promises too much."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.model import Match, Stretch
from policies.engine import allowance, decide
from policies.load import find
from policies.model import Evidence, Use
from policies.policy import Policy
from tests.support.evidence import POLICIES, a_work, evidence, later, matches, of_stretches, some_works

USES = st.sampled_from([Use(), Use("marketing", commercial=True), Use("criticism", commercial=False)])
JUDGES = st.sampled_from([*POLICIES.values(), *(find(name) for name in ("strict", "balanced", "research"))])
TOKENS = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 5]), st.booleans()), max_size=12)


def is_ours(match: Match, said: Evidence) -> bool:
    return "own" in match.work.tags or match.work.id in said.licensed


@settings(max_examples=200, deadline=None)
@given(st.data(), JUDGES, USES, st.booleans())
def test_one_more_match_never_softens_a_verdict(data: st.DataObject, policy: Policy, use: Use, closed: bool) -> None:
    held = data.draw(some_works())
    before = data.draw(evidence(held, closed=closed))
    more = data.draw(matches(held).filter(lambda match: not is_ours(match, before)))
    after = replace(before, matches=(*before.matches, more))
    first, second = decide(policy, before, use), decide(policy, after, use)
    assert second.action.severity >= first.action.severity
    assert second.standing_score >= first.standing_score
    assert second.score >= first.score


@settings(max_examples=200, deadline=None)
@given(st.data(), JUDGES, USES)
def test_a_match_that_grew_never_softens_a_verdict(data: st.DataObject, policy: Policy, use: Use) -> None:
    held = data.draw(some_works())
    before = data.draw(evidence(held, closed=False, least=1))
    grown = tuple(match if is_ours(match, before) else later(match, data.draw(TOKENS)) for match in before.matches)
    first, second = decide(policy, before, use), decide(policy, replace(before, matches=grown), use)
    assert second.action.severity >= first.action.severity
    assert second.standing_score >= first.standing_score


@settings(max_examples=200, deadline=None)
@given(st.data(), JUDGES, USES)
def test_the_close_changes_nothing_about_rewrite_and_block(data: st.DataObject, policy: Policy, use: Use) -> None:
    whole = data.draw(evidence(data.draw(some_works()), closed=True, least=1))
    streamed = replace(whole, closed=False, quotations=())
    first, second = decide(policy, streamed, use), decide(policy, whole, use)
    assert first.action.stops == second.action.stops
    assert not first.action.stops or first.action is second.action
    assert first.standing_score == second.standing_score


@settings(max_examples=200, deadline=None)
@given(st.data(), JUDGES)
def test_the_order_in_which_matches_opened_does_not_matter(data: st.DataObject, policy: Policy) -> None:
    said = data.draw(evidence(data.draw(some_works()), closed=True, least=2))
    turned = replace(said, matches=tuple(reversed(said.matches)))
    first, second = decide(policy, said, policy.use), decide(policy, turned, policy.use)
    assert (first.action, first.score, set(first.reasons)) == (second.action, second.score, set(second.reasons))


@settings(max_examples=300, deadline=None)
@given(st.data(), JUDGES, USES)
def test_no_growth_within_the_allowance_stops_the_text(data: st.DataObject, policy: Policy, use: Use) -> None:
    before = data.draw(evidence(data.draw(some_works()), closed=False, least=1))
    allowed = allowance(policy, before, use)
    assert (allowed == 0) or not decide(policy, before, use).action.stops
    grown = []
    for match in before.matches:
        run = data.draw(st.sampled_from([0, allowed, allowed // 2, min(allowed, 10)])) if match.live else 0
        tokens = data.draw(TOKENS)[: allowed - run] if match.live else []
        grown.append(later(match, tokens, run))
    after = replace(before, matches=tuple(grown))
    assert allowed == 0 or not decide(policy, after, use).action.stops


@pytest.mark.parametrize("policy", [*POLICIES.values(), *(find(name) for name in ("strict", "balanced", "research"))])
@given(st.integers(8, 60), st.booleans(), st.booleans(), st.sampled_from([None, "poem"]), st.sampled_from([40, 9000]))
def test_the_allowance_is_the_most_that_plain_growth_leaves(
    policy: Policy, words: int, opt_out: bool, twice: bool, form: str | None, length: int
) -> None:
    work = a_work(opt_out=opt_out, form=form, words=length, market="in_print")
    first = of_stretches(work, (Stretch(0, 100, words),), live=True)
    second = of_stretches(work, (Stretch(0, 9000, 8),), live=True)
    before = Evidence((first, second) if twice else (first,))
    allowed = allowance(policy, before, policy.use)

    def stops(more: int) -> bool:
        grown = tuple(later(match, [], more) for match in before.matches)
        return decide(policy, replace(before, matches=grown), policy.use).action.stops

    assert 0 <= allowed <= 4096
    assert (allowed == 0 and stops(0)) or not stops(allowed)
    assert allowed == 4096 or stops(allowed + 1)
