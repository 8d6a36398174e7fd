"""Reading an ordinary event by what the one before it looked like, instead of parsing it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.wire.chat import ChatReader
from proxy.wire.chunk import Token
from proxy.wire.completions import CompletionReader
from proxy.wire.fields import CONTENT, REASONING
from proxy.wire.template import Template


def event(body: dict[str, Any], *, escaped: bool = False) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=escaped).encode("utf-8", "surrogatepass") + b"\n\n"


def chat(text: str, key: str = "content", **more: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {key: text}, "finish_reason": None}], **more}


def learned(first: bytes, reader: ChatReader | CompletionReader | None = None) -> Template:
    reader = reader or ChatReader()
    template = Template(reader.token)
    token = reader.token(first[6:-2])
    assert token is not None
    template.learn(first, token)
    return template


@given(text=st.text(min_size=1), escaped=st.booleans(), key=st.sampled_from(["content", "reasoning"]))
@example(text='", "refusal": "no', escaped=False, key="content")
@example(text="\\u0041", escaped=False, key="content")
@example(text="\u2028", escaped=False, key="content")
@example(text="\x7f", escaped=False, key="content")
def test_what_is_read_at_a_glance_is_what_parsing_reads(text: str, escaped: bool, key: str) -> None:
    template = learned(event(chat(" word", key)))
    if any("\ud800" <= char <= "\udfff" for char in text) and not escaped:
        return
    raw = event(chat(text, key), escaped=escaped)
    read = template.text(raw)
    if read is not None:
        token = Token(template.choice, template.channel, read)
        assert token == ChatReader().token(raw[6:-2]) == Token(0, CONTENT if key == "content" else REASONING, text)
    elif text.isascii() and text.isalnum():
        pytest.fail("an ordinary event was not read at a glance")


@given(inside=st.binary(max_size=8))
def test_bytes_that_are_no_text_are_left_to_the_parser(inside: bytes) -> None:
    first = event(chat(" word"))
    template = learned(first)
    raw = first.replace(b" word", inside)
    read, token = template.text(raw), ChatReader().token(raw[6:-2])
    assert read is None or token == Token(0, CONTENT, read)


@pytest.mark.parametrize(
    "other",
    [
        event(chat(" next", usage={"total_tokens": 3})),
        event(chat(" next") | {"id": "other"}),
        event({**chat(" next"), "choices": [{"index": 1, "delta": {"content": " next"}, "finish_reason": None}]}),
        event({**chat(" next"), "choices": [{"index": 0, "delta": {"content": " next"}, "finish_reason": "stop"}]}),
        event(chat(" next", "refusal")),
        event(chat(" next")) + event(chat(" more")),
        event(chat(" next"))[:-1],
        b": alive\n\n" + event(chat(" next")),
        event(chat("")),
        b"data: [DONE]\n\n",
        b"",
    ],
)
def test_an_event_that_differs_in_anything_else_is_not_read(other: bytes) -> None:
    assert learned(event(chat(" word"))).text(other) is None


def test_a_text_that_stands_elsewhere_too_is_not_learned_in_the_wrong_place() -> None:
    for first in (event(chat("m")), b'data: {"model":" a","choices":[{"index":0,"delta":{"content":"\\u0020a"}}]}\n\n'):
        assert learned(first).text(first.replace(b'"m"', b'"x"', 1).replace(b'" a"', b'"x"', 1)) is None


def test_a_server_whose_events_each_differ_is_given_up_on() -> None:
    reader = ChatReader()
    template = Template(reader.token)
    for number in range(10):
        raw = event(chat(" word", obfuscation="x" * number))
        token = reader.token(raw[6:-2])
        assert token is not None
        assert template.text(raw) is None
        template.learn(raw, token)
    assert template.text(event(chat(" next", obfuscation="x" * 9))) is None


def test_text_completions_are_read_so_too() -> None:
    def body(text: str) -> dict[str, Any]:
        return {"id": "c", "choices": [{"index": 0, "text": text, "finish_reason": None}]}

    template = learned(event(body(" word")), CompletionReader())
    assert template.text(event(body(" next"))) == " next"


def test_a_frame_that_changes_now_and_then_is_learned_anew_each_time() -> None:
    reader = ChatReader()
    template = Template(reader.token)
    for number in range(10):
        raw = event(chat(" word", system_fingerprint=f"fp_{number}"))
        token = reader.token(raw[6:-2])
        assert token is not None
        assert template.text(raw) is None
        template.learn(raw, token)
        assert template.text(event(chat(" next", system_fingerprint=f"fp_{number}"))) == " next"
