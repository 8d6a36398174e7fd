"""A copied passage told in other words: what left, what a rewriter writes next, and what becomes of it otherwise."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.support.leaks import LeakJudge
from tests.support.retelling import (
    AFTER,
    FIRST,
    LIMIT,
    MORE,
    NOTE,
    OWN,
    POLICY,
    PREFIX,
    SAID,
    WORK,
    Stage,
    answers,
    breaks,
    garbage,
    is_no_stream,
    is_silent,
    obeys,
    paraphrases,
    paraphrases_well,
    recites,
    recites_first,
    refuses,
    reworded,
    staged,
    stalls,
    stalls_in_words,
)
from tests.support.upstream import Answer, Asked, Pause, Stall, chunk, failure, stream, tokens, whole

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stage]]:
    with ExitStack() as stack:
        made: dict[tuple[str, float, str], Stage] = {}

        def build(rewrite: str = "tries: 2", *, seconds: float = 5, more: str = "") -> Stage:
            key = (rewrite, seconds, more)
            if key not in made:
                folder = tmp_path_factory.mktemp("rewrite")
                made[key] = stack.enter_context(staged(folder, POLICY.format(rewrite=rewrite, more=more), seconds))
            made[key].begins = recites_first
            return made[key]

        yield build


BOTH = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])


@BOTH
def test_a_rewriter_that_obeys_goes_on_where_the_copy_was_cut(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make()
    stage.script[:] = [obeys]
    before = stage.metric('rewrite_tries_total{result="clean"}')
    found = stage.ask(streamed=streamed)
    assert found.content == f"{PREFIX} {OWN}"
    assert found.finish_reason == "stop"
    assert found.refusal == ""
    assert found.verdict["action"] == "rewrite"
    assert len(found.ids) == 1
    assert stage.metric('rewrite_tries_total{result="clean"}') == before + 1
    (match,) = found.verdict["matches"]
    assert found.content[match["start"] : match["end"]] == " ".join(WORK.split()[:LIMIT])
    assert match["delivered"] == [match["start"], match["end"]]
    assert match["words"] == LIMIT + 1
    (citation,) = [each["url_citation"] for each in found.annotations]
    assert [citation["start_index"], citation["end_index"]] == match["delivered"]
    if streamed:
        assert found.comments >= 1
        assert found.done


@BOTH
def test_what_is_asked_for_is_the_rest_of_the_answer(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make()
    stage.script[:] = [recites, obeys]
    stage.ask(streamed=streamed, max_tokens=500, seed=3, temperature=0.5)
    first, second = stage.seen
    assert first["messages"][-1] == {"role": "assistant", "content": PREFIX}
    assert first["messages"][0]["content"].startswith("Go on.\n\n")
    assert "The Work, A. Writer" in first["messages"][0]["content"]
    assert first["stream"] is True
    assert first["continue_final_message"] is True
    assert first["max_tokens"] == 500 - -(-len(PREFIX) // 4)
    assert first["temperature"] == 0.5
    assert [first["seed"], second["seed"]] == [4, 5]
    assert first["messages"][0] != second["messages"][0]


@BOTH
@pytest.mark.parametrize("rewriter", [recites, paraphrases])
def test_a_rewriter_that_goes_on_copying_is_asked_again_and_then_quoted(
    make: Callable[..., Stage], rewriter: Callable[[Asked], Answer], streamed: bool
) -> None:
    stage = make()
    stage.script[:] = [rewriter]
    still, quoted = (stage.metric(f'rewrite_tries_total{{result="{r}"}}') for r in ("still_copied", "quoted"))
    found = stage.ask(streamed=streamed)
    assert len(stage.seen) == 2
    assert found.content.startswith(PREFIX)
    assert NOTE in found.content
    assert found.content.endswith(MORE)
    assert found.finish_reason == "stop"
    assert found.verdict["action"] == "rewrite"
    assert LeakJudge([WORK], LIMIT).leaks(found.content) == []
    assert stage.metric('rewrite_tries_total{result="still_copied"}') == still + 2
    assert stage.metric('rewrite_tries_total{result="quoted"}') == quoted + 1


@BOTH
def test_a_paraphrase_is_judged_by_the_words_it_shares_alone(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make("tries: 1, fallback: block")
    stage.script[:] = [paraphrases_well]
    found = stage.ask(streamed=streamed)
    assert found.content == f"{PREFIX} zebra", "the run goes on over the seam and over the bridged word"
    stage = make(more="rules: [{when: {detector: near}, then: pass}]")  # it is near to the work as a whole
    stage.script[:] = [paraphrases_well]
    found = stage.ask(streamed=streamed)
    assert found.content == f"{PREFIX} zebra{reworded(6)}"
    assert LeakJudge([WORK], LIMIT).leaks(found.content) == []


@BOTH
def test_after_a_try_that_copied_one_that_does_not_is_taken(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make()
    stage.script[:] = [recites, obeys]
    found = stage.ask(streamed=streamed)
    assert found.content == f"{PREFIX} {OWN}"
    assert found.finish_reason == "stop"


@BOTH
def test_the_limit_spans_the_seam(make: Callable[..., Stage], streamed: bool) -> None:
    """A rewriter that goes on with the work's next word gives not one word of it, though its own are few."""
    stage = make("tries: 1, fallback: block")

    def one_more(asked: Asked) -> Answer:
        return answers(" " + " ".join(WORK.split()[LIMIT : LIMIT + 3]) + f" {OWN}", asked)

    stage.script[:] = [one_more]
    found = stage.ask(streamed=streamed)
    assert found.content == PREFIX
    assert found.finish_reason == "content_filter"


