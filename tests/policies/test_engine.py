"""The order in which a match is judged, and what each step reads."""

from dataclasses import replace

import pytest

from indexes.model import Span, Stretch
from policies.load import find
from policies.model import Action, EarlierAmount, Use
from tests.support.evidence import a_match, a_work, action, evidence_of, of_stretches, policy_of, verdict

OWN = a_work(id="ours", tags=("own",))
BOOK = a_work()


def test_nothing_found_passes_with_score_nothing() -> None:
    found = verdict(evidence_of())
    assert (found.action, found.score, found.factors, found.matches) == (Action.PASS, 0.0, {}, ())


# -- limits


@pytest.mark.parametrize(("words", "stops"), [(40, False), (41, True)])
def test_a_run_may_reach_its_limit_and_no_more(words: int, stops: bool) -> None:
    found = verdict(evidence_of(a_match(words=words)))
    assert found.action is (Action.REWRITE if stops else Action.ATTRIBUTE)
    assert not stops or found.reasons == ("a run of 41 words is over the limit of 40",)


def test_common_words_count_in_no_limit() -> None:
    stretches = (Stretch(0, 0, 40), Stretch(40, 40, 100, common=True))
    assert action(evidence_of(of_stretches(BOOK, stretches))) is Action.ATTRIBUTE
    several = [of_stretches(BOOK, (Stretch(0, at, 30), Stretch(30, at + 30, 30, common=True))) for at in (0, 500, 900)]
    assert action(evidence_of(*several)) is Action.ATTRIBUTE
    counted = of_stretches(BOOK, (Stretch(0, 0, 40), Stretch(40, 40, 1), Stretch(41, 41, 60, common=True)))
    assert action(evidence_of(counted)) is Action.REWRITE


@pytest.mark.parametrize(("last", "stops"), [(30, False), (31, True)])
def test_runs_of_one_work_add_up_over_all_channels(last: int, stops: bool) -> None:
    runs = [a_match(words=30, source=at * 500) for at in range(3)]
    said = evidence_of(*runs, a_match(words=last, source=9000, channel="reasoning"))
    assert action(said) is (Action.REWRITE if stops else Action.ATTRIBUTE)


def test_the_same_words_of_a_work_count_once_in_its_total() -> None:
    assert action(evidence_of(*(a_match(words=40, at=at) for at in (0, 100, 200, 300)))) is Action.ATTRIBUTE


def test_runs_of_several_works_do_not_add_up() -> None:
    said = evidence_of(*(a_match(a_work(id=str(number)), words=40) for number in range(5)))
    assert action(said) is Action.ATTRIBUTE


@pytest.mark.parametrize(("words", "stops"), [(30, False), (31, True)])
def test_a_share_of_the_work_is_a_limit(words: int, stops: bool) -> None:
    work = a_work(words=200, nature="factual", market="none")
    found = verdict(evidence_of(a_match(work, words=words)))
    assert found.action.stops == stops
    assert not stops or found.reasons == ("16% of the work is over the limit of 15%",)


def test_a_remnant_too_short_to_be_always_found_is_no_share_of_the_work() -> None:
    work = a_work(words=40, nature="factual")
    policy = policy_of("limits: {text: {words: null, total: null, work_share: 0.15, over: block}}")
    short = [a_match(work, words=7, source=at) for at in (0, 20)]
    assert action(evidence_of(*short), policy) is Action.PASS
    assert action(evidence_of(*short, a_match(work, words=8, source=30)), policy) is Action.BLOCK


def test_half_of_a_short_work_is_a_share_of_it() -> None:
    work = a_work(words=10, form="poem")
    policy = policy_of("limits: {lyrics: {work_share: 0.4}}")
    assert action(evidence_of(a_match(work, words=5)), policy) is Action.BLOCK


def test_two_characters_of_a_script_without_spaces_are_one_word() -> None:
    said = [of_stretches(BOOK, (Stretch(0, 0, tokens, 1),)) for tokens in (81, 82)]
    assert [action(evidence_of(match)) for match in said] == [Action.ATTRIBUTE, Action.REWRITE]


@pytest.mark.parametrize("form", ["poem", "lyrics"])
def test_the_form_of_the_work_chooses_its_limit(form: str) -> None:
    found = [action(evidence_of(a_match(a_work(form=form, words=400), words=words))) for words in (11, 12)]
    assert found == [Action.PASS, Action.BLOCK]
    assert action(evidence_of(a_match(a_work(form="novel"), words=12))) is Action.PASS


@pytest.mark.parametrize(("words", "stops"), [(26, False), (27, True)])
def test_code_is_not_without_a_limit_while_its_words_are_all_we_have(words: int, stops: bool) -> None:
    code = a_work(kind="code", nature="functional", words=4000)
    found = verdict(evidence_of(a_match(code, words=words)))
    assert found.action.stops == stops
    assert not stops or found.reasons == ("a run of 67 lexemes is over the limit of 65",)


