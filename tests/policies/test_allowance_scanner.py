"""The allowance against a real scanner: what it lets grow unasked never turns out to have needed a stop."""

from hypothesis import event, given, settings
from hypothesis import strategies as st

from indexes.base import Scanner
from indexes.model import Match
from policies.engine import allowance, decide
from policies.model import ChannelSize, Evidence
from policies.policy import Policy
from tests.support.evidence import policy_of
from tests.support.planted import Case, cases, indexed

BY_LIMITS_ALONE = "rules: []\nthresholds: {attribute: 0, rewrite: 1, block: 1}\n"
POLICIES = [
    policy_of(BY_LIMITS_ALONE + "limits: {text: {words: 12, total: 20, work_share: null}}"),
    policy_of(BY_LIMITS_ALONE + "limits: {text: {words: 9, total: null, work_share: null}}"),
    policy_of("rules: [{when: {over: {words: 10}}, then: block}]\nlimits: {text: null}"),
    policy_of("grounded: judge\nlimits: {text: {words: 15}}"),
    policy_of("name: balanced"),
]


@settings(max_examples=150, deadline=None)
@given(cases(), st.sampled_from(POLICIES))
def test_what_the_allowance_lets_grow_never_needed_a_stop(case: Case, policy: Policy) -> None:
    scanner = indexed(case.works)[0].scanner("content", case.requests)
    left, known, stopped, asked = 0, frozenset[object](), False, 0
    for evidence in stops(scanner, case.text):
        verdict = decide(policy, evidence, policy.use)
        assert verdict.action.stops or not stopped
        stopped = verdict.action.stops
        before, known = known, frozenset(_key(match) for match in evidence.matches)
        if known <= before and left > 0:
            assert not stopped
            left, asked = left - 1, asked + 1
        else:
            left = allowance(policy, evidence, policy.use)
            assert not (stopped and left)
    event(f"stopped: {stopped}, grew unasked: {asked > 0}")


def stops(scanner: Scanner, text: str):
    """The evidence at each token at which a match opened or grew, and at the end."""
    at = scanner.step(text)
    while at < len(text):
        yield Evidence(scanner.matches, (ChannelSize("content", scanner.words, at),))
        at = scanner.step(text, at)
    scanner.close()
    yield Evidence(scanner.matches, (ChannelSize("content", scanner.words, len(text)),))


def _key(match: Match) -> tuple[str, int, int, bool]:
    return match.work.id, match.output.start, match.source.start, match.grounded
