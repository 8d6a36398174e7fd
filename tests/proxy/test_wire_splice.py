"""Adding fields to an answer without touching any other byte of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.errors import WireError
from proxy.wire.splice import Additions, splice

ALL = Additions(
    answer={"fairgate": {"action": "pass"}},
    choices={0: {"content_filter_results": {"ours": 1}}},
    messages={0: {"annotations": [{"n": 2}]}},
)
CHOICE = ',"content_filter_results":{"ours":1}'
MESSAGE = ',"annotations":[{"n":2}]'
ANSWER = ',"fairgate":{"action":"pass"}'


@pytest.mark.parametrize("key", ["delta", "message"])
def test_every_other_byte_stays(key: str) -> None:
    head, text = '{ "id" : "c" ,\n "n": 1.0e0,"choices":[ {"index":0, ', f'"{key}" : {{"content":"caf\\u00e9 }}]" '
    tail, end = '} , "finish_reason": "stop" ', '} ] , "usage":null }\n'
    whole = head + text + tail + end
    cut = len(end) - len(" }\n")
    expected = head + text.rstrip() + MESSAGE + " " + tail.rstrip() + CHOICE + " " + end[:cut] + ANSWER + end[cut:]
    assert splice(whole.encode(), ALL).decode() == expected


def test_what_is_there_is_added_to() -> None:
    body = (
        '{"fairgate":{"action":"block"},"choices":[{"index":0,"content_filter_results":{"hate":0},'
        '"message":{"annotations":[{"n":1}]}}]}'
    )
    assert json.loads(splice(body.encode(), ALL)) == {
        "fairgate": {"action": "pass"},
        "choices": [
            {
                "index": 0,
                "content_filter_results": {"hate": 0, "ours": 1},
                "message": {"annotations": [{"n": 1}, {"n": 2}]},
            }
        ],
    }


@pytest.mark.parametrize("body", ['{"choices":[{"index":0,"delta":null}]}', '{"choices":[{"index":0}]}'])
def test_a_message_is_made_where_there_is_none(body: str) -> None:
    choice = json.loads(splice(body.encode(), ALL))["choices"][0]
    assert choice["delta"] == {"annotations": [{"n": 2}]}


def test_only_the_choice_that_is_meant_changes() -> None:
    body = '{"choices":[{"index":1,"delta":{}},{"delta":{},"index":0},{"index":2,"delta":{}}]}'
    one, zero, two = json.loads(splice(body.encode(), ALL))["choices"]
    assert (one, two) == ({"index": 1, "delta": {}}, {"index": 2, "delta": {}})
    assert zero["content_filter_results"] == {"ours": 1}


def test_nothing_to_add_changes_nothing() -> None:
    body = b' {"choices" : [ ] } '
    assert splice(body, Additions()) == body
    assert splice(b"{}", Additions(answer={"a": 1})) == b'{"a":1}'


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"choices":["x"]}', b"[" * 100_000])
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="no JSON object"):
        splice(body, ALL)


KEYS = st.text(st.sampled_from(['"', "\\", "{", "}", "[", "]", ",", ":", "\u00e9", "a"]), max_size=5)
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), KEYS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES), st.sampled_from([None, 2]), st.booleans())
def test_taking_the_additions_away_gives_the_answer_back(
    fields: dict[str, Any], message: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    answer = {**fields, "choices": [{"index": 0, "delta": message}, {"index": 1, "delta": message}]}
    raw = json.dumps(answer, indent=indent, ensure_ascii=ascii_only)
    out = splice(raw.encode(), ALL).decode()
    assert json.loads(out)["fairgate"] == {"action": "pass"}
    for added in (ANSWER, CHOICE, MESSAGE):
        assert out.count(added if message or added != MESSAGE else added[1:]) == 1
        out = out.replace(added if message or added != MESSAGE else added[1:], "")
    assert out == raw
