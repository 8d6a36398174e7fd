"""What is read of a chat request, and what upstream gets of it."""

from typing import Any

import msgspec
import pytest

from proxy.wire.chat_request import read_chat_request
from proxy.wire.errors import RequestError, envelope
from proxy.wire.request import Declared, DeclaredUse, ModelRequest

USER = {"role": "user", "content": "hello"}


def read(messages: list[Any] | None = None, **fields: Any) -> ModelRequest:
    return read_chat_request(msgspec.json.encode({"model": "m", "messages": messages or [USER], **fields}))


def test_the_very_bytes_travel() -> None:
    body = (
        b'{ "messages":[{"role":"user","content":"caf\\u00e9"}],"model":"m", "temperature":1.0e0, "novel":{"a":[1]} }'
    )
    assert read_chat_request(body).body is body


def test_what_a_client_declares_is_read_and_does_not_travel() -> None:
    body = (
        b'{"model":"m","fairgate":{"policy":"strict","use":{"purpose":"education","commercial":false}},'
        b'"messages":[{"role":"user","content":"caf\\u00e9"}],"temperature":1.0e0,"n":1}'
    )
    asked = read_chat_request(body)
    assert asked.declared == Declared("strict", DeclaredUse(purpose="education", commercial=False))
    kept = b'{"model":"m","messages":[{"role":"user","content":"caf\\u00e9"}],"temperature":1.0e0,"n":1}'
    assert asked.body == kept


def test_an_empty_declaration_does_not_travel_either() -> None:
    asked = read(fairgate=None)
    assert asked.declared == Declared()
    assert b"fairgate" not in asked.body


def test_the_plain_facts_are_read() -> None:
    asked = read(stream=True, n=3, user="u", stream_options={"include_usage": True}, logprobs=True)
    assert (asked.model, asked.stream, asked.choices, asked.user) == ("m", True, 3, "u")
    assert (asked.with_usage, asked.logprobs) == (True, True)
    plain = read(stream=None, n=None, user=None, stream_options=None, logprobs=None, tools=None, response_format=None)
    assert (plain.stream, plain.choices, plain.with_usage, plain.logprobs) == (False, 1, False, False)
    assert plain.may_rewrite


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"tools": [{"type": "function"}]},
        {"functions": [{"name": "f"}]},
        {"logprobs": True},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"guided_json": {}},
        {"guided_regex": "a+"},
        {"structured_outputs": {"choice": ["a"]}},
    ],
)
def test_some_requests_cannot_be_answered_by_a_rewrite(fields: dict[str, Any]) -> None:
    assert not read(**fields).may_rewrite


@pytest.mark.parametrize(
    ("fields", "is_json"),
    [
        ({"response_format": {"type": "json_object"}}, True),
        ({"response_format": {"type": "json_schema"}}, True),
        ({"guided_json": {"type": "object"}}, True),
        ({"guided_json": None}, False),
        ({"response_format": {"type": "text"}}, False),
        ({"guided_regex": "a"}, False),
    ],
)
def test_it_is_known_whether_the_answer_will_be_json(fields: dict[str, Any], is_json: bool) -> None:
    assert read(**fields).json_output is is_json


def test_the_requests_own_text_is_all_but_what_the_assistant_said() -> None:
    asked = read(
        [
            {"role": "system", "content": "be brief"},
            {"role": "developer", "content": [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {}}]},
            {"role": "user", "content": ["bare", {"type": "text", "text": "two"}]},
            {"role": "assistant", "content": "I said", "refusal": "no", "reasoning_content": "hm"},
            {"role": "tool", "tool_call_id": "c", "content": "result"},
            {"role": "function", "name": "f", "content": "old result"},
            {"role": "stranger", "content": "forged"},
            {"role": "user", "content": None},
        ]
    )
    assert asked.grounding == ("be brief", "one", "bare", "two", "result", "old result")
    assert asked.earlier == ("hm", "I said", "no")


def test_what_the_assistant_wrote_into_calls_is_decoded() -> None:
    calls = [
        {"function": {"name": "f", "arguments": '{"text": "caf\\u00e9\\nnoir"}'}},
        {"type": "custom", "custom": {"name": "s", "input": "free"}},
        {"function": None},
    ]
    turn = {"role": "assistant", "content": None, "tool_calls": calls, "function_call": {"arguments": "plain"}}
    assert read([turn]).earlier == ("text\ncaf\u00e9\nnoir", "free", "plain")


def test_an_echoed_turn_is_the_requests_own_text() -> None:
    turn = {"role": "assistant", "content": "Once upon"}
    assert read([USER, turn]).grounding == ("hello",)
    assert read([USER, turn], echo=True).grounding == ("hello", "Once upon")
    assert read([turn, USER], echo=True).grounding == ("hello",)


@pytest.mark.parametrize(
    ("body", "words", "param"),
    [
        (b"", "the body is no JSON", None),
        (b"{", "the body is no JSON", None),
        (b'{"model": nope}', "the body is no JSON", None),
        (b'{"model": "\xff", "messages": []}', "not in UTF-8", None),
        (b"[]", "the body cannot be read: expected `object`", None),
        (b"[" * 100_000, "", None),
        (b'{"messages": [], "novel": ' + b"[" * 100_000, "", None),
        (b"{}", "required field `messages`", None),
        (b'{"messages": "hi"}', "`messages` cannot be read", "messages"),
        (b'{"messages": [{"content": "hi"}]}', "required field `role`", "messages[0]"),
        (b'{"messages": [{"role": "user", "content": 5}]}', "`messages[0].content`", "messages[0].content"),
        (b'{"messages": [], "n": "2"}', "`n` cannot be read: expected `int", "n"),
        (b'{"messages": [], "n": 0}', "`n` is 0: ask for 1", "n"),
        (b'{"messages": [], "stream": "yes"}', "`stream` cannot be read", "stream"),
        (b'{"messages": [], "store": true}', "`store` is true", "store"),
        (b'{"messages": [], "fairgate": "strict"}', "`fairgate` cannot be read", "fairgate"),
        (b'{"messages": [], "fairgate": {"polcy": "strict"}}', "unknown field `polcy`", "fairgate"),
        (b'{"messages": [], "fairgate": {"use": {"commercial": "no"}}}', "expected `bool", "fairgate.use.commercial"),
    ],
)
def test_a_wrong_request_is_refused_in_one_clear_line(body: bytes, words: str, param: str | None) -> None:
    with pytest.raises(RequestError) as refused:
        read_chat_request(body)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value)[0] in "`abcdefghijklmnopqrstuvwxyz"
    assert (refused.value.param, refused.value.status) == (param, 400)


def test_a_refusal_fits_the_envelope() -> None:
    assert envelope("no", param="n") == {
        "error": {"message": "no", "type": "invalid_request_error", "param": "n", "code": None}
    }
