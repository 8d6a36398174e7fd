"""Text completions taken apart and put together again."""

from typing import Any

import msgspec
import pytest

from proxy.wire.completions import CompletionChunk, CompletionReader
from proxy.wire.logprobs import ChoiceLogprobs
from tests.support.text_completions import columns, text_chunk

NULLS = {"finish_reason": None, "stop_reason": None, "prompt_token_ids": None, "token_ids": None}


def chunk(*choices: dict[str, Any], with_logprobs: bool = True, **extra: Any) -> CompletionChunk:
    body = {"id": "c", "object": "text_completion", "choices": list(choices), **extra}
    return CompletionReader(with_logprobs=with_logprobs).chunk(msgspec.json.encode(body))


def written(read: CompletionChunk) -> Any:
    return msgspec.json.decode(read.encode())


def released(read: CompletionChunk, until: int) -> dict[str, list[Any]]:
    queues = ChoiceLogprobs()
    queues.accept(read.logprobs(0), read.texts(0))
    return queues.release({"content": until})


def test_a_whole_answer_is_read_as_a_chunk_is() -> None:
    body = msgspec.json.encode(text_chunk("one two", 3, finish="stop"))
    read = CompletionReader().answer(body)
    assert (read.choices, read.finished, read.texts(3)) == ((3,), (3,), {"content": "one two"})
    assert written(read) == msgspec.json.decode(body)


@pytest.mark.parametrize(
    "choice", [{"index": 0, "text": "x"}, {"index": 2, "text": "x", "finish_reason": None, **NULLS}]
)
def test_an_ordinary_chunk_is_read_alike_in_both_ways(choice: dict[str, Any]) -> None:
    data = msgspec.json.encode({"id": "c", "choices": [choice], "usage": None})
    token = CompletionReader().token(data)
    assert token is not None
    assert CompletionReader().chunk(data).texts(token.choice) == {token.channel: token.text} == {"content": "x"}


@pytest.mark.parametrize(
    "choice",
    [{"finish_reason": "stop"}, {"text": ""}, {"text": None}, {"logprobs": {"tokens": ["x"]}}, {"refusal": "no"},
     {"novel": None}, {"delta": {"content": "y"}}, {"token_ids": [5]}, {"prompt_logprobs": []}, {"text": ["x"]}],
)  # fmt: skip
def test_a_chunk_that_is_not_ordinary_takes_the_long_way(choice: dict[str, Any]) -> None:
    body = {"choices": [{"index": 0, "text": "x", **choice}]}
    assert CompletionReader().token(msgspec.json.encode(body)) is None


def test_an_error_takes_the_long_way() -> None:
    body = {**text_chunk("x"), "error": {"message": "busy"}}
    assert CompletionReader().token(msgspec.json.encode(body)) is None
    assert CompletionReader().chunk(msgspec.json.encode(body)).is_error


@pytest.mark.parametrize(
    ("extra", "key"),
    [({"delta": {"content": "x"}}, "delta"), ({"message": {"content": "x"}}, "message"), ({"text": ["x"]}, "text"),
     ({"token_ids": [1, 2]}, "token_ids"), ({"reasoning": "x"}, "reasoning"),
     ({"stop_reason": "x" * 201}, "stop_reason"),
     ({"prompt_logprobs": ["x"]}, "prompt_logprobs"), ({"prompt_logprobs": [{"x": {}}]}, "prompt_logprobs"),
     ({"prompt_logprobs": [{"1": {"text": "x"}}]}, "prompt_logprobs"), ({"logprobs": "x"}, "logprobs"),
     ({"logprobs": {"tokens": ["x"], "token_logprobs": []}}, None),
     ({"logprobs": {"tokens": ["x"], "token_logprobs": [-1, -1]}}, "logprobs"),
     ({"logprobs": {"tokens": ["x"], "token_logprobs": ["a passage"]}}, "logprobs"),
     ({"logprobs": {"tokens": ["x"], "text_offset": [{"a": "passage"}]}}, "logprobs"),
     ({"logprobs": {"token_logprobs": [-1]}}, "logprobs"), ({"logprobs": {"tokens": [{"a": "b"}]}}, "logprobs"),
     ({"logprobs": {"top_logprobs": {"a": "b"}, "tokens": ["x"]}}, "logprobs")],
)  # fmt: skip
def test_what_could_carry_text_unread_is_not_listed(extra: dict[str, Any], key: str | None) -> None:
    read = chunk({"index": 0, "text": "x", **extra})
    assert read.unlisted == (key is not None)
    read.drop_unlisted()
    assert key is None or key not in written(read)["choices"][0]