@BOTH
@pytest.mark.parametrize("rewriter", [recites, refuses, garbage, is_no_stream, is_silent, breaks])
def test_without_a_quotation_to_fall_back_to_the_answer_is_blocked(
    make: Callable[..., Stage], rewriter: Callable[[Asked], Answer], streamed: bool
) -> None:
    stage = make("tries: 2, fallback: block")
    stage.script[:] = [rewriter]
    blocked = stage.metric('rewrite_tries_total{result="blocked"}')
    found = stage.ask(streamed=streamed)
    kept = f" {MORE} {MORE}" if rewriter is breaks else ""
    assert found.content == PREFIX + kept
    assert found.finish_reason == "content_filter"
    assert "It copied 41 words" in found.refusal
    assert found.verdict["action"] == "block"
    assert stage.metric('rewrite_tries_total{result="blocked"}') == blocked + 1
    if streamed:
        assert found.done


@BOTH
@pytest.mark.parametrize("rewriter", [refuses, garbage, is_no_stream, is_silent])
def test_a_rewriter_that_cannot_be_had_leaves_the_quotation_with_its_source(
    make: Callable[..., Stage], rewriter: Callable[[Asked], Answer], streamed: bool
) -> None:
    stage = make()
    stage.script[:] = [rewriter]
    failed = stage.metric('rewrite_tries_total{result="failed"}')
    found = stage.ask(streamed=streamed)
    assert found.content == PREFIX + NOTE
    assert found.finish_reason == "content_filter"
    assert stage.metric('rewrite_tries_total{result="failed"}') == failed + 2
    assert stage.metric('failures_total{handling="closed",stage="rewrite"}') >= 2


@BOTH
@pytest.mark.parametrize("rewriter", [stalls, stalls_in_words])
def test_a_rewriter_that_stalls_is_waited_for_no_longer_than_allowed(
    make: Callable[..., Stage], rewriter: Callable[[Asked], Answer], streamed: bool
) -> None:
    stage = make(seconds=0.4)
    stage.script[:] = [rewriter, obeys]
    found = stage.ask(streamed=streamed)
    said = f" {MORE}" if rewriter is stalls_in_words else ""
    assert found.content == f"{PREFIX}{said} {OWN}"
    assert found.finish_reason == "stop"
    stage.script[:] = [stalls]
    found = stage.ask(streamed=streamed)
    assert found.content == PREFIX + NOTE
    assert found.finish_reason == "content_filter"
    assert stage.first.wait_for(lambda upstream: upstream.cancelled >= 3)


