"""What a user sees when something is wrong: one test a row of the table in docs/operations.md."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy import auth
from tests.support.bench import ASK, CHAT, CLEAN, WORK, Bench, bench, eventually, grown
from tests.support.text_completions import PATH
from tests.support.upstream import (
    Answer,
    Cut,
    Pause,
    Stall,
    chunk,
    ending,
    event,
    failure,
    opening,
    payload,
    stream,
    tokens,
    whole,
)

pytestmark = pytest.mark.live
COPY = " ".join(WORK.split()[100:200])
on_both = pytest.mark.parametrize("path", [CHAT, PATH])
UNENDED = [*tokens(CLEAN, finish=None), Pause(0.05)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("faults"), "limits: {body: 4096}\n") as made:
        yield made


def events(answer: httpx.Response) -> list[Any]:
    """The payloads of a stream; `[DONE]` stays text."""
    data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


def error(answer: httpx.Response) -> dict[str, Any]:
    """The envelope of a refused request."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert "\n" not in body["error"]["message"]
    found: dict[str, Any] = body["error"]
    return found


def text(found: list[Any]) -> str:
    choices = [choice for each in found if each != "[DONE]" for choice in each.get("choices", ())]
    return "".join(choice["text"] if "text" in choice else choice["delta"].get("content") or "" for choice in choices)


def assert_ends_in_error(answer: httpx.Response, said: str) -> list[Any]:
    """A stream that could not be finished: an error event last, no `[DONE]`, no `finish_reason`."""
    found = events(answer)
    assert answer.status_code == 200
    assert set(found[-1]) == {"error"}
    assert said in found[-1]["error"]["message"]
    assert "[DONE]" not in found
    reasons = [choice.get("finish_reason") for each in found[:-1] for choice in each["choices"]]
    assert [reason for reason in reasons if reason] == []
    return found[:-1]


