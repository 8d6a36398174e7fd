"""Chat chunks and answers: taken apart into texts by channel, and put together again."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.chat import ChatReader
from proxy.wire.chunk import Chunk
from proxy.wire.errors import WireError
from proxy.wire.fields import CHOICE, MAX_LABEL, MESSAGE, is_harmless

LONG = "w " * MAX_LABEL


def chunk(*choices: dict[str, Any], **extra: Any) -> Chunk:
    return ChatReader().chunk(msgspec.json.encode({"id": "c", "choices": list(choices), **extra}))


def delta(number: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"index": number, "delta": fields, "finish_reason": finish}


def answer(*choices: dict[str, Any]) -> Chunk:
    return ChatReader().answer(msgspec.json.encode({"id": "c", "choices": list(choices)}))


def message(number: int = 0, finish: str = "stop", **fields: Any) -> dict[str, Any]:
    return {"index": number, "message": {"role": "assistant", **fields}, "finish_reason": finish}


def call(number: int, arguments: str) -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {"index": number, "id": f"c{number}", "type": "function", "function": function}


def parts(read: Chunk) -> list[tuple[int, str, str]]:
    return [(part.choice, part.channel, part.text) for part in read.parts]


def again(read: Chunk) -> Any:
    return msgspec.json.decode(read.encode())


# Taking apart


def test_the_texts_of_a_whole_answer_come_in_the_order_in_which_they_are_judged() -> None:
    read = answer(
        message(
            tool_calls=[call(0, '{"a": 1}'), call(1, '{"b": 2}')],
            refusal="no",
            audio={"id": "a", "transcript": "spoken", "data": "UklGRg=="},
            content="yes",
            reasoning_content="hm",
        )
    )
    assert parts(read) == [
        (0, "reasoning", "hm"),
        (0, "content", "yes"),
        (0, "audio.transcript", "spoken"),
        (0, "refusal", "no"),
        (0, "tool_calls[0].arguments", '{"a": 1}'),
        (0, "tool_calls[1].arguments", '{"b": 2}'),
    ]
    assert (read.finished, read.unlisted) == ((0,), 1)


def test_several_choices_in_one_chunk_are_told_apart() -> None:
    read = chunk(delta(2, content="c"), delta(0, content="a", finish="length"), delta(1))
    assert parts(read) == [(2, "content", "c"), (0, "content", "a")]
    assert (read.choices, read.finished) == ((2, 0, 1), (0,))


@pytest.mark.parametrize(
    "body", [{"delta": None}, {}, {"delta": {}}, {"delta": {"content": None, "role": "assistant"}}]
)
def test_a_chunk_may_carry_no_text(body: dict[str, Any]) -> None:
    read = chunk({"index": 0, **body})
    assert (parts(read), read.unlisted, read.choices) == ([], 0, (0,))


def test_a_usage_frame_carries_no_choice() -> None:
    read = chunk(usage={"total_tokens": 3})
    assert (parts(read), read.choices, read.has_usage, read.is_error) == ([], (), True, False)


def test_an_error_is_known() -> None:
    assert ChatReader().chunk(b'{"error": {"message": "busy"}}').is_error


def test_one_text_under_two_spellings_is_read_once() -> None:
    read = chunk(delta(reasoning="hm", reasoning_content="hm"))
    assert (parts(read), read.unlisted) == ([(0, "reasoning", "hm")], 0)
    read.put(0, "reasoning", "h")
    assert again(read)["choices"][0]["delta"] == {"reasoning": "h", "reasoning_content": "h"}


def test_two_texts_under_two_spellings_are_not_both_let_through() -> None:
    read = chunk(delta(reasoning="hm", reasoning_content="something else"))
    assert (parts(read), read.drop_unlisted()) == ([(0, "reasoning", "hm")], 1)
    assert again(read)["choices"][0]["delta"] == {"reasoning": "hm"}


def test_content_in_parts_is_read_part_by_part() -> None:
    content = [
        {"type": "text", "text": "one "},
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "two"},
    ]
    read = answer(message(content=content))
    assert read.texts(0) == {"content": "one two"}
    assert read.drop_unlisted() == 1
    read.put(0, "content", "one t")
    kept = again(read)["choices"][0]["message"]["content"]
    assert kept == [{"type": "text", "text": "one t"}, {"type": "text", "text": ""}]


def test_the_calls_of_a_stream_without_numbers_are_counted_by_their_ids() -> None:
    reader = ChatReader()
    found = []
    for one in ({"id": "x"}, {"id": "y"}, {}, {"id": "x"}):
        body = {"choices": [delta(tool_calls=[{**one, "function": {"arguments": "1"}}])]}
        found += [part.channel for part in reader.chunk(msgspec.json.encode(body)).parts]
    assert found == [f"tool_calls[{number}].arguments" for number in (0, 1, 1, 0)]


def test_the_input_of_a_custom_tool_is_a_channel() -> None:
    custom = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": "echo"}}
    assert parts(chunk(delta(tool_calls=[custom]))) == [(0, "tool_calls[0].input", "echo")]


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b'"text"', b"{", b"", b"null", b'{"choices": {}}', b'{"choices": ["text"]}',
        b'{"choices": [{"index": "0"}]}', b'{"choices": [{"index": true}]}',
        b'{"choices": [{"index": 0, "delta": "text"}]}',
        b'{"choices": [{"index": 0, "delta": ["text"]}]}', b'{"choices": [{"index": 0}, {"index": 0}]}',
        b'{"choices": [{"delta": {"content": NaN}}]}', b'{"choices": "\xff"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_cannot_be_taken_apart_is_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="cannot be checked"):
        ChatReader().chunk(body)
    assert ChatReader().token(body) is None


# What is not listed


@pytest.mark.parametrize(
    "choice",
    [
        {"text": "x"},
        {"token_ids": [1, 2]},
        {"message": {"content": "x"}},
        {"finish_reason": LONG},
        {"stop_reason": LONG},
        {"logprobs": ["x"]},
        {"logprobs": {"text_offset": [1]}},
        {"logprobs": {"content": [{"token": "t", "note": "x"}]}},
        {"delta": {"reasoning_details": [{"text": "x"}]}},
        {"delta": {"content": {"text": "x"}}},
        {"delta": {"content": ["x"]}},
        {"delta": {"content": [{"type": "text", "text": "ok", "extra": "x"}]}},
        {"delta": {"role": LONG}},
        {"delta": {"audio": "x"}},
        {"delta": {"audio": {"data": "x"}}},
        {"delta": {"audio": {"id": LONG}}},
        {"delta": {"function_call": {"name": LONG}}},
        {"delta": {"tool_calls": "x"}},
        {"delta": {"tool_calls": ["x"]}},
        {"delta": {"tool_calls": [{"index": 0, "function": "x"}]}},
        {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": {"a": "x"}}}]}},
        {"delta": {"tool_calls": [{"index": 0, "function": {"name": LONG}}]}},
        {"delta": {"tool_calls": [{"index": 0, "extra_content": {"a": "x"}}]}},
        {"delta": {"annotations": [{"type": "url_citation", "url_citation": {"content": "x"}}]}},
        {"delta": {"annotations": [{"type": "url_citation", "url_citation": {"url": LONG}}]}},
        {"delta": {"annotations": [{"type": "url_citation", "url_citation": {"title": LONG}}]}},
        {"delta": {"annotations": ["x"]}},
        {"delta": {"annotations": [{"type": "note"}]}},
    ],
)
def test_an_unlisted_field_is_counted_and_dropped(choice: dict[str, Any]) -> None:
    read = chunk({"index": 0, **choice})
    assert ChatReader().token(read.encode()) is None
    assert (read.unlisted, read.drop_unlisted(), read.unlisted) == (1, 1, 0)
    assert ChatReader().chunk(read.encode()).unlisted == 0
    assert b'"x"' not in read.encode()
    assert LONG.encode() not in read.encode()


@pytest.mark.parametrize("value", [None, 0, 1.5, True, False, "", [], {}])
def test_what_can_carry_no_text_may_stay(value: Any) -> None:
    read = chunk({"index": 0, "delta": {"novel": value}, "other": value})
    assert read.unlisted == 0


def test_links_that_upstream_cites_may_stay() -> None:
    citation = {"start_index": 0, "end_index": 3, "title": "A page", "url": "https://example.org/" + "x" * 300}
    assert chunk(delta(annotations=[{"type": "url_citation", "url_citation": citation}])).unlisted == 0


def test_an_object_without_choices_may_carry_only_an_envelope() -> None:
    read = ChatReader().chunk(b'{"id": "c", "model": "m", "text": "a passage", "usage": null}')
    assert read.drop_unlisted() == 1
    assert again(read) == {"id": "c", "model": "m", "usage": None}


def test_log_probabilities_that_no_one_asked_for_are_not_listed() -> None:
    body = {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [{"token": "x"}]}}]}
    read = ChatReader(with_logprobs=False).chunk(msgspec.json.encode(body))
    assert read.drop_unlisted() == 1
    assert b"token" not in read.encode()


# The quick way


@pytest.mark.parametrize(
    ("choice", "channel"),
    [
        (delta(content="x"), "content"),
        (delta(content="x", role="assistant", refusal=None, tool_calls=[]), "content"),
        (delta(content=None, reasoning="x"), "reasoning"),
        (delta(content="", reasoning_content="x"), "reasoning"),
        ({**delta(content="x"), "stop_reason": None, "token_ids": None, "logprobs": None}, "content"),
    ],
)
def test_an_ordinary_chunk_is_read_quickly(choice: dict[str, Any], channel: str) -> None:
    data = msgspec.json.encode({"id": "c", "choices": [choice], "usage": None})
    token = ChatReader().token(data)
    assert token is not None
    assert (token.choice, token.channel, token.text) == (0, channel, "x")


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [delta(content="x", finish="stop")]},
        {"choices": [delta(content="x"), delta(1, content="y")]},
        {"choices": [delta(content="x", reasoning="y")]},
        {"choices": [delta(reasoning="x", reasoning_content="x")]},
        {"choices": [delta(content="x", refusal="y")]},
        {"choices": [delta(content="x", role="someone")]},
        {"choices": [delta(content="x", novel=1)]},
        {"choices": [delta(content="x", tool_calls=[{"index": 0}])]},
        {"choices": [{**delta(content="x"), "text": "y"}]},
        {"choices": [{**delta(content="x"), "logprobs": {"content": []}}]},
        {"choices": [delta(content="x")], "error": {"message": "y"}},
        {"choices": [{"delta": {"content": "x"}}]},
        {"choices": [delta()]},
        {"choices": []},
    ],
)
def test_any_other_chunk_is_not(body: dict[str, Any]) -> None:
    assert ChatReader().token(msgspec.json.encode(body)) is None


# Putting together


def test_nothing_changes_where_nothing_is_put() -> None:
    body = {"id": "c", "choices": [delta(content="x", tool_calls=[call(0, "{}")], finish="stop")], "novel": [1]}
    assert again(ChatReader().chunk(msgspec.json.encode(body))) == body


@pytest.mark.parametrize(
    "channel",
    [
        "content", "refusal", "reasoning", "audio.transcript", "function_call.arguments", "tool_calls[0].arguments",
        "tool_calls[3].arguments", "tool_calls[0].input",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "choice", [delta(0), {"index": 0, "delta": None}, delta(5, content="other"), delta(0, tool_calls=[])]
)
def test_text_can_be_put_where_there_was_none(channel: str, choice: dict[str, Any]) -> None:
    read = chunk(choice)
    read.put(0, channel, "late")
    assert ChatReader().chunk(read.encode()).texts(0) == {channel: "late"}
    assert read.texts(0) == {channel: "late"}
    read.put(0, channel, "later")
    assert ChatReader().chunk(read.encode()).texts(0) == {channel: "later"}


def test_putting_nothing_where_there_was_nothing_changes_nothing() -> None:
    read = chunk(delta(0))
    read.put(0, "content", "")
    assert again(read)["choices"] == [delta(0)]


def test_reasoning_keeps_its_spelling() -> None:
    reader = ChatReader()
    assert reader.token(msgspec.json.encode({"choices": [delta(reasoning_content="hm")]})) is not None
    late = reader.chunk(msgspec.json.encode({"choices": [delta()]}))
    late.put(0, "reasoning", "held")
    assert again(late)["choices"][0]["delta"] == {"reasoning_content": "held"}


def test_the_head_of_a_call_stays_when_its_arguments_are_held() -> None:
    read = chunk(delta(tool_calls=[call(1, '{"a": "held"}')]))
    read.put(0, "tool_calls[1].arguments", "")
    assert again(read)["choices"][0]["delta"]["tool_calls"] == [call(1, "")]


def test_a_call_can_be_taken_out_whole() -> None:
    read = answer(message(tool_calls=[call(0, '{"a": 1}'), call(1, '{"b": 2}')]))
    read.remove(0, "tool_calls[0].arguments")
    assert again(read)["choices"][0]["message"]["tool_calls"] == [call(1, '{"b": 2}')]
    read.remove(0, "tool_calls[1].arguments")
    assert "tool_calls" not in again(read)["choices"][0]["message"]
    assert read.parts == []


def test_a_call_without_arguments_can_be_taken_out() -> None:
    read = answer(message(tool_calls=[call(0, "")]))
    read.remove(0, "tool_calls[0].arguments")
    assert "tool_calls" not in again(read)["choices"][0]["message"]


def test_a_text_can_be_taken_out() -> None:
    read = chunk(delta(content="x", reasoning="y", reasoning_content="y"))
    read.remove(0, "reasoning")
    assert again(read)["choices"][0]["delta"] == {"content": "x"}


def test_a_choice_can_be_taken_out() -> None:
    read = chunk(delta(0, content="a"), delta(1, content="b"))
    read.remove_choice(0)
    assert again(read)["choices"] == [delta(1, content="b")]
    assert (read.choices, parts(read)) == ((1,), [(1, "content", "b")])


def test_a_choice_can_be_ended() -> None:
    read = chunk(delta(0, content="a"))
    read.finish(0, "content_filter")
    assert (read.finished, again(read)["choices"][0]["finish_reason"]) == ((0,), "content_filter")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "planted text"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["text", "a"]), inner, max_size=2)
    ),
    max_leaves=6,
)
MESSAGES = st.dictionaries(
    st.sampled_from([*MESSAGE, "novel"]),
    st.one_of(
        JSON,
        st.lists(
            st.fixed_dictionaries(
                {"index": st.integers(0, 2)},
                optional={
                    "function": st.dictionaries(st.sampled_from(["arguments", "name", "b"]), JSON),
                    "custom": JSON,
                },
            ),
            max_size=2,
        ),
        st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "image"]), "text": JSON}), max_size=2),
    ),
)
CHOICES = st.dictionaries(st.sampled_from([key for key in (*CHOICE, "novel") if key not in ("delta", "index")]), JSON)


@given(CHOICES, MESSAGES)
def test_after_dropping_every_long_text_stands_on_a_channel(choice: dict[str, Any], fields: dict[str, Any]) -> None:
    """Whatever upstream sends: taking every text away leaves nothing but labels and what filters wrote."""
    secret = "planted text " * MAX_LABEL
    data = msgspec.json.encode({"choices": [{**choice, "index": 0, "delta": fields}]})
    read = ChatReader().chunk(data.replace(b"planted text", secret.encode()))
    read.drop_unlisted()
    for part in list(read.parts):
        read.put(part.choice, part.channel, "")
    left = again(read)["choices"][0]
    for key in [key for key in left if key.startswith("content_filter")]:
        left.pop(key)
    for batch in ChatReader().chunk(read.encode()).logprobs(0):
        left["logprobs"][batch.key] = None
    assert secret.encode() not in msgspec.json.encode(left)


def test_harmless_is_what_holds_no_text() -> None:
    assert not any(is_harmless(value) for value in ("a", ["a"], [0], {"a": 1}, [[]]))
