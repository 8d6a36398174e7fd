"""The scripted upstream itself: what other tests rely on when they play a script."""

import httpx
import pytest

from tests.support.upstream import (
    Asked,
    Cut,
    Pause,
    Stall,
    Upstream,
    chunk,
    failure,
    interleaved,
    payload,
    pieces,
    stream,
    together,
    tokens,
    tool_call,
    usage_frame,
    whole,
)

pytestmark = pytest.mark.live


def ask(upstream: Upstream, **options: object) -> httpx.Response:
    return httpx.post(f"{upstream.url}/chat/completions", json={"model": "m"}, timeout=5, **options)  # type: ignore[arg-type]


def test_a_stream_arrives_as_scripted_and_the_request_is_seen() -> None:
    with Upstream(stream([*tokens("one two"), usage_frame()])) as upstream:
        answer = ask(upstream)
    assert answer.text.endswith("data: [DONE]\n\n")
    assert answer.text.count("data: ") == 6
    assert upstream.requests[0].json == {"model": "m"}
    assert upstream.requests[0].path == "/v1/chat/completions"
    assert (upstream.finished, upstream.cancelled) == (1, 0)


def test_a_connection_is_used_again() -> None:
    with Upstream(whole("hello")) as upstream, httpx.Client() as client:
        for _ in range(3):
            assert client.post(f"{upstream.url}/x").json()["choices"][0]["message"]["content"] == "hello"
    assert len(upstream.requests) == 3


def test_a_client_that_leaves_is_counted() -> None:
    with Upstream(stream([chunk({"content": "a"}), Stall()])) as upstream:
        with httpx.stream("POST", f"{upstream.url}/x") as answer:
            assert next(answer.iter_bytes())
        assert upstream.wait_for(lambda seen: seen.cancelled == 1)


def test_a_cut_breaks_the_connection_after_what_was_sent() -> None:
    with Upstream(stream([chunk({"content": "a"}), b'data: {"id"', Cut()])) as upstream:
        received: list[bytes] = []
        with httpx.stream("POST", f"{upstream.url}/x") as answer, pytest.raises(httpx.HTTPError):
            received.extend(answer.iter_bytes())
    assert b"".join(received).endswith(b'data: {"id"')


@pytest.mark.parametrize("answer", [stream(tokens("one two"), gzipped=True), payload(b'"one"', gzipped=True)])
def test_gzip_can_be_read(answer: object) -> None:
    with Upstream(answer) as upstream:  # type: ignore[arg-type]
        assert "one" in ask(upstream).text


def test_the_script_is_chosen_by_the_request() -> None:
    def script(asked: Asked) -> object:
        return failure(429) if asked.headers.get("x-test") == "busy" else whole("fine")

    with Upstream(script) as upstream:  # type: ignore[arg-type]
        busy = ask(upstream, headers={"x-test": "busy"})
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
        assert ask(upstream).status_code == 200
        assert httpx.get(f"{upstream.url}/models").json()["data"][0]["id"] == "scripted-1"


def test_a_script_that_fails_fails_the_test() -> None:
    def script(_: Asked) -> object:
        raise KeyError("planted")

    upstream = Upstream(script)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="planted"), upstream, pytest.raises(httpx.HTTPError):
        ask(upstream)


def test_pauses_are_kept() -> None:
    with Upstream(stream([Pause(0.15)])) as upstream:
        assert ask(upstream).elapsed.total_seconds() >= 0.1


@pytest.mark.parametrize("cut", ["char", "word", "whole", 3, [1, 4]])
def test_pieces_put_together_are_the_text(cut: str | int | list[int]) -> None:
    text = "  One  two\nthree \u00e9 "
    assert "".join(pieces(text, cut)) == text
    assert all(pieces(text, cut))


def test_choices_can_come_in_turn_or_together() -> None:
    streams = tokens("a b"), tool_call('{"x": 1}', 4, choice=1)
    assert [one["choices"][0]["index"] for one in interleaved(*streams)][:4] == [0, 1, 0, 1]
    assert [choice["index"] for choice in together(*streams)[0]["choices"]] == [0, 1]
