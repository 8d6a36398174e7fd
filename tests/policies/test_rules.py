"""Rules: every condition, their order, and why a rule for an amount can only tighten."""

import pytest

from policies.model import Action, Use
from tests.support.evidence import a_match, a_work, action, evidence_of, policy_of, verdict


def test_the_first_rule_that_fits_wins() -> None:
    policy = policy_of("rules: [{when: {work: a}, then: attribute}, {when: {kind: text}, then: block}]")
    assert action(evidence_of(a_match(words=400)), policy) is Action.ATTRIBUTE
    assert action(evidence_of(a_match(a_work(id="b"), words=12)), policy) is Action.BLOCK


def test_a_rule_is_the_way_past_a_limit() -> None:
    policy = policy_of("rules: [{when: {holder: Acme}, then: pass}]")
    work = a_work(holder="Acme", market="in_print")
    found = verdict(evidence_of(a_match(work, words=4000)), policy)
    assert (found.action, found.score) == (Action.PASS, 0.0)
    assert found.reasons == ("rule 1 (holder) says pass",)


def test_a_pass_rule_silences_its_own_match_alone() -> None:
    policy = policy_of("rules: [{when: {detector: near}, then: pass}]")
    quiet = a_match(words=400, detector="near")
    assert action(evidence_of(quiet), policy) is Action.PASS
    said = evidence_of(quiet, a_match(words=20, at=1000, source=1000))
    assert action(said, policy) is Action.REWRITE


@pytest.mark.parametrize(
    ("when", "facts", "other"),
    [
        ("kind: [code, text]", {"kind": "text"}, {"kind": "image"}),
        ("form: novel", {"form": "novel"}, {"form": None}),
        ("license: [x, cc-by-4.0]", {"license": "CC-BY-4.0"}, {"license": None}),
        ("license_class: strong-copyleft", {"license": "GPL-3.0-only"}, {"license": "MIT"}),
        ("holder: Acme", {"holder": "Acme"}, {"holder": None}),
        ("work: [z, a]", {"id": "a"}, {"id": "b"}),
        ("tag: [sport, tattoo]", {"tags": ("art", "tattoo")}, {"tags": ("art",)}),
        ("nature: factual", {"nature": "factual"}, {"nature": "creative"}),
        ("market: in_print", {"market": "in_print"}, {"market": None}),
        ("opt_out: true", {"opt_out": True}, {"opt_out": False}),
        ("opt_out: false", {"opt_out": False}, {"opt_out": True}),
        ("own: false", {"tags": ()}, {"tags": ("own",)}),
    ],
)
def test_a_rule_asks_for_facts_of_the_work(when: str, facts: dict[str, object], other: dict[str, object]) -> None:
    policy = policy_of(f"rules: [{{when: {{{when}}}, then: block}}]")
    assert action(evidence_of(a_match(a_work(**facts))), policy) is Action.BLOCK
    assert action(evidence_of(a_match(a_work(**other))), policy) is not Action.BLOCK


@pytest.mark.parametrize(
    ("when", "use", "other"),
    [
        ("purpose: [news, search]", Use("search"), Use("summary")),
        ("commercial: true", Use(commercial=True), Use(commercial=False)),
        ("commercial: false", Use(commercial=False), Use(commercial=None)),
        ("tenant: [acme, globex]", Use(tenant="acme"), Use(tenant="default")),
    ],
)
def test_a_rule_asks_for_facts_of_the_use(when: str, use: Use, other: Use) -> None:
    policy = policy_of(f"rules: [{{when: {{{when}}}, then: block}}]")
    assert action(evidence_of(a_match()), policy, use) is Action.BLOCK
    assert action(evidence_of(a_match()), policy, other) is not Action.BLOCK


def test_a_rule_asks_for_facts_of_the_match() -> None:
    policy = policy_of("""
        grounded: judge
        rules:
          - {when: {grounded: true, detector: [near, verbatim]}, then: block}
          - {when: {detector: semantic, probability: 0.5}, then: block}
    """)
    assert action(evidence_of(a_match(grounded=True)), policy) is Action.BLOCK
    assert action(evidence_of(a_match()), policy) is not Action.BLOCK
    assert action(evidence_of(a_match(detector="semantic")), policy) is not Action.BLOCK


def test_all_conditions_of_a_rule_must_hold() -> None:
    policy = policy_of("rules: [{when: {holder: Acme, market: in_print}, then: block}]")
    works = [a_work(holder="Acme"), a_work(market="in_print"), a_work(holder="Acme", market="in_print")]
    assert [action(evidence_of(a_match(work)), policy) is Action.BLOCK for work in works] == [False, False, True]


@pytest.mark.parametrize(
    ("over", "kind", "under", "beyond"),
    [
        ("words: 20", "text", 20, 21),
        ("lexemes: 50", "code", 20, 21),
        ("total: 20", "text", 20, 21),
        ("work_share: 0.02", "text", 20, 21),
        ("words: 10, work_share: 0.02", "text", 20, 21),
        ("words: 20, work_share: 0.001", "text", 20, 21),
    ],
)
def test_a_rule_asks_for_an_amount(over: str, kind: str, under: int, beyond: int) -> None:
    policy = policy_of(f"rules: [{{when: {{over: {{{over}}}}}, then: block}}]")
    work = a_work(kind=kind, words=1000)
    found = [action(evidence_of(a_match(work, words=words)), policy) is Action.BLOCK for words in (under, beyond)]
    assert found == [False, True]


def test_words_are_asked_of_text_and_lexemes_of_code() -> None:
    words = policy_of("rules: [{when: {over: {words: 8}}, then: block}]")
    lexemes = policy_of("rules: [{when: {over: {lexemes: 8}}, then: block}]")
    text, code = evidence_of(a_match()), evidence_of(a_match(a_work(kind="code")))
    found = [action(said, policy) is Action.BLOCK for policy in (words, lexemes) for said in (text, code)]
    assert found == [True, False, False, True]


def test_a_rule_for_an_amount_softens_neither_limit_nor_later_rule() -> None:
    policy = policy_of("""
        limits: {text: {words: 30, over: block}}
        rules:
          - {when: {license_class: permissive, over: {words: 10}}, then: attribute}
          - {when: {opt_out: true, over: {words: 35}}, then: rewrite}
          - {when: {opt_out: true}, then: block}
    """)
    permissive = a_work(license="MIT")
    found = [action(evidence_of(a_match(permissive, words=words)), policy) for words in (10, 11, 31)]
    assert found == [Action.PASS, Action.ATTRIBUTE, Action.BLOCK]
    opted_out = a_work(opt_out=True)
    assert [action(evidence_of(a_match(opted_out, words=words)), policy) for words in (9, 36)] == [Action.BLOCK] * 2


def test_a_rule_for_an_amount_holds_against_a_milder_rule_after_it() -> None:
    policy = policy_of("""
        rules:
          - {when: {opt_out: true, over: {words: 11}}, then: block}
          - {when: {holder: Acme}, then: pass}
    """)
    work = a_work(opt_out=True, holder="Acme")
    assert [action(evidence_of(a_match(work, words=words)), policy) for words in (11, 12)] == [
        Action.PASS,
        Action.BLOCK,
    ]
