"""`/v1/completions` through a real server with the official client: cut, told, echoed, scored, asked for again."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai.types import Completion

from tests.support.bench import CLEAN, WORK, Bench, bench, prose
from tests.support.text_completions import PATH, columns, text_chunk, whole_text
from tests.support.upstream import Answer, Json, payload, pieces, stream, usage_frame, used

pytestmark = pytest.mark.live
WORDS = WORK.split()
LIMIT = 40
COPY = " ".join(WORDS[100:200])
CUT = " ".join(WORDS[100 : 100 + LIMIT])
QUOTE = " ".join(WORDS[20:45])
POLICIES = {
    "retold": "name: retold\nlimits: {text: {words: 40, over: rewrite}}\nrewrite: {tries: 1, fallback: block}\n",
    "quoted": "name: quoted\nlimits: {text: {words: 40, over: rewrite}}\nrewrite: {tries: 0, fallback: quote}\n",
    "silent": "name: silent\nlimits: {text: {words: 40, over: block}}\nannotations: 'off'\n",
    "judged": "name: judged\nlimits: {text: {words: 40, over: block}}\ngrounded: judge\n",
    "minimal": "name: minimal\nlimits: {text: {words: 40, over: block}}\nannotations: minimal\n",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("completions")
    for name, text in POLICIES.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    allowed = "allowed_policies: [" + ", ".join(f'"{folder}/{name}.yaml"' for name in POLICIES) + "]\n"
    with bench(folder, allowed=allowed) as made:
        yield made


class Told:
    """What a client put together of one choice."""

    def __init__(self) -> None:
        self.text = ""
        self.finish_reason: str | None = None
        self.extra: dict[str, Any] = {}
        self.verdict: dict[str, Any] = {}
        self.tokens: list[str] = []
        self.offsets: list[int] = []


def ask(served: Bench, answers: Answer | list[Answer], prompt: Any = "Go on.", **extra: Any) -> dict[int, Told]:
    """Ask by the official client, streamed or not, and put the choices together."""
    policy = extra.pop("policy", None)
    made = served.client.completions.create(
        model="m",
        prompt=prompt,
        user=served.plays(*answers) if isinstance(answers, list) else served.plays(answers),
        extra_headers={"x-fairgate-policy": f"{served.folder}/{policy}.yaml"} if policy else None,
        **extra,
    )
    out: dict[int, Told] = {}
    for each in [made] if isinstance(made, Completion) else made:
        for choice in each.choices:
            told = out.setdefault(choice.index, Told())
            assert told.finish_reason is None, "a choice went on after its end"
            told.text += choice.text
            told.extra |= choice.model_extra or {}
            if choice.logprobs is not None:
                told.tokens += choice.logprobs.tokens or []
                told.offsets += choice.logprobs.text_offset or []
            if choice.finish_reason:
                told.finish_reason = choice.finish_reason
                told.verdict = (each.model_extra or {}).get("fairgate", {})
    return out


def says(text: str, *, streamed: bool, cut: str | int = "word", **of_choice: Any) -> Answer:
    """An answer of one choice."""
    if not streamed:
        return payload(whole_text({"text": text, **of_choice}, usage=used()))
    last = text_chunk("", finish="stop")
    return stream([*(text_chunk(piece) for piece in pieces(text, cut)), last])


def post(served: Bench, answer: Answer, **body: Any) -> httpx.Response:
    policy = {"x-fairgate-policy": f"{served.folder}/{body.pop('policy')}.yaml"} if "policy" in body else {}
    return served.post({"model": "m", "prompt": "Go on.", "user": served.plays(answer), **body}, PATH, **policy)


both = pytest.mark.parametrize("streamed", [False, True])


@both
@pytest.mark.parametrize("cut", ["char", "word", "whole", 7])
def test_a_copy_is_cut_at_its_limit_and_the_client_told_why(served: Bench, cut: str | int, *, streamed: bool) -> None:
    (told,) = ask(served, says(f"He read: {COPY} and stopped.", streamed=streamed, cut=cut), stream=streamed).values()
    assert told.text == f"He read: {CUT}"
    assert told.finish_reason == "content_filter"
    assert told.extra["refusal"].startswith("This answer was stopped because it repeats protected text.")
    assert told.extra["content_filter_results"]["protected_material_text"]["filtered"]
    assert told.verdict["action"] == "block"
    assert [(m["channel"], m["choice"]) for m in told.verdict["matches"]] == [("content", 0)]


@both
def test_a_quotation_is_attributed_on_the_choice(served: Bench, *, streamed: bool) -> None:
    text = f"{prose(20, 3)} “{QUOTE}” {prose(20, 4)}"
    (told,) = ask(served, says(text, streamed=streamed), stream=streamed, policy="minimal").values()
    assert (told.text, told.verdict["action"], "annotations" in told.extra) == (text, "attribute", False)
    (told,) = ask(served, says(text, streamed=streamed), stream=streamed).values()
    assert (told.text, told.finish_reason) == (text, "stop")
    (citation,) = told.extra["annotations"]
    span = citation["url_citation"]
    assert text[span["start_index"] : span["end_index"]] == QUOTE
    assert "delta" not in told.extra
    assert "message" not in told.extra


def test_events_leave_byte_for_byte_where_nothing_is_told(served: Bench) -> None:
    answer = says(CLEAN, streamed=True, cut="char")
    sent = b"".join(step for step in answer.steps if isinstance(step, bytes))
    assert post(served, answer, stream=True, policy="silent").content == sent


@both
def test_a_finish_reason_may_come_with_the_last_text(served: Bench, *, streamed: bool) -> None:
    steps = [text_chunk("one "), text_chunk(CLEAN, finish="length")]
    answer = stream(steps) if streamed else payload(whole_text({"text": f"one {CLEAN}", "finish_reason": "length"}))
    (told,) = ask(served, answer, stream=streamed).values()
    assert (told.text, told.finish_reason) == (f"one {CLEAN}", "length")


@both
def test_each_choice_of_each_prompt_has_a_verdict_of_its_own(served: Bench, *, streamed: bool) -> None:
    texts = [CLEAN, COPY, prose(30, 5), COPY]
    ends = [text_chunk("", at, finish="stop") for at in range(4)]
    steps = [text_chunk(piece, at) for at, text in enumerate(texts) for piece in pieces(text)]
    answer = stream([*steps, *ends]) if streamed else payload(whole_text(*texts))
    told = ask(served, answer, ["One.", "Two."], n=2, stream=streamed)
    assert [told[at].text for at in range(4)] == [CLEAN, CUT, prose(30, 5), CUT]
    assert [told[at].finish_reason for at in range(4)] == ["stop", "content_filter"] * 2
    if streamed:
        assert [told[at].verdict["action"] for at in range(4)] == ["pass", "block"] * 2


def test_a_stream_is_read_on_while_a_choice_of_another_prompt_is_still_to_come(served: Bench) -> None:
    copied = [text_chunk(COPY, 0), text_chunk("", 0, finish="stop")]
    answer = stream([*copied, text_chunk(CLEAN, 1), text_chunk("", 1, finish="stop")])
    told = ask(served, answer, ["One.", "Two."], stream=True)
    assert [told[0].text, told[1].text] == [CUT, CLEAN]


# Echo


@both
@pytest.mark.parametrize("policy", [None, "judged"])
def test_an_echoed_prompt_is_the_requests_own(served: Bench, policy: str | None, *, streamed: bool) -> None:
    answer = says(f"{COPY} {CLEAN}", streamed=streamed)
    (told,) = ask(served, answer, COPY, echo=True, stream=streamed, policy=policy).values()
    assert (told.text, told.finish_reason, told.verdict["action"]) == (f"{COPY} {CLEAN}", "stop", "pass")
    assert told.verdict["matches"] == []


@both
def test_scoring_a_prompt_passes_byte_for_byte(served: Bench, *, streamed: bool) -> None:
    spelled = pieces(COPY)
    ranked = [None, *({str(at): {"logprob": -1.5, "rank": 2, "decoded_token": t}} for at, t in enumerate(spelled))]
    scored = {"logprobs": columns(spelled, first=None), "finish_reason": "length", "prompt_logprobs": ranked}
    if streamed:
        answer = stream([text_chunk(COPY, logprobs=scored["logprobs"], finish="length")])
    else:
        answer = payload(whole_text({"text": COPY, **scored}, usage=used()))
    got = post(served, answer, prompt=COPY, echo=True, logprobs=1, max_tokens=0, stream=streamed, policy="silent")
    assert got.content == b"".join(step for step in answer.steps if isinstance(step, bytes))


@pytest.mark.parametrize("spaced", [True, False])
def test_a_scored_prompt_may_begin_with_a_control_token_and_be_spelled_without_space(
    served: Bench, *, spaced: bool
) -> None:
    spelled = ["<|begin_of_text|>", *(piece if spaced else piece.strip() for piece in pieces(COPY))]
    answer = payload(whole_text({"text": COPY, "logprobs": columns(spelled, first=None)}))
    (told,) = ask(served, answer, COPY, echo=True, logprobs=1, max_tokens=0).values()
    assert told.tokens == spelled


@both
@pytest.mark.parametrize("given", [20, 60])
@pytest.mark.parametrize("cut", ["char", "word", 11])
def test_what_goes_on_behind_the_prompt_counts_from_its_first_word(
    served: Bench, given: int, cut: str | int, *, streamed: bool
) -> None:
    """The copy begins in the prompt and goes on in the answer: the answer alone is bounded, with echo and without."""
    prompt, rest = " ".join(WORDS[100 - given : 100]), f" {COPY}"
    (bare,) = ask(served, says(rest, streamed=streamed, cut=cut), prompt, stream=streamed).values()
    echoing = says(prompt + rest, streamed=streamed, cut=cut)
    (echoed,) = ask(served, echoing, prompt, echo=True, stream=streamed).values()
    assert bare.text == f" {CUT}"
    assert echoed.text == prompt + bare.text
    shift = len(prompt)
    (one,), (other,) = bare.verdict["matches"], echoed.verdict["matches"]
    assert other == one | {
        "start": one["start"] + shift,
        "end": one["end"] + shift,
        "delivered": [at + shift for at in one["delivered"]],
    }
    assert echoed.verdict["score"] == bare.verdict["score"]


@both
def test_as_many_words_as_the_limit_go_on_behind_the_prompt(served: Bench, *, streamed: bool) -> None:
    prompt, rest = " ".join(WORDS[50:100]), f" {CUT}"
    (told,) = ask(served, says(rest, streamed=streamed), prompt, stream=streamed).values()
    assert (told.text, told.finish_reason) == (rest, "stop")


@both
def test_a_prompt_that_upstream_cut_or_respelled_is_seen_to_be_the_requests(served: Bench, *, streamed: bool) -> None:
    for echoed in (" ".join(WORDS[130:200]), f"{' '.join(WORDS[100:150])}  {' '.join(WORDS[150:200])}"):
        text = f"{echoed} {' '.join(WORDS[200:300])}"
        (told,) = ask(served, says(text, streamed=streamed), COPY, echo=True, stream=streamed).values()
        assert told.text == f"{echoed} {' '.join(WORDS[200 : 200 + LIMIT])}"
        assert told.finish_reason == "content_filter"


@both
def test_each_choice_echoes_the_prompt_that_it_belongs_to(served: Bench, *, streamed: bool) -> None:
    prompts = [" ".join(WORDS[:60]), CLEAN]
    texts = [f"{prompts[at // 2]} {COPY}" for at in range(4)]
    steps = [text_chunk(piece, at) for at, text in enumerate(texts) for piece in pieces(text)]
    ends = [text_chunk("", at, finish="stop") for at in range(4)]
    answer = stream([*steps, *ends]) if streamed else payload(whole_text(*texts))
    told = ask(served, answer, prompts, n=2, echo=True, stream=streamed)
    assert [told[at].text for at in range(4)] == [f"{prompts[at // 2]} {CUT}" for at in range(4)]


@both
@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2, 3]]])
def test_an_echo_of_token_numbers_is_judged_as_if_it_were_generated(
    served: Bench, prompt: list[Any], *, streamed: bool
) -> None:
    (told,) = ask(served, says(COPY, streamed=streamed), prompt, echo=True, stream=streamed).values()
    assert (told.text, told.finish_reason) == (CUT, "content_filter")


@both
def test_an_upstream_that_does_not_echo_is_judged_as_one_not_asked_to(served: Bench, *, streamed: bool) -> None:
    (told,) = ask(served, says(COPY, streamed=streamed), "Go on.", echo=True, stream=streamed).values()
    assert told.text == CUT


# Log probabilities


@both
@pytest.mark.parametrize("echo", [False, True])
def test_log_probabilities_leave_with_their_text(served: Bench, *, echo: bool, streamed: bool) -> None:
    prompt = " ".join(WORDS[50:100])
    text = f"{prompt} {COPY}" if echo else COPY
    spelled = pieces(text)
    if streamed:
        ats = [sum(map(len, spelled[:at])) for at in range(len(spelled))]
        steps = [text_chunk(t, logprobs=columns([t], at)) for t, at in zip(spelled, ats, strict=True)]
        answer = stream([*steps, text_chunk("", finish="stop")])
    else:
        answer = payload(whole_text({"text": text, "logprobs": columns(spelled)}))
    (told,) = ask(served, answer, prompt, echo=echo, logprobs=1, stream=streamed).values()
    assert told.text == (f"{prompt} {CUT}" if echo else CUT)
    assert "".join(told.tokens) == told.text
    assert told.offsets == [sum(map(len, told.tokens[:at])) for at in range(len(told.tokens))]


def test_log_probabilities_that_no_one_asked_for_do_not_leave(served: Bench) -> None:
    answer = payload(whole_text({"text": CLEAN, "logprobs": columns(pieces(COPY))}))
    (told,) = ask(served, answer).values()
    assert (told.text, told.tokens) == (CLEAN, [])


def test_tokens_that_spell_no_text_of_the_answer_do_not_leave(served: Bench) -> None:
    answer = payload(whole_text({"text": CLEAN, "logprobs": columns([*pieces(CLEAN), *pieces(f" {COPY}")])}))
    (told,) = ask(served, answer, logprobs=0).values()
    assert "".join(told.tokens) == CLEAN


# Usage


def test_usage_that_was_asked_for_comes_with_a_cut_stream_too(served: Bench) -> None:
    frames = [text_chunk(piece) for piece in pieces(COPY)]
    answer = stream([*frames, text_chunk("", finish="stop"), {**usage_frame(), "object": "text_completion"}])
    got = post(served, answer, stream=True, stream_options={"include_usage": True})
    data = [line.removeprefix("data: ") for line in got.text.splitlines() if line]
    assert data[-1] == "[DONE]"
    usage: Json = json.loads(data[-2])
    assert (usage["choices"], usage["object"], usage["usage"]["estimated"]) == ([], "text_completion", True)


def test_usage_of_a_whole_answer_passes(served: Bench) -> None:
    made = served.client.completions.create(
        model="m", prompt="Go on.", best_of=3, n=1, suffix=" The end.", user=served.plays(says(CLEAN, streamed=False))
    )
    assert made.usage is not None
    assert made.usage.total_tokens == used()["total_tokens"]
    asked = served.upstream.requests[-1].json
    assert (asked["best_of"], asked["suffix"]) == (3, " The end.")


@both
def test_the_suffix_is_the_requests_own(served: Bench, *, streamed: bool) -> None:
    (told,) = ask(served, says(COPY, streamed=streamed), suffix=COPY, stream=streamed).values()
    assert (told.text, told.verdict["action"]) == (COPY, "pass")


# Rewriting


@both
@pytest.mark.parametrize("echo", [False, True])
def test_a_copy_is_told_in_other_words_behind_what_the_client_has(served: Bench, *, echo: bool, streamed: bool) -> None:
    prompt = " ".join(WORDS[50:100])
    first = says(f"{prompt} {COPY}" if echo else f" {COPY}", streamed=streamed)
    second = says(f" {CLEAN}", streamed=True)
    given = [prompt] if echo else prompt
    (told,) = ask(served, [first, second], given, echo=echo, stream=streamed, policy="retold", max_tokens=400).values()
    begun = f"{prompt} {CUT}" if echo else f" {CUT}"
    assert told.text == f"{begun} {CLEAN}"
    assert (told.finish_reason, told.verdict["action"]) == ("stop", "rewrite")
    asked = served.upstream.requests[-1].json
    assert asked["prompt"].endswith(f"\n\n{prompt} {CUT}")
    assert not asked.get("echo")
    assert asked["stream"]
    assert asked["max_tokens"] < 400
    assert "best_of" not in asked


@both
def test_a_copy_that_begins_again_behind_the_seam_is_stopped_there(served: Bench, *, streamed: bool) -> None:
    first = says(f" {' '.join(WORDS[100:200])}", streamed=streamed)
    second = says(f" {' '.join(WORDS[140:200])}", streamed=True)
    (told,) = ask(served, [first, second], "Go on.", stream=streamed, policy="retold").values()
    assert (told.text, told.finish_reason) == (f" {CUT}", "content_filter")


@both
@pytest.mark.parametrize("prompt", ["Go on.", [1, 2, 3], CLEAN])
def test_a_copy_may_become_a_quotation(served: Bench, prompt: Any, *, streamed: bool) -> None:
    echoed = prompt if prompt == CLEAN else ""
    answer = says(f"{echoed} He read: {COPY} {prose(40, 9)}", streamed=streamed)
    (told,) = ask(served, answer, prompt, echo=bool(echoed), stream=streamed, policy="quoted").values()
    assert told.text.startswith(f"{echoed} He read: {CUT} [...]")
    assert told.text.endswith(prose(40, 9))
    assert (told.finish_reason, told.verdict["action"]) == ("stop", "rewrite")


@both
def test_what_is_told_again_is_judged_alike_with_an_echo_and_without(served: Bench, *, streamed: bool) -> None:
    prompt, copied, later = " ".join(WORDS[50:100]), f" {COPY}", f" {CLEAN} {' '.join(WORDS[300:315])}."
    second = says(later, streamed=True)
    policy = {"stream": streamed, "policy": "retold"}
    (bare,) = ask(served, [says(copied, streamed=streamed), second], prompt, **policy).values()
    echoing = says(prompt + copied, streamed=streamed)
    (echoed,) = ask(served, [echoing, second], prompt, echo=True, **policy).values()
    assert (bare.text, echoed.text) == (f" {CUT}{later}", f"{prompt} {CUT}{later}")
    spans = [
        [(each["start"], each["end"], each["delivered"]) for each in told.verdict["matches"]] for told in (bare, echoed)
    ]
    shift = len(prompt)
    assert len(spans[0]) == 2
    assert spans[1] == [(start + shift, end + shift, [at + shift for at in sent]) for start, end, sent in spans[0]]


@both
def test_a_prompt_of_token_numbers_is_not_asked_for_again(served: Bench, *, streamed: bool) -> None:
    asked = len(served.upstream.requests)
    (told,) = ask(served, says(COPY, streamed=streamed), [1, 2, 3], stream=streamed, policy="retold").values()
    assert (told.text, told.finish_reason) == (CUT, "content_filter")
    assert len(served.upstream.requests) == asked + 1


# What is asked


@pytest.mark.parametrize(
    ("key", "value"),
    [("prompt", 5), ("n", 0), ("suffix", 5), ("stream", "yes"), ("store", True), ("logprobs", "all"),
     ("fairgate", {"polcy": "x"})],
)  # fmt: skip
def test_a_wrong_request_is_a_400_that_names_the_key(served: Bench, key: str, value: Any) -> None:
    got = served.post({"model": "m", "prompt": "Go on.", key: value}, PATH)
    assert (got.status_code, got.json()["error"]["param"]) == (400, key)


def test_upstream_gets_the_very_bytes_that_the_client_sent(served: Bench) -> None:
    body = b'{"user": "%s" ,"prompt":  "x", "novel": [1.50]}' % served.plays(says(CLEAN, streamed=False)).encode()
    assert served.post(body, PATH).status_code == 200
    assert served.upstream.requests[-1].body == body


def test_the_decision_names_the_surface(served: Bench) -> None:
    got = post(served, says(COPY, streamed=False))
    assert got.headers["x-fairgate-action"] == "block"
    assert served.decision(got.headers["x-fairgate-decision"])["route"] == PATH
    labels = f'route="{PATH}"'
    assert any(labels in line for line in httpx.get(f"{served.url}/metrics").text.splitlines())


def test_a_field_that_no_table_lists_is_dropped(served: Bench) -> None:
    hidden = {
        "prompt_logprobs": [{"1": {"decoded_token": COPY}}],
        "routed_experts": "AAA=",
        "message": {"content": COPY},
        "delta": {"x": COPY},
    }
    got = post(served, payload(whole_text({"text": CLEAN, **hidden}))).json()
    assert got["choices"][0]["text"] == CLEAN
    assert not hidden.keys() & got["choices"][0].keys()