def test_comments_of_a_rewriter_are_no_progress(make: Callable[..., Stage]) -> None:
    stage = make(seconds=0.4)
    stage.script[:] = [lambda _: Answer([step for _ in range(400) for step in (b": wait\n\n", Pause(0.05))]), obeys]
    began = time.perf_counter()
    found = stage.ask(streamed=True)
    assert time.perf_counter() - began < 5
    assert found.content == f"{PREFIX} {OWN}"


@BOTH
def test_usage_is_summed_over_all_asks(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make()
    stage.script[:] = [obeys]
    extra = {"stream_options": {"include_usage": True}} if streamed else {}
    found = stage.ask(streamed=streamed, **extra)
    assert found.usage is not None
    if streamed:  # the first answer was cut off before it said what it used
        assert found.usage["estimated"] is True
        assert found.usage["prompt_tokens"] > 20
        assert found.usage["completion_tokens"] > 30 + len(PREFIX) // 4
    else:
        assert found.usage == {"prompt_tokens": 27, "completion_tokens": 41, "total_tokens": 68}


def test_usage_that_nobody_asked_for_is_not_sent(make: Callable[..., Stage]) -> None:
    stage = make()
    stage.script[:] = [obeys]
    assert stage.ask(streamed=True).usage is None


@BOTH
def test_no_try_is_made_where_the_policy_allows_none(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make("tries: 0")
    found = stage.ask(streamed=streamed)
    assert stage.seen == []
    assert found.content == f"{PREFIX}{NOTE} and {AFTER}"


@BOTH
@pytest.mark.parametrize(
    "extra",
    [{"n": 2}, {"logprobs": True}, {"response_format": {"type": "json_object"}}, {"tools": [{"type": "function"}]}],
    ids=["n", "logprobs", "json", "tools"],
)
def test_where_other_words_would_break_the_answer_it_is_blocked(
    make: Callable[..., Stage], extra: dict[str, Any], streamed: bool
) -> None:
    stage = make()
    stage.script[:] = [obeys]
    found = stage.ask(streamed=streamed, **extra)
    assert stage.seen == []
    assert found.finish_reason == "content_filter"


@BOTH
def test_another_upstream_may_be_the_rewriter(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make("upstream: other")
    stage.script[:] = [obeys]
    found = stage.ask(streamed=streamed)
    assert found.content == f"{PREFIX} {OWN}"
    asked = stage.other.requests[-1]
    assert asked.json["model"] == "rewriter-1"
    assert "authorization" not in asked.headers
    assert all(each.json["messages"][-1]["role"] == "user" for each in stage.first.requests)


def test_a_server_that_refuses_to_be_told_how_to_go_on_is_asked_without(make: Callable[..., Stage]) -> None:
    stage = make()
    stage.script[:] = [lambda _: failure(400), obeys]
    found = stage.ask(streamed=True)
    assert found.content == f"{PREFIX} {OWN}"
    assert "continue_final_message" not in stage.seen[1]
    assert stage.decision(found)["choices"][0]["tries"] == ["clean"]


def test_words_do_not_run_together_at_the_seam(make: Callable[..., Stage]) -> None:
    stage = make()
    stage.script[:] = [lambda asked: answers(OWN, asked)]
    assert stage.ask(streamed=True).content == f"{PREFIX} {OWN}"


@BOTH
@pytest.mark.parametrize("cut", ["char", "word", "whole"])
def test_a_server_that_begins_again_is_heard_from_where_the_client_is(
    make: Callable[..., Stage], cut: str, streamed: bool
) -> None:
    stage = make()
    stage.script[:] = [lambda _: stream(tokens(f"{PREFIX} {OWN}", cut))]
    assert stage.ask(streamed=streamed).content == f"{PREFIX} {OWN}"
    stage.script[:] = [lambda _: stream(tokens(PREFIX, cut)), lambda _: stream(tokens(SAID[:4], cut))]
    found = stage.ask(streamed=streamed)
    assert found.content == f"{PREFIX} {SAID[:4]}"
    assert stage.decision(found)["choices"][0]["tries"] == ["failed", "clean"]


def test_the_reasoning_of_a_rewriter_stays_with_us(make: Callable[..., Stage]) -> None:
    stage = make()

    def thinks(_: Asked) -> Answer:
        return stream([chunk({"reasoning_content": "I was told to go on."}), *tokens(f" {OWN}")])

    stage.script[:] = [thinks]
    found = stage.ask(streamed=True)
    assert found.content == f"{PREFIX} {OWN}"
    assert found.reasoning == ""


def test_the_decision_tells_what_was_tried_and_its_evidence_gives_the_verdict_again(make: Callable[..., Stage]) -> None:
    stage = make()
    stage.script[:] = [recites, obeys]
    found = stage.ask(streamed=True)
    (choice,) = stage.decision(found)["choices"]
    assert choice["tries"] == ["still_copied", "clean"]
    assert choice["action"] == choice["applied"] == "rewrite"
    assert choice["delivered_chars"] == len(found.content)
    assert choice["matches"][0]["excerpt"] == " ".join(WORK.split()[:LIMIT])


def test_upstream_is_cancelled_before_the_rewriter_is_asked(make: Callable[..., Stage]) -> None:
    stage = make("upstream: other")
    stage.begins = lambda _: stream([*tokens(FIRST, finish=None), Stall()], done=False)
    before, cancelled = stage.first.cancelled, []

    def looks(asked: Asked) -> Answer:
        cancelled.append(stage.first.wait_for(lambda upstream: upstream.cancelled == before + 1, 2))
        return obeys(asked)

    stage.script[:] = [looks]
    assert stage.ask(streamed=True).content == f"{PREFIX} {OWN}"
    assert cancelled == [True]


def test_a_client_that_leaves_meanwhile_ends_the_rewriter_too(make: Callable[..., Stage]) -> None:
    stage = make("upstream: other")
    stage.script[:] = [stalls_in_words]
    before = stage.other.cancelled
    body = {"model": "m", "messages": [{"role": "user", "content": "Go on."}], "stream": True}
    with httpx.stream("POST", f"{stage.gate.url}/v1/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if MORE.split()[-1] in line:
                break
    assert stage.other.wait_for(lambda upstream: upstream.cancelled == before + 1)


@BOTH
def test_a_copy_that_shows_with_the_very_last_word_is_told_again(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make()
    stage.script[:] = [obeys]
    stage.begins = lambda asked: answers(SAID + " ".join(WORK.split()[: LIMIT + 1]), asked)
    found = stage.ask(streamed=streamed)
    assert found.content == f"{PREFIX} {OWN}"
    assert found.finish_reason == "stop"


@BOTH
def test_a_copy_that_is_stopped_for_its_score_may_go_on_in_other_words(
    make: Callable[..., Stage], streamed: bool
) -> None:
    """The words that left weigh as much as before; that they did is no reason to stop what follows."""
    stage = make(more="thresholds: {attribute: 0.01, rewrite: 0.02, block: 0.99}\nfloors: {text: {words: 1}}")
    stage.script[:] = [obeys]
    found = stage.ask(streamed=streamed)
    assert found.content == f"{SAID}{' '.join(WORK.split()[:8])} {OWN}"
    assert found.finish_reason == "stop"
    assert len(stage.seen) == 1


@BOTH
def test_reasoning_is_not_told_again(make: Callable[..., Stage], streamed: bool) -> None:
    stage = make()
    recital = " ".join(WORK.split()[:60])

    def reasons(asked: Asked) -> Answer:
        if asked.json.get("stream"):
            return stream([*tokens(recital, channel="reasoning_content", finish=None), *tokens(OWN)])
        return whole({"reasoning_content": recital, "content": OWN})

    stage.begins = reasons
    found = stage.ask(streamed=streamed)
    assert stage.seen == []
    assert found.reasoning == " ".join(WORK.split()[:LIMIT]) + NOTE
    assert found.content == OWN


def test_the_client_knows_one_answer(make: Callable[..., Stage]) -> None:
    stage = make()
    other = {"id": "chatcmpl-other", "model": "other", "created": 5}
    stage.script[:] = [lambda _: stream([{**each, **other} for each in tokens(f" {OWN}")])]
    found = stage.ask(streamed=True)
    assert found.ids == {"chatcmpl-scripted"}
    assert found.content == f"{PREFIX} {OWN}"
