"""A policy file is read strictly: what is wrong is refused with its line and what to write instead."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from indexes.errors import UsageError
from policies.load import find, load, presets
from policies.model import Action, Use
from policies.policy import Budget, Limit, Over, Policy, Rule, Thresholds, When
from tests.support.evidence import policy_of

HEAD = "name: mine\n"
"""The line before each text that is tested, so that what is wrong stands on line 2 or later."""


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        policy_of(HEAD + text)
    said = str(caught.value)
    assert said.startswith("made.yaml:")
    assert "\n" not in said
    return said.removeprefix("made.yaml:")


FAULTS = yaml.safe_load((Path(__file__).parents[1] / "cases/policy_faults.yaml").read_text("utf-8"))
ALIASES = "".join(f"k{at}: &{after} [{f'*{before},' * 10}]\n" for at, (before, after) in enumerate(pairwise("abcdefg")))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["says"][:60])
def test_a_fault_is_refused_with_its_line_its_key_and_what_to_write(fault: dict[str, str]) -> None:
    said = refusal(fault["of"])
    assert said.startswith(fault["says"])
    assert said == fault["says"] or len(fault["says"]) >= 100


def test_a_file_that_would_swell_is_refused() -> None:
    assert refusal("mode: &a [1,1,1,1,1,1,1,1,1,1]\n" + ALIASES).endswith("values; an alias may repeat too much")
    assert refusal(f"mode: {'[' * 5000}").endswith(": is nested too deeply; keep to 32 levels")


def test_what_a_test_expects_and_uses_is_checked() -> None:
    said = "tests: [{name: one, match: {words: 9}, expect: passes}]"
    assert refusal(said).startswith("2: tests[0].expect: `passes` cannot stand here; did you mean `pass`?")
    said = "tests: [{name: one, match: {words: 9}, expect: []}]"
    assert refusal(said) == "2: tests[0].expect: expects nothing; write an action, or a list of them"
    said = "tests: [{name: one, match: {words: 9}, use: {purpose: serch}, expect: pass}]"
    assert refusal(said).startswith("2: tests[0].use.purpose: `serch` is no known purpose")


@pytest.mark.parametrize("text", ["- a\n- b", "5", "plain words"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^made.yaml:1: holds no mapping; write `key: value` lines$"):
        policy_of(text)


def test_a_name_that_could_be_mistaken_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^made.yaml:1: name: `My Policy` cannot stand here; write a name of lower-case"
    ):
        policy_of("name: My Policy")


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"name: mine\nmessage: caf\xe9\n")
    with pytest.raises(UsageError) as caught:
        load(file)
    assert str(caught.value) == f"{file}:2: is not UTF-8 text (byte 23); save it as UTF-8"


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mine.yaml: cannot be read \(no such file or directory\)$"):
        find(str(tmp_path / "mine.yaml"))
    with pytest.raises(UsageError, match=r"cannot be read \(is a directory\)$"):
        find(str(tmp_path))


def test_a_name_that_is_no_preset_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"^no policy `balancd`: name a file or one of balanced, research, strict$"):
        find("balancd")


# -- what is right


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"\xef\xbb\xbfmode: monitor\n")
    assert (load(file).name, load(file).mode) == ("mine", "monitor")


def test_off_is_a_word() -> None:
    assert policy_of("annotations: off").annotations == "off"


def same_content(policy: Policy) -> tuple[object, ...]:
    return policy.mode, policy.limits, policy.floors, policy.factors, policy.thresholds, policy.rules, policy.grounded


def test_absent_keys_take_the_value_they_have_in_balanced() -> None:
    assert same_content(policy_of("name: mine")) == same_content(find("balanced"))
    assert same_content(policy_of("")) == same_content(find("balanced"))
    partly = policy_of("limits: {text: {words: 100}}\nthresholds: {block: 0.9}")
    assert partly.limits.text == Limit(100, 120, 0.15, Action.REWRITE)
    assert partly.limits.lyrics == find("balanced").limits.lyrics
    assert partly.thresholds == Thresholds(0.25, 0.6, 0.9)


def test_over_is_block_where_neither_the_policy_nor_balanced_says_it() -> None:
    limits = policy_of("limits: {code: {lexemes: 80}}").limits
    assert (limits.text.over, limits.lyrics.over, limits.code.over) == (Action.REWRITE, Action.BLOCK, Action.BLOCK)


def test_null_means_no_such_limit() -> None:
    limits = policy_of("limits: {text: {words: null}, lyrics: null}").limits
    assert limits.text == Limit(None, 120, 0.15, Action.REWRITE)
    assert limits.lyrics == Limit()


def test_rules_replace_those_of_balanced() -> None:
    assert policy_of("rules: []").rules == ()
    assert len(policy_of("rules: [{when: {kind: text}, then: pass}]").rules) == 1


def test_the_tests_of_balanced_are_its_own() -> None:
    assert policy_of("name: mine").tests == ()


def test_weights_are_shares_of_their_sum() -> None:
    assert policy_of("factors: {purpose: 2, nature: 1, amount: 4, market: 1}").factors == {
        "purpose": 0.25,
        "nature": 0.125,
        "amount": 0.5,
        "market": 0.125,
    }


def test_every_key_is_read() -> None:
    policy = policy_of("""
        name: all
        mode: annotate
        on_error: pass
        use: {purpose: research, commercial: false, audience: staff}
        limits:
          text: {words: 10, total: 20, work_share: 0.1, over: block}
          lyrics: {words: 8, total: 9, over: rewrite}
          code: {lexemes: 40, total: 80, work_share: 0.2}
          image: {pdq: 20, l2: 0.1, over: rewrite}
        floors: {text: {words: 9}, code: {lexemes: 12}}
        thresholds: {attribute: 0.1, rewrite: 0.2, block: 0.3}
        grounded: judge
        annotations: minimal
        rules:
          - when: {kind: text, form: [a, b], license: CC-BY-4.0, license_class: permissive, holder: h, work: w, tag: t,
                   nature: factual, market: none, opt_out: true, own: false, grounded: true, detector: near,
                   purpose: p, commercial: true, tenant: x, over: {words: 1, total: 3, work_share: 0.4},
                   probability: 0.5}
            then: block
        budget: {work_share: 0.05, words: 800, window: 1.5h}
        semantic: {hold: sentence}
        rewrite: {tries: 3, upstream: other, fallback: block}
        attribution: {footnote: true, dialects: [gemini]}
        message: no
        contact: a@b.example
        tests: [{name: t, match: {words: 9}, use: {tenant: x}, expect: [pass, attribute]}]
    """)
    when = When(
        kind=("text",), form=("a", "b"), license=("cc-by-4.0",), license_class=("permissive",), holder=("h",),
        work=("w",), tag=("t",), nature=("factual",), market=("none",), opt_out=True, own=False, grounded=True,
        detector=("near",), purpose=("p",), commercial=True, tenant=("x",), over=Over(1, None, 3, 0.4), probability=0.5,
    )  # fmt: skip
    assert policy.rules == (Rule(when, Action.BLOCK),)
    assert (policy.name, policy.mode, policy.on_error) == ("all", "annotate", "pass")
    assert policy.use == Use("research", commercial=False, audience="staff")
    limits = policy.limits
    assert limits.text == Limit(10, 20, 0.1, Action.BLOCK)
    assert limits.lyrics == Limit(8, 9, 0.7, Action.REWRITE)
    assert limits.code == Limit(40, 80, 0.2, Action.BLOCK)
    assert (limits.image.pdq, limits.image.l2, limits.image.over) == (20, 0.1, Action.REWRITE)
    assert policy.floors == {"text": 9, "code": 12}
    assert policy.thresholds == Thresholds(0.1, 0.2, 0.3)
    assert policy.budget == Budget(0.05, 800, 5400.0)
    assert (policy.hold, policy.annotations, policy.grounded) == ("sentence", "minimal", "judge")
    assert (policy.rewrite.tries, policy.rewrite.upstream, policy.rewrite.fallback) == (3, "other", "block")
    assert (policy.attribution.footnote, policy.attribution.dialects) == (True, ("gemini",))
    assert (policy.message, policy.contact) == ("no", "a@b.example")
    assert (policy.tests[0].expect, policy.tests[0].line) == ((Action.PASS, Action.ATTRIBUTE), 27)


# -- revision


SAID = (
    "limits: {text: {words: 50, over: block}}\nrules: [{when: {holder: Acme, kind: text}, then: pass}]\nmode: monitor\n"
)


@pytest.mark.parametrize(
    "again",
    [
        "# a note\n" + SAID,
        "mode:   monitor\n" + "\n".join(reversed(SAID.splitlines()[:2])).replace("text}", "[text]}"),
        SAID + "tests: [{name: t, match: {words: 9}, expect: pass}]\n",
        SAID + "thresholds: {block: 0.80}\n",
        SAID.replace("monitor", "'monitor'"),
    ],
)
def test_the_revision_depends_on_what_is_said_and_not_on_how(again: str) -> None:
    assert policy_of(again).label == policy_of(SAID).label


@pytest.mark.parametrize(
    "other",
    [
        SAID.replace("50", "51"),
        SAID.replace("Acme", "acme"),
        SAID.replace("pass", "attribute"),
        SAID + "contact: a@b.example",
        SAID + "thresholds: {block: 0.81}",
    ],
)
def test_another_content_has_another_revision(other: str) -> None:
    assert policy_of(other).revision != policy_of(SAID).revision


def test_the_order_of_rules_is_content() -> None:
    rules = ["{when: {kind: text}, then: pass}", "{when: {kind: code}, then: block}"]
    found = {policy_of(f"rules: [{', '.join(each)}]").revision for each in (rules, rules[::-1])}
    assert len(found) == 2


def test_every_preset_can_be_found_by_name() -> None:
    assert presets() == ("balanced", "research", "strict")
    assert [find(name).name for name in presets()] == list(presets())