# Upstream cannot be had


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_an_upstream_that_cannot_be_reached_is_a_502_that_names_it(tmp_path: Path, host: str, *, stream: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://{host}:{taken.getsockname()[1]}/v1"
        with bench(tmp_path, upstream=address) as served:
            answer = served.ask(whole(CLEAN), stream=stream)
            assert answer.status_code == 502
            assert error(answer)["message"].startswith("upstream `scripted` could not be reached")
            assert error(answer)["type"] == "server_error"
            after = served.counts()
            assert grown({}, after, "requests", outcome="upstream_failed") == 1
            assert grown({}, after, "failures", stage="upstream", handling="closed") == 1
            with pytest.raises(openai.InternalServerError):
                served.client.chat.completions.create(model="m", messages=ASK)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_upstreams_own_refusal_comes_byte_for_byte_with_its_headers(
    served: Bench, status: int, *, stream: bool
) -> None:
    before = served.counts()
    refusal = failure(status, "busy", headers={"x-ratelimit-limit-requests": "60"})
    answer = served.ask(refusal, stream=stream)
    assert answer.status_code == status
    assert answer.content == refusal.steps[0]
    assert answer.headers["x-ratelimit-limit-requests"] == "60"
    if status == 429:
        assert (answer.headers["retry-after"], answer.headers["x-ratelimit-remaining-requests"]) == ("7", "0")
    assert grown(before, served.counts(), "requests", outcome="upstream_failed") == 1
    assert served.decision(answer.headers["x-fairgate-decision"])["outcome"] == "upstream_failed"


def test_the_official_client_sees_a_rate_limit_as_one(served: Bench) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        served.client.chat.completions.create(model="m", messages=ASK, user=served.plays(failure(429)))
    assert caught.value.response.headers["retry-after"] == "7"


def test_an_upstream_that_never_answers_is_a_504(served: Bench) -> None:
    answer = served.ask(Answer([Stall()], length=5, headers={}), stream=False)
    assert answer.status_code == 504
    assert "time ran out" in error(answer)["message"]


# Upstream answers badly


@on_both
@pytest.mark.parametrize("body", [b"garbage", b"", b'{"choices":', b"[1, 2]", b"\xff\xfe", b'"text"', b'{"id": "x"}'])
def test_a_whole_answer_that_is_none_is_a_502(served: Bench, body: bytes, path: str) -> None:
    before = served.counts()
    answer = served.ask(payload(body), path, stream=False)
    assert answer.status_code == 502
    assert error(answer)["type"] == "server_error"
    assert body == b"" or body not in answer.content
    assert grown(before, served.counts(), "failures", stage="wire", handling="closed") == 1
    assert grown(before, served.counts(), "requests", outcome="upstream_failed") == 1


@pytest.mark.parametrize("asked_to_stream", [False, True])
def test_html_with_200_is_a_502(served: Bench, *, asked_to_stream: bool) -> None:
    page = payload(b"<html>Log in to the wireless network</html>", headers={"content-type": "text/html"})
    answer = served.ask(page, stream=asked_to_stream)
    assert answer.status_code == 502
    assert "wireless" not in answer.text
    assert answer.headers["content-type"].startswith("application/json")


@on_both
@pytest.mark.parametrize(
    "garbage", [b"data: garbage\n\n", b'data: {"choices": 5}\n\n', b"data: \xff\n\n", b"data: []\n\n"]
)
def test_garbage_in_a_stream_ends_it_in_an_error_after_what_was_judged(
    served: Bench, garbage: bytes, path: str
) -> None:
    before = served.counts()
    answer = served.ask(stream([*UNENDED, b"data: " + garbage + b"\n\n", *tokens("never seen")]), path)
    assert text(assert_ends_in_error(answer, "upstream")) == CLEAN
    assert "never seen" not in answer.text
    assert grown(before, served.counts(), "failures", stage="wire", handling="closed") == 1


CUTS: dict[str, tuple[list[Any], str]] = {
    "between events": ([*UNENDED, Cut()], "broke off"),
    "inside an event": ([*UNENDED, event(chunk({"content": " half"}))[:-20], Cut()], "broke off"),
    "closed politely without an end": ([*UNENDED], "before its answer was complete"),
    "closed politely inside an event": ([*UNENDED, b'data: {"choices": [{"index": 0, "delta"'], "broke off"),
    "[DONE] without a finish_reason": ([*UNENDED, b"data: [DONE]\n\n"], "before its answer was complete"),
    "silence": ([*UNENDED, Stall()], "time ran out"),
    "an error event": ([*UNENDED, event({"error": {"message": "out of memory", "code": 500}})], "out of memory"),
}


@on_both
@pytest.mark.parametrize(("steps", "said"), CUTS.values(), ids=CUTS)
def test_a_stream_that_upstream_does_not_finish_ends_in_an_error(
    served: Bench, steps: list[Any], said: str, path: str
) -> None:
    before = served.counts()
    answer = served.ask(stream(steps, done=False), path)
    assert text(assert_ends_in_error(answer, said)) == CLEAN
    after = served.counts()
    assert grown(before, after, "requests", outcome="upstream_failed") == 1
    assert grown(before, after, "requests", outcome="completed") == 0
    assert grown(before, after, "failures", stage="upstream", handling="closed") == 1
    decision = served.decision(answer.headers["x-fairgate-decision"])
    assert decision["outcome"] == "upstream_failed"
    assert said in decision["detail"]


@on_both
@pytest.mark.parametrize("steps", [steps for steps, _ in CUTS.values()], ids=CUTS)
def test_the_official_client_raises_where_a_stream_is_not_finished(served: Bench, steps: list[Any], path: str) -> None:
    asked = served.plays(stream(steps, done=False))
    got: list[str] = []
    with pytest.raises(openai.APIError):  # noqa: PT012 (the fault comes while the stream is read)
        if path == CHAT:
            for each in served.client.chat.completions.create(model="m", messages=ASK, stream=True, user=asked):
                got += [choice.delta.content or "" for choice in each.choices]
        else:
            for told in served.client.completions.create(model="m", prompt="Go on.", stream=True, user=asked):
                got += [choice.text for choice in told.choices]
    assert "".join(got) == CLEAN


def test_what_was_judged_before_a_fault_leaves_even_when_both_come_in_one_block(served: Bench) -> None:
    block = b"".join(event(each) for each in tokens(CLEAN, finish=None))
    answer = served.ask(stream([block + b"data: garbage\n\n"]))
    assert text(assert_ends_in_error(answer, "upstream")) == CLEAN


@on_both
def test_what_was_held_when_upstream_broke_off_does_not_leave(served: Bench, path: str) -> None:
    answer = served.ask(stream([*tokens(COPY, finish=None), Cut()], done=False), path)
    received = text(assert_ends_in_error(answer, "broke off")) if "error" in answer.text else text(events(answer))
    assert len(received.split()) <= 40


@pytest.mark.parametrize("streamed", [False, True])
def test_gzipped_answers_are_read(served: Bench, *, streamed: bool) -> None:
    answer = served.ask(
        stream(tokens(CLEAN), gzipped=True) if streamed else whole(CLEAN, gzipped=True), stream=streamed
    )
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert (text(events(answer)) if streamed else answer.json()["choices"][0]["message"]["content"]) == CLEAN
    blocked = served.ask(stream(tokens(COPY), gzipped=True) if streamed else whole(COPY, gzipped=True), stream=streamed)
    assert '"content_filter"' in blocked.text


def test_an_upstream_that_says_gzip_and_is_not_is_a_502(served: Bench) -> None:
    lying = payload(b'{"choices": []}', headers={"content-encoding": "gzip"})
    assert served.ask(lying, stream=False).status_code == 502


# The request is wrong

WRONG: dict[str, tuple[bytes, str | None]] = {
    "no body": (b"", None),
    "no JSON": (b"{", None),
    "not UTF-8": (b'{"messages": [{"role": "user", "content": "\xff"}]}', None),
    "a list": (b"[]", None),
    "no messages": (b'{"model": "m"}', None),
    "messages that are no list": (b'{"messages": "hello"}', "messages"),
    "a role that is a number": (b'{"messages": [{"role": 5, "content": "x"}]}', "messages[0].role"),
    "content that is a number": (b'{"messages": [{"role": "user", "content": 5}]}', "messages[0].content"),
    "stream that is a word": (b'{"messages": [], "stream": "yes"}', "stream"),
    "n below one": (b'{"messages": [], "n": 0}', "n"),
    "store": (b'{"messages": [], "store": true}', "store"),
    "an unknown key of ours": (b'{"messages": [], "fairgate": {"polcy": "x"}}', "fairgate"),
}


@pytest.mark.parametrize(("body", "param"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_a_400_that_names_the_key(served: Bench, body: bytes, param: str | None) -> None:
    asked = len(served.upstream.requests)
    answer = served.post(body)
    assert answer.status_code == 400
    assert error(answer)["type"] == "invalid_request_error"
    assert error(answer)["param"] == param
    assert len(served.upstream.requests) == asked


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_a_413(served: Bench, *, chunked: bool) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 5000}]}).encode()
    content: Any = iter([body[:100], body[100:]]) if chunked else body
    answer = httpx.post(f"{served.url}/v1/chat/completions", content=content)
    assert answer.status_code == 413
    assert "4096" in error(answer)["message"]


