"""Log probabilities leave with their text or not at all."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.chat import ChatReader
from proxy.wire.logprobs import Batch, ChoiceLogprobs, LogprobQueue


def entry(token: str | bytes, *, with_bytes: bool = True) -> dict[str, Any]:
    data = token if isinstance(token, bytes) else token.encode()
    return {"token": data.decode("utf-8", "replace"), "logprob": -0.1, "bytes": list(data) if with_bytes else None}


@given(st.lists(st.sampled_from(["one", " two", "\u00e9", "\U0001f600", " ", "x"]), min_size=1), st.data())
def test_no_entry_leaves_before_its_text(tokens: list[str], data: st.DataObject) -> None:
    queue, text, out = LogprobQueue(), "".join(tokens), []
    ends = [len("".join(tokens[: at + 1])) for at in range(len(tokens))]
    for token in tokens:
        queue.add([entry(token)], token)
    for until in sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5))):
        out += queue.release(until)
        assert len(out) == sum(end <= until for end in ends)
    assert [one["token"] for one in out + queue.release(len(text))] == tokens


def test_entries_of_one_chunk_are_told_apart_by_their_tokens() -> None:
    queue = LogprobQueue()
    queue.add([entry("one"), entry(" two"), entry(" three")], "one two three")
    assert [one["token"] for one in queue.release(8)] == ["one", " two"]
    assert len(queue) == 1


@pytest.mark.parametrize("tokens", [["one", "two", "\n", "three"], [" one ", " two", " three"]])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_space_around_a_word_makes_no_difference(tokens: list[str], size: int) -> None:
    queue, text = LogprobQueue(), "one two\nthree"
    queue.add([entry(token) for token in tokens], "")
    for at in range(0, len(text), size):
        queue.add([], text[at : at + size])
    assert [one["token"].strip() for one in queue.release(3)] == ["one"]
    assert [one["token"] for one in queue.release(7)] == [token for token in tokens[1:] if token.strip() == "two"]
    assert [one["token"].strip() for one in queue.release(len(text))][-1] == "three"
    assert len(queue) == 0


def test_space_does_not_make_another_word_of_a_token() -> None:
    queue = LogprobQueue()
    queue.add([entry("one"), entry("secret"), entry(" two")], "one two")
    assert [one["token"] for one in queue.release(7)] == ["one", " two"]


def test_the_first_bytes_of_a_character_leave_at_once_and_its_last_with_it() -> None:
    queue = LogprobQueue()
    queue.add([entry("a")], "a")
    queue.add([entry(b"\xe4")], "")
    queue.add([entry(b"\xb8")], "")
    assert queue.release(0) == []
    assert len(queue.release(1)) == 3
    queue.add([entry(b"\xad"), entry("b")], "\u4e2db")
    assert queue.release(1) == []
    assert len(queue.release(2)) == 1
    assert [one["token"] for one in queue.release(3)] == ["b"]


def test_whole_characters_do_not_leave_ahead_of_their_text_byte_by_byte() -> None:
    queue = LogprobQueue()
    for byte in "\u4e2d\u6587".encode():
        queue.add([entry(bytes([byte]))], "")
    assert len(queue.release(0)) == 2
    queue.add([], "\u4e2d\u6587")
    assert queue.release(0) == []
    assert len(queue.release(1)) == 1
    assert len(queue.release(2)) == 3


def test_a_token_that_could_not_be_decoded_tells_nothing() -> None:
    queue = LogprobQueue()
    queue.add([entry("\ufffd")], "")
    assert len(queue.release(0)) == 1
    queue.add([entry("\ufffd")], "\u00e9")
    queue.add([entry("x")], "x")
    assert [one["token"] for one in queue.release(2)] == ["\ufffd", "x"]


def test_a_token_that_spells_no_text_never_leaves() -> None:
    queue = LogprobQueue()
    queue.add([entry("hidden thought"), entry("one")], "one")
    assert [one["token"] for one in queue.release(3)] == ["one"]
    assert len(queue) == 0


@pytest.mark.parametrize("token", ["</s>", "<|im_end|>", "[EOS]"])
def test_a_control_token_leaves_with_what_came_before(token: str) -> None:
    queue = LogprobQueue()
    queue.add([entry("one"), entry(token)], "one")
    assert queue.release(2) == []
    assert [one["token"] for one in queue.release(3)] == ["one", token]


@pytest.mark.parametrize("odd", [None, 5, {}, {"token": 1}, {"bytes": [300], "token": None}])
def test_what_is_no_entry_never_leaves(odd: Any) -> None:
    queue = LogprobQueue()
    queue.add([odd], "one")
    assert queue.release(99) == []


def test_text_without_entries_moves_the_offsets() -> None:
    queue = LogprobQueue()
    queue.add([], "one ")
    queue.add([entry("two", with_bytes=False)], "two")
    assert queue.release(6) == []
    assert len(queue.release(7)) == 1


def test_entries_under_content_follow_the_text_of_the_chunk_that_brings_them() -> None:
    choice = ChoiceLogprobs()
    choice.accept([], {"reasoning": "Well "})
    choice.accept([Batch("content", "reasoning", [entry("hm")])], {"reasoning": "hm"})
    choice.accept([Batch("content", "content", [entry("one")])], {"content": "one"})
    assert choice.release({"reasoning": 6, "content": 0}) == {"content": []}
    released = choice.release({"reasoning": 7, "content": 3})
    assert [one["token"] for one in released["content"]] == ["hm", "one"]


def test_entries_over_several_channels_wait_for_all_of_them() -> None:
    choice = ChoiceLogprobs()
    choice.accept([Batch("content", None, [entry("hm"), entry("one")])], {"reasoning": "hm", "content": "one"})
    assert choice.release({"reasoning": 2, "content": 2}) == {}
    assert len(choice.release({"reasoning": 2, "content": 3})["content"]) == 2


def test_a_chunk_tells_when_its_entries_change() -> None:
    brought = [entry("one"), entry(" two")]
    logprobs = {"content": brought, "refusal": None, "text": "smuggled"}
    data = {"choices": [{"index": 0, "delta": {"content": "one two"}, "logprobs": logprobs}]}
    chunk = ChatReader().chunk(msgspec.json.encode(data))
    assert [(batch.key, batch.channel) for batch in chunk.logprobs(0)] == [("content", "content")]
    assert chunk.drop_unlisted() == 1
    assert not chunk.put_logprobs(0, {"content": brought})
    assert chunk.put_logprobs(0, {"content": brought[:1]})
    assert chunk.choice(0)["logprobs"] == {"content": brought[:1], "refusal": None}
    assert chunk.put_logprobs(0, {})
    assert chunk.choice(0)["logprobs"] is None
