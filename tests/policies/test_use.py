"""What a caller may say of the use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.engine import decide
from policies.factors import PURPOSES
from policies.load import find
from policies.model import Use
from policies.use import combine_use
from tests.support.evidence import POLICIES, evidence, some_works

BASE = Use("search", commercial=False, audience="staff", tenant="default")
PURPOSE = st.sampled_from([*PURPOSES, "unknown", "knitting"])
COMMERCIAL = st.sampled_from([None, True, False])


def test_what_is_not_declared_stays_as_the_policy_says() -> None:
    for may_declare in (True, False):
        found = combine_use(BASE, Use(tenant="acme", project_license="MIT"), may_declare=may_declare)
        assert found == Use("search", commercial=False, audience="staff", project_license="MIT", tenant="acme")


@pytest.mark.parametrize(
    ("declared", "purpose", "commercial"),
    [
        (Use("criticism", commercial=False), "search", False),
        (Use("marketing", commercial=True), "marketing", True),
        (Use("knitting"), "knitting", False),
        (Use("unknown", commercial=True), "search", True),
    ],
)
def test_a_caller_who_may_not_declare_is_believed_against_itself_alone(
    declared: Use, purpose: str, commercial: bool
) -> None:
    found = combine_use(BASE, declared, may_declare=False)
    assert (found.purpose, found.commercial) == (purpose, commercial)
    assert found.trusted == ((purpose, commercial) == ("search", False))


def test_a_caller_who_may_declare_is_believed() -> None:
    found = combine_use(Use("marketing", commercial=True), Use("criticism", commercial=False), may_declare=True)
    assert (found.purpose, found.commercial, found.trusted) == ("criticism", False, True)


def test_an_unknown_commercial_use_is_not_made_less_so_by_a_caller() -> None:
    assert combine_use(Use(), Use(commercial=False), may_declare=False).commercial is None
    assert combine_use(Use(), Use(commercial=True), may_declare=False).commercial is True
    assert combine_use(Use(), Use(commercial=False), may_declare=True).commercial is False


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([*POLICIES.values(), find("balanced"), find("strict")]), st.booleans())
def test_declaring_never_lowers_a_score_or_softens_a_verdict(data: st.DataObject, policy, closed: bool) -> None:
    base = Use(data.draw(PURPOSE), data.draw(COMMERCIAL))
    declared = Use(data.draw(PURPOSE), data.draw(COMMERCIAL))
    said = data.draw(evidence(data.draw(some_works()), closed=closed, least=1))
    silent = decide(policy, said, combine_use(base, Use(), may_declare=False))
    spoken = decide(policy, said, combine_use(base, declared, may_declare=False))
    assert spoken.score >= silent.score
    assert spoken.standing_score >= silent.standing_score
    if base == policy.use:
        assert spoken.action.severity >= silent.action.severity