def test_the_total_of_code_is_counted_in_lexemes() -> None:
    code = a_work(kind="code", nature="functional", words=4000)
    policy = policy_of("limits: {code: {lexemes: null, total: 100}}")
    assert [action(evidence_of(a_match(code, words=words)), policy).stops for words in (40, 41)] == [False, True]


def test_what_earlier_answers_gave_adds_up_with_this_one() -> None:
    said = evidence_of(a_match(words=30), earlier=(EarlierAmount("a", (Span(5000, 5091),), 2),))
    assert action(said) is Action.REWRITE
    assert action(replace(said, earlier=(EarlierAmount("a", (Span(5000, 5090),), 2),))) is Action.ATTRIBUTE
    assert action(replace(said, earlier=(EarlierAmount("b", (Span(5000, 5091),), 2),))) is Action.ATTRIBUTE


def test_what_is_given_again_is_not_given_twice() -> None:
    said = evidence_of(a_match(words=30), earlier=(EarlierAmount("a", (Span(1000, 1030), Span(2000, 2090)), 2),))
    assert action(said) is Action.ATTRIBUTE


def test_characters_given_earlier_count_half() -> None:
    match = of_stretches(BOOK, (Stretch(0, 0, 60, 1),))
    for units, stops in ((1, False), (2, True), (None, False)):
        said = evidence_of(match, earlier=(EarlierAmount("a", (Span(500, 620),), units),))
        assert action(said).stops == stops


def test_over_a_tenants_budget_the_limit_says_what_happens() -> None:
    said = evidence_of(a_match(words=30), budget_left=(("a", 29),))
    found = verdict(said)
    assert (found.action, found.reasons) == (
        Action.REWRITE,
        ("30 words are over the 29 that are left of the tenant's budget for this work",),
    )
    assert action(replace(said, budget_left=(("a", 30),))) is Action.ATTRIBUTE
    assert action(replace(said, budget_left=(("b", 0),))) is Action.ATTRIBUTE


def test_what_was_charged_before_is_not_charged_again() -> None:
    earlier = (EarlierAmount("a", (Span(5000, 5060),), 2),)
    assert action(evidence_of(a_match(words=30), budget_left=(("a", 30),), earlier=earlier)) is Action.ATTRIBUTE


def test_the_limit_of_a_policy_decides_between_rewrite_and_block() -> None:
    assert action(evidence_of(a_match(words=21)), find("strict")) is Action.BLOCK
    assert action(evidence_of(a_match(words=101)), find("research")) is Action.REWRITE


def test_a_stricter_score_goes_before_the_limit() -> None:
    work = a_work(market="in_print", words=500)
    found = verdict(evidence_of(a_match(work, words=400)), use=Use("reproduction", commercial=True))
    assert found.action is Action.BLOCK
    assert found.reasons[0].startswith("standing score 0.8")


# -- what comes before limits


def test_common_expression_weighs_nothing_and_is_still_reported() -> None:
    match = of_stretches(BOOK, (Stretch(0, 0, 500, common=True),))
    found = verdict(evidence_of(match), find("strict"))
    assert (found.action, found.score, found.matches[0].weight) == (Action.PASS, 0.0, 0.0)
    assert found.reasons[0].startswith("common expression")


def test_common_expression_is_asked_before_grounding_and_rules() -> None:
    work = a_work(opt_out=True)
    match = of_stretches(work, (Stretch(0, 0, 500, common=True),), grounded=True)
    assert action(evidence_of(match), find("strict")) is Action.PASS


@pytest.mark.parametrize(("preset", "expected"), [("balanced", Action.PASS), ("strict", Action.ATTRIBUTE)])
def test_the_users_own_text_is_not_held_against_the_user(preset: str, expected: Action) -> None:
    work = a_work(opt_out=True)
    found = verdict(evidence_of(a_match(work, words=400, grounded=True)), find(preset))
    assert (found.action, found.matches[0].weight) == (expected, 0.0)


def test_what_goes_on_beyond_the_given_text_counts_from_its_first_word() -> None:
    given = a_match(words=400, grounded=True)
    beyond = [a_match(words=words, at=400, source=1400) for words in (40, 41)]
    found = [action(evidence_of(given, match)) for match in beyond]
    assert found == [Action.ATTRIBUTE, Action.REWRITE]


def test_grounded_passages_can_be_judged_like_any_other() -> None:
    policy = policy_of("grounded: judge")
    assert action(evidence_of(a_match(words=41, grounded=True)), policy) is Action.REWRITE


def test_a_run_under_the_floor_weighs_nothing() -> None:
    found = verdict(evidence_of(a_match(words=15)))
    assert (found.action, found.score, found.matches[0].weight) == (Action.PASS, 0.0, 0.0)
    assert found.reasons == ("15 words are under floors.text.words 16 and under half of the work",)
    assert verdict(evidence_of(a_match(words=16))).score > 0


def test_the_floor_does_not_hide_half_of_a_work() -> None:
    policy = policy_of("limits: {text: {work_share: null}}")
    works = [a_work(words=words, market="in_print") for words in (20, 21)]
    found = [verdict(evidence_of(a_match(work, words=10)), policy).score > 0 for work in works]
    assert found == [True, False]