@pytest.mark.parametrize(
    "path",
    ["/v1/responses", "/v1/messages", "/v1/images/generations", "/v1/audio/speech", "/anything",
     "/v1/chat/completions/x", "/V1/chat/completions", "/v1/embeddings/x"],
)  # fmt: skip
def test_a_route_that_is_not_checked_is_a_404_that_names_it(served: Bench, path: str) -> None:
    asked = len(served.upstream.requests)
    answer = served.post({"model": "m", "messages": ASK, "prompt": "x"}, path)
    assert answer.status_code == 404
    assert error(answer)["message"].startswith(f"`POST {path}` is not served")
    assert len(served.upstream.requests) == asked


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    ["/v1/models/../chat/completions", "/v1/models/%2e%2e/chat/completions", "/v1/models/a%2f..%2f../chat/completions",
     "/v1/models/./x", "/v1/models/x%3fy", "/v1/models/x%23y", "/v1/models/..%5Cchat", "/v1/models/%252e%252e/x"],
)  # fmt: skip
def test_no_path_that_passes_climbs_to_one_that_does_not(served: Bench, path: str, method: str) -> None:
    asked = len(served.upstream.requests)
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=10)
    connection.request(method, path, json.dumps({"messages": ASK}))
    assert connection.getresponse().status in (404, 405)
    connection.close()
    assert len(served.upstream.requests) == asked


def test_a_model_whose_name_has_slashes_can_be_asked_for(served: Bench) -> None:
    httpx.get(f"{served.url}/v1/models/meta-llama/Llama-3.1-8B:free")
    assert served.upstream.requests[-1].path == "/v1/models/meta-llama/Llama-3.1-8B:free"


