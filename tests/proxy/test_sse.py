"""Server-sent events: no byte is lost, and where the input is cut changes nothing."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.errors import EventTooLargeError
from proxy.wire.sse import DONE, Decoder, Event, comment, data_event, error_event

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r"])
LINES = st.sampled_from(
    [
        *(b"data: x", b"data:y", b"data", b"data: ", b"data:  z", b'data: {"a":1}', b"data: [DONE]", b"datax: 1"),
        *(b"event: e", b": c", b":", b"id: 1", b"retry: 5", b"\xef\xbb\xbf", b"", "data: \u00e9\U0001f600".encode()),
    ]
)
STREAMS = st.lists(st.one_of(ENDS, LINES), max_size=14).map(b"".join)


def read(*blocks: bytes) -> list[Event]:
    decoder = Decoder()
    events = [event for block in blocks for event in decoder.feed(block)]
    last = decoder.close()
    return [*events, last] if last is not None else events


@given(STREAMS)
def test_the_raw_bytes_of_all_events_are_the_input(stream: bytes) -> None:
    assert b"".join(event.raw for event in read(stream)) == stream


@given(STREAMS)
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == read(stream)


@given(STREAMS, st.data())
def test_any_cut_gives_the_same_events(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    assert read(*(stream[start:end] for start, end in pairwise([0, *cuts, len(stream)]))) == read(stream)


@given(st.lists(st.sampled_from([b"one", b" ", b"two words", b": no comment", b"[DONE]"]), min_size=1), ENDS)
def test_what_is_sent_is_read(payloads: list[bytes], end: bytes) -> None:
    end = {b"\n\n": b"\n", b"\r\n\r\n": b"\r\n", b"\r\r": b"\r", b"\n\r": b"\n"}.get(end, end)
    stream = b"".join(b"data: " + payload + end * 2 for payload in payloads)
    assert [event.data for event in read(stream) if event.data is not None] == payloads


@pytest.mark.parametrize(
    ("raw", "data", "name"),
    [
        (b"data: one\n\n", b"one", None),
        (b"data:one\n\n", b"one", None),
        (b"data:  one\n\n", b" one", None),
        (b"data: one\r\n\r\n", b"one", None),
        (b"data: one\r\r", b"one", None),
        (b"data: one\ndata: two\n\n", b"one\ntwo", None),
        (b"data: one\rdata: two\n\n", b"one\ntwo", None),
        (b"data: one\ndata\n\n", b"one\n", None),
        (b"event: note\nid: 7\nretry: 10\ndata: one\n\n", b"one", "note"),
        (b"data: one\nevent:\n\n", b"one", None),
        (b"\xef\xbb\xbfdata: one\n\n", b"one", None),
        (b": ping\n\n", None, None),
        (b": ping\ndata: one\n\n", b"one", None),
        (b"data:\n\n", None, None),
        (b"data: \n\n", None, None),
        (b"\n\n", None, None),
        (b"unknown: x\n\n", None, None),
    ],
)
def test_an_event_is_read_as_the_standard_says(raw: bytes, data: bytes | None, name: str | None) -> None:
    assert read(raw) == [Event(raw, data, name)]


def test_a_byte_order_mark_counts_only_at_the_start() -> None:
    assert [event.data for event in read(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n")] == [b"a", None]


def test_an_event_leaves_with_the_byte_that_ends_it() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\n") == []
    assert [event.data for event in decoder.feed(b"\n")] == [b"a"]
    assert decoder.feed(b"data: b\r\n\r") == []
    assert [event.data for event in decoder.feed(b"\n")] == [b"b"]


def test_a_stream_that_ends_within_an_event_says_so() -> None:
    events = read(b'data: a\n\ndata: {"choi')
    assert [(event.data, event.cut) for event in events] == [(b"a", False), (b'{"choi', True)]


@pytest.mark.parametrize("rest", [b"\n", b": bye", b": bye\n", b"\r\n"])
def test_a_stream_may_end_with_an_empty_line_or_a_comment(rest: bytes) -> None:
    assert [event.cut for event in read(b"data: a\n\n" + rest)] == [False, False]


def test_the_end_marker_is_known_even_without_its_empty_line() -> None:
    assert read(DONE)[0].is_done
    last = read(b"data: [DONE]\n")[0]
    assert (last.is_done, last.cut) == (True, True)


@pytest.mark.parametrize("size", [1, 7, 200])
def test_an_event_that_never_ends_is_refused(size: int) -> None:
    decoder = Decoder(limit=100)
    with pytest.raises(EventTooLargeError, match="more than 100 bytes"):
        list(map(decoder.feed, [b"x" * size] * 200))


def test_many_events_may_be_longer_together_than_one_may_be() -> None:
    decoder = Decoder(limit=100)
    assert len(decoder.feed(b"data: x\n\n" * 50)) == 50


@pytest.mark.parametrize("head", [b"data: ", b"event: x\ndata: "])
def test_an_event_in_one_block_is_bounded_too(head: bytes) -> None:
    with pytest.raises(EventTooLargeError):
        Decoder(limit=100).feed(head + b"x" * 100 + b"\n\n")


def test_what_we_write_can_be_read() -> None:
    assert read(data_event(b"one", "note")) == [Event(b"event: note\ndata: one\n\n", b"one", "note")]
    assert read(comment("waiting"))[0].data is None
    assert read(comment())[0].data is None


def test_an_error_event_carries_the_envelope() -> None:
    data = read(error_event("upstream broke off", code="upstream_cut"))[0].data
    assert data is not None
    assert msgspec.json.decode(data) == {
        "error": {"message": "upstream broke off", "type": "server_error", "param": None, "code": "upstream_cut"}
    }