def test_the_floor_does_not_hide_what_is_over_a_limit() -> None:
    runs = [a_match(words=12, source=at * 100) for at in range(11)]
    assert action(evidence_of(*runs)) is Action.REWRITE
    assert action(evidence_of(*runs[:10])) is Action.PASS


# -- own and licensed works


def test_own_work_passes_whatever_limits_and_rules_say() -> None:
    assert action(evidence_of(a_match(OWN, words=4000)), find("strict")) is Action.PASS
    opted_out = replace(OWN, opt_out=True)
    assert action(evidence_of(a_match(opted_out, words=4000)), find("strict")) is Action.PASS


def test_a_rule_for_own_works_is_heeded() -> None:
    policy = policy_of("rules: [{when: {opt_out: true}, then: block}, {when: {own: true}, then: attribute}]")
    own = replace(OWN, opt_out=True)
    assert action(evidence_of(a_match(own, words=400), a_match(words=400)), policy) is Action.ATTRIBUTE


def test_own_work_that_holds_the_whole_span_excuses_the_other() -> None:
    found = verdict(evidence_of(a_match(words=400), a_match(OWN, words=400, source=0)))
    assert found.action is Action.PASS
    assert found.reasons == ("the whole span stands in the own work `ours`", "own work `ours`")


@pytest.mark.parametrize("changes", [{"words": 399}, {"at": 1}, {"channel": "reasoning"}])
def test_own_work_that_holds_part_of_the_span_excuses_nothing(changes: dict[str, object]) -> None:
    own = a_match(OWN, **{"words": 400, **changes})  # type: ignore[arg-type]  # the test names arguments
    assert action(evidence_of(a_match(words=400), own)) is Action.REWRITE


def test_a_word_that_is_bridged_in_the_own_work_is_not_held_by_it() -> None:
    bridged = of_stretches(OWN, (Stretch(0, 0, 200), Stretch(201, 201, 199)))
    assert action(evidence_of(a_match(words=400), bridged)) is Action.REWRITE


def test_licensed_works_pass_or_attribute_before_any_limit() -> None:
    said = evidence_of(a_match(words=400))
    assert action(replace(said, licensed=("a",))) is Action.PASS
    assert action(replace(said, licensed_with_source=("a",))) is Action.ATTRIBUTE
    assert action(replace(said, licensed=("b",))) is Action.REWRITE


# -- several works


def test_one_span_in_several_works_is_one_entry_judged_as_the_strictest() -> None:
    works = [
        a_work(id="old", year=1850, license="GPL-3.0-only"),
        a_work(id="free", license="CC0-1.0"),
        a_work(id="mit-late", year=2001, license="MIT"),
        a_work(id="mit-early", year=1999, license="MIT"),
        a_work(id="strict", opt_out=True, license="LicenseRef-X"),
    ]
    found = verdict(evidence_of(*(a_match(work, words=30) for work in works)))
    assert (found.action, len(found.matches)) == (Action.BLOCK, 1)
    entry = found.matches[0]
    assert (entry.match.work.id, entry.works_count) == ("strict", 5)
    assert [work.id for work in entry.also] == ["free", "mit-early", "mit-late", "old"]


def test_among_works_judged_alike_the_most_permissive_then_the_earliest_is_named_first() -> None:
    works = [a_work(id="late", year=1999), a_work(id="early", year=1880), a_work(id="by", year=2020, license="MIT")]
    for several in (works, works[::-1]):
        entry = verdict(evidence_of(*(a_match(work, words=30) for work in several))).matches[0]
        assert [entry.match.work.id, *(work.id for work in entry.also)] == ["by", "early", "late"]


def test_ten_works_are_named_and_all_are_counted() -> None:
    entry = verdict(evidence_of(*(a_match(a_work(id=f"{number:02}")) for number in range(30)))).matches[0]
    assert (len(entry.also), entry.works_count) == (10, 30)


def test_a_passage_that_stands_twice_in_a_work_names_it_once() -> None:
    entry = verdict(evidence_of(a_match(source=0), a_match(source=5000))).matches[0]
    assert (entry.also, entry.works_count) == ((), 1)


def test_grounded_and_other_matches_are_told_apart() -> None:
    found = verdict(evidence_of(a_match(grounded=True), a_match(a_work(id="b"))))
    assert [entry.match.grounded for entry in found.matches] == [True, False]


def test_shares_are_those_of_the_match() -> None:
    entry = verdict(evidence_of(a_match(a_work(words=400), words=20), words=80)).matches[0]
    assert (entry.output_share, entry.source_share) == (0.25, 0.05)


def test_how_a_match_is_parted_does_not_matter_to_what_holds_it() -> None:
    parted = of_stretches(OWN, (Stretch(0, 0, 150), Stretch(150, 150, 50, common=True), Stretch(200, 200, 200)))
    assert action(evidence_of(a_match(words=400), parted)) is Action.PASS