def test_a_route_that_the_operator_lists_passes_as_it_is(tmp_path: Path) -> None:
    with bench(tmp_path, "passthrough: [/v1/audio/speech]\n") as served:
        script = served.plays(payload(b"sound", headers={"content-type": "audio/mpeg"}))
        answer = served.post({"input": "x", "user": script}, "/v1/audio/speech")
        assert (answer.status_code, answer.content) == (200, b"sound")
        assert served.post({"input": "x", "user": script}, "/v1/audio/translations").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_the_chat_route_takes_only_a_post(served: Bench, method: str) -> None:
    asked = len(served.upstream.requests)
    answer = httpx.request(method, f"{served.url}/v1/chat/completions")
    assert answer.status_code in (404, 405, 204)
    assert len(served.upstream.requests) == asked


def test_header_and_body_that_disagree_are_a_400(served: Bench) -> None:
    asked = {"messages": ASK, "fairgate": {"policy": "open", "use": {"purpose": "parody"}}}
    answer = served.post(asked, x_fairgate_policy="test")
    assert answer.status_code == 400
    assert error(answer)["param"] == "fairgate.policy"
    answer = served.post(asked, x_fairgate_purpose="education")
    assert answer.status_code == 400
    assert error(answer)["param"] == "fairgate.use.purpose"


def test_a_policy_that_is_not_allowed_is_a_403(served: Bench) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="may not choose the policy `research`"):
        served.client.chat.completions.create(model="m", messages=ASK, extra_headers={auth.POLICY_HEADER: "research"})


# The client leaves


@pytest.mark.parametrize("clients", [1, 8])
def test_when_clients_leave_upstream_sees_it_and_the_ledger_tells(served: Bench, clients: int) -> None:
    before, left = served.counts(), served.upstream.cancelled
    slow = stream([*UNENDED, *(step for _ in range(100) for step in (Pause(0.1), chunk({"content": " more"})))])

    def leave(_: int) -> str:
        asked = {"model": "m", "messages": ASK, "stream": True, "user": served.plays(slow)}
        with httpx.stream("POST", f"{served.url}/v1/chat/completions", json=asked) as answer:
            next(answer.iter_bytes())
            return answer.headers["x-fairgate-decision"]

    with ThreadPoolExecutor(clients) as pool:
        decisions = list(pool.map(leave, range(clients)))
    assert served.upstream.wait_for(lambda upstream: upstream.cancelled == left + clients, 1.5)
    assert eventually(lambda: grown(before, served.counts(), "requests", outcome="client_left") == clients)
    assert len(set(decisions)) == clients
    for each in decisions:
        decision = served.decision(each)
        assert decision["outcome"] == "client_left"
        assert [choice["action"] for choice in decision["choices"]] == ["pass"]
    assert "fairgate_streams_in_flight 0.0" in httpx.get(f"{served.url}/metrics").text


def test_a_client_that_leaves_before_a_whole_answer_stops_upstream(served: Bench) -> None:
    left = served.upstream.cancelled
    slow = Answer([Pause(0.8), b"{"] * 20, headers={"content-type": "application/json"})
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{served.url}/v1/chat/completions",
            json={"messages": ASK, "user": served.plays(slow)},
            timeout=httpx.Timeout(5, read=0.3),
        )
    assert served.upstream.wait_for(lambda upstream: upstream.cancelled == left + 1, 2.0)


# The ledger cannot be written


