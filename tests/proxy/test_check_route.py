"""`POST /v1/fairgate/check`: the verdict on a text, and every way to ask wrongly."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.bench import CLEAN, WORK, Bench, bench, grown
from tests.support.upstream import whole

LONG = " ".join(WORK.split()[100:200])
TEXT = f"{CLEAN} {LONG} {CLEAN}"
PATH = "/v1/fairgate/check"

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("check-route")
    for level in ("minimal", "off"):
        text = f"name: {level}\nannotations: {level}\nlimits: {{text: {{words: 40, over: block}}}}\n"
        (folder / f"{level}.yaml").write_text(text, encoding="utf-8")
    allowed = f'allowed_policies: ["{folder}/minimal.yaml", "{folder}/off.yaml", research]\n'
    with bench(folder, "limits: {body: 65536}\n", allowed=allowed) as made:
        yield made


def asked(served: Bench, **body: Any) -> dict[str, Any]:
    answer = served.post(body, PATH)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_a_copy_is_told_with_its_place_on_both_sides(served: Bench) -> None:
    found = asked(served, content=TEXT)
    [match] = found["matches"]
    assert (found["action"], found["mode"]) == ("block", "enforce")
    assert TEXT[match["start"] : match["end"]] == LONG
    assert WORK[match["source_start"] : match["source_end"]] == LONG
    assert match["delivered"] == [match["start"], match["end"]]
    assert found["reasons"] == ["a run of 100 words is over the limit of 40"]
    assert found["content_filter_results"]["protected_material_text"]["detected"] is True


def test_text_that_copies_nothing_passes(served: Bench) -> None:
    found = asked(served, content=CLEAN)
    assert (found["action"], found["matches"], found["score"]) == ("pass", [], 0.0)
    assert found["content_filter_results"]["protected_material_text"]["detected"] is False
    assert asked(served, content="")["action"] == "pass"


def test_the_verdict_is_that_of_a_whole_answer_with_this_text(served: Bench) -> None:
    found = asked(served, content=LONG[: len(LONG) // 4])
    answer = served.ask(whole(LONG[: len(LONG) // 4]), stream=False).json()["fairgate"]
    same = ("action", "score", "standing_score", "policy", "index", "factors", "unknown", "reasons")
    assert {key: found[key] for key in same} == {key: answer[key] for key in same}


@pytest.mark.parametrize("grounding", [LONG, [CLEAN, LONG]])
def test_what_the_request_gave_is_its_own(served: Bench, grounding: Any) -> None:
    found = asked(served, content=TEXT, grounding=grounding)
    assert found["action"] == "pass"
    assert [match["grounded"] for match in found["matches"]] == [True]


@pytest.mark.parametrize("level", ["minimal", "off"])
def test_a_policy_that_keeps_titles_keeps_them_here_too(served: Bench, level: str) -> None:
    found = asked(served, content=TEXT, policy=level)
    assert set(found) == {"decision_id", "action", "mode", "policy", "content_filter_results"}
    assert "The Work" not in json.dumps(found)
    assert set(found["content_filter_results"]["protected_material_text"]) == {"detected", "filtered"}


WRONG: dict[str, tuple[Any, str | None]] = {
    "no body": (b"", None),
    "no JSON": (b"{", None),
    "not UTF-8": (b'{"content": "\xff"}', None),
    "half a surrogate pair": (b'{"content": "\\ud800"}', None),
    "a list": ([], None),
    "no content": ({}, "content"),
    "content that is null": ({"content": None}, "content"),
    "content that is a number": ({"content": 5}, "content"),
    "an unknown key": ({"content": "x", "polcy": "strict"}, "polcy"),
    "an unknown kind": ({"content": "x", "kind": "music"}, "kind"),
    "an unknown key of use": ({"content": "x", "use": {"why": "x"}}, "use"),
    "commercial that is a word": ({"content": "x", "use": {"commercial": "yes"}}, "use.commercial"),
    "grounding that is a number": ({"content": "x", "grounding": [5]}, "grounding[0]"),
    "nested without end": (b'{"grounding": ' + b"[" * 50_000, None),
    "an image": ({"image": "aGVsbG8="}, "image"),
    "an image by kind": ({"content": "x", "kind": "image"}, "image"),
}


@pytest.mark.parametrize(("body", "param"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_a_400_that_names_the_key(served: Bench, body: Any, param: str | None) -> None:
    answer = served.post(body, PATH)
    assert answer.status_code == 400
    found = answer.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    assert found["type"] == "invalid_request_error"
    if isinstance(body, dict):
        assert found["param"] == param


def test_the_headers_hold_here_too_and_must_agree_with_the_body(served: Bench) -> None:
    assert served.post({"content": TEXT}, PATH, x_fairgate_policy="minimal").json()["policy"].startswith("minimal@")
    assert served.post({"content": "x", "policy": "off"}, PATH, x_fairgate_policy="minimal").status_code == 400
    wrong = {"content": "x", "use": {"purpose": "news"}}
    assert served.post(wrong, PATH, x_fairgate_purpose="parody").json()["error"]["param"] == "use.purpose"
    assert served.post({"content": "x", "policy": "strict"}, PATH).status_code == 403
    assert served.post({"content": "x" * 70_000}, PATH).status_code == 413


def test_it_is_counted_and_takes_no_other_method(served: Bench) -> None:
    before = served.counts()
    asked(served, content=CLEAN)
    assert grown(before, served.counts(), "requests", route=PATH, outcome="completed") == 1
    answer = httpx.get(f"{served.url}{PATH}")
    assert answer.status_code == 405
    assert PATH in answer.json()["error"]["message"]