def test_what_stands_beside_the_columns_is_not_listed() -> None:
    read = chunk({"index": 0, "text": "x", "logprobs": {**columns(["x"]), "novel": "text"}})
    read.drop_unlisted()
    assert written(read)["choices"][0]["logprobs"] == columns(["x"])


def test_columns_leave_row_by_row() -> None:
    read = chunk({"index": 0, "text": "one two three", "logprobs": columns(["one", " two", " three"])})
    assert read.put_logprobs(0, released(read, 7))
    assert written(read)["choices"][0]["logprobs"] == columns(["one", " two"])


def test_columns_that_all_leave_change_nothing() -> None:
    read = chunk({"index": 0, "text": "one two", "logprobs": columns(["one", " two"])})
    assert not read.put_logprobs(0, released(read, 7))


def test_no_columns_leave_with_no_text() -> None:
    read = chunk({"index": 0, "text": "one two", "logprobs": columns(["one", " two"])})
    assert read.put_logprobs(0, released(read, 2))
    assert written(read)["choices"][0]["logprobs"] is None


def test_a_column_that_is_null_stays_null() -> None:
    given = columns(["one", " two"]) | {"top_logprobs": None}
    read = chunk({"index": 0, "text": "one two", "logprobs": given})
    read.put_logprobs(0, released(read, 3))
    assert written(read)["choices"][0]["logprobs"] == columns(["one"]) | {"top_logprobs": None}


def test_tokens_named_by_their_bytes_spell_the_text() -> None:
    spelled = ["a", "bytes:\\xe4\\xb8", "bytes:\\xad", "b"]
    read = chunk({"index": 0, "text": "a\u4e2db", "logprobs": columns(spelled)})
    assert [row["tokens"] for row in released(read, 2)["tokens"]] == spelled[:3]
    assert not read.put_logprobs(0, released(read, 3))


def test_log_probabilities_in_the_shape_of_chat_leave_too() -> None:
    entries = [{"token": token, "logprob": -0.1, "bytes": None, "top_logprobs": []} for token in ("one", " two")]
    read = chunk({"index": 0, "text": "one two", "logprobs": {"content": entries}})
    assert read.unlisted == 0
    assert read.put_logprobs(0, released(read, 3))
    assert written(read)["choices"][0]["logprobs"] == {"content": entries[:1]}


def test_log_probabilities_that_no_one_asked_for_are_not_listed() -> None:
    assert chunk({"index": 0, "text": "x", "logprobs": columns(["x"])}, with_logprobs=False).unlisted == 1


def test_what_is_put_stands_on_the_choice() -> None:
    read = CompletionReader().blank({"id": "c", "object": "text_completion"})
    read.put(1, "content", "some text")
    read.put(1, "refusal", "no more")
    read.finish(1, "content_filter")
    assert written(read)["choices"] == [
        {"index": 1, "text": "some text", "logprobs": None, "finish_reason": "content_filter", "refusal": "no more"}
    ]


def test_a_chunk_without_text_is_idle() -> None:
    assert chunk({"index": 0, "text": "", "logprobs": None, "finish_reason": None, "stop_reason": None}).is_idle
    assert not chunk({"index": 0, "text": "x"}).is_idle
    assert not chunk({"index": 0, "text": "", "finish_reason": "stop"}).is_idle
    assert not chunk({"index": 0, "text": "", "logprobs": {"tokens": ["x"]}}).is_idle
    assert not chunk(usage={"total_tokens": 1}).is_idle


def test_what_another_fairgate_told_is_read() -> None:
    link = {"start_index": 0, "end_index": 3, "title": "t", "url": "https://x.org"}
    annotations = [{"type": "url_citation", "url_citation": link}]
    told = {
        "index": 0,
        "text": "one",
        "refusal": "why",
        "annotations": annotations,
        "content_filter_results": {"a": "b"},
    }
    read = chunk(told)
    assert (read.unlisted, read.texts(0)) == (0, {"content": "one", "refusal": "why"})