@pytest.fixture
def unwritten(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as served:
        assert httpx.get(f"{served.url}/readyz").status_code == 200
        for part in ("", "-wal", "-shm"):
            (tmp_path / f"ledger.db{part}").rename(tmp_path / f"away.db{part}")
        yield served
        for part in ("", "-wal", "-shm"):
            (tmp_path / f"away.db{part}").rename(tmp_path / f"ledger.db{part}")


def test_without_a_ledger_no_finish_frame_of_a_stopped_choice_leaves(unwritten: Bench) -> None:
    answer = unwritten.ask(stream(tokens(COPY)))
    found = assert_ends_in_error(answer, "ledger")
    assert len(text(found).split()) <= 40
    assert grown({}, unwritten.counts(), "failures", stage="ledger", handling="closed") >= 1
    assert grown({}, unwritten.counts(), "failures", handling="open") == 0
    assert grown({}, unwritten.counts(), "requests", outcome="completed") == 0


def test_without_a_ledger_a_whole_answer_that_is_stopped_is_a_503(unwritten: Bench) -> None:
    answer = unwritten.ask(whole(COPY), stream=False)
    assert answer.status_code == 503
    assert "ledger" in error(answer)["message"]
    assert " ".join(COPY.split()[:5]) not in answer.text
    assert grown({}, unwritten.counts(), "requests", outcome="refused") == 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_policy_that_says_pass_lets_it_leave_and_counts_it_as_open(unwritten: Bench, *, streamed: bool) -> None:
    wanted = {"policy": str(unwritten.folder / "open.yaml")}
    script = stream(tokens(COPY)) if streamed else whole(COPY)
    answer = unwritten.ask(script, stream=streamed, fairgate=wanted)
    assert answer.status_code == 200
    assert '"finish_reason"' in answer.text
    after = unwritten.counts()
    assert grown({}, after, "failures", stage="ledger", handling="open") >= 1
    assert grown({}, after, "requests", outcome="completed") == 0


def test_without_a_ledger_the_server_is_not_ready_and_says_why(unwritten: Bench) -> None:
    answer = httpx.get(f"{unwritten.url}/readyz")
    assert answer.status_code == 503
    assert answer.json()["ledger"].startswith("not writable")


def test_the_server_is_ready_again_when_the_ledger_is_back(tmp_path: Path) -> None:
    with bench(tmp_path) as served:
        assert httpx.get(f"{served.url}/readyz").status_code == 200
        (tmp_path / "ledger.db").rename(tmp_path / "away.db")
        assert httpx.get(f"{served.url}/readyz").status_code == 503
        (tmp_path / "away.db").rename(tmp_path / "ledger.db")
        assert eventually(lambda: httpx.get(f"{served.url}/readyz").status_code == 200)


# All is well


def test_an_answer_without_faults_is_counted_as_completed_and_as_nothing_else(served: Bench) -> None:
    before = served.counts()
    served.ask(stream([opening(), chunk({"content": CLEAN}), ending()]))
    after = served.counts()
    assert grown(before, after, "requests") == grown(before, after, "requests", outcome="completed") == 1
    assert grown(before, after, "failures") == 0
    assert grown(before, after, "decisions", action="pass", applied="pass", policy="test") == 1


# Limits of the server itself


def test_more_answers_at_once_than_allowed_are_a_503(tmp_path: Path) -> None:
    with bench(tmp_path, "limits: {streams: 1}\n") as served:
        endless = served.plays(stream([*UNENDED, Stall()], done=False))
        asked = {"messages": ASK, "stream": True, "user": endless}
        with httpx.stream("POST", f"{served.url}/v1/chat/completions", json=asked) as running:
            blocks = running.iter_bytes()  # kept: a generator that is dropped closes the answer
            next(blocks)
            answer = served.ask(whole(CLEAN), stream=False)
            assert answer.status_code == 503
            assert "as many answers" in error(answer)["message"]
        assert eventually(lambda: served.ask(whole(CLEAN), stream=False).status_code == 200)


def test_a_stream_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with bench(tmp_path, "limits: {time: 0.5s}\n") as served:
        more = [step for _ in range(50) for step in (Pause(0.1), chunk({"content": " more"}))]
        assert_ends_in_error(served.ask(stream([*UNENDED, *more])), "took longer than 0.5 seconds")
        assert served.upstream.wait_for(lambda upstream: upstream.cancelled == 1, 1.5)
        assert grown({}, served.counts(), "requests", outcome="upstream_failed") == 1


def test_a_whole_answer_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with bench(tmp_path, "limits: {time: 0.5s}\n") as served:
        slow = Answer([*[Pause(0.1), b" "] * 20, whole(CLEAN).steps[0]], headers={"content-type": "application/json"})
        assert served.ask(slow, stream=False).status_code == 504
        assert grown({}, served.counts(), "requests", outcome="upstream_failed") == 1


def test_a_client_that_leaves_before_upstream_begins_is_counted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        with bench(tmp_path, upstream=address) as served:
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(
                    f"{served.url}/v1/chat/completions", json={"messages": ASK}, timeout=httpx.Timeout(5, read=0.3)
                )
            assert eventually(lambda: grown({}, served.counts(), "requests", outcome="client_left") == 1, 2.0)
