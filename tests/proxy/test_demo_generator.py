"""The sample generator, asked through the official client over a real socket."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from litestar.testing import TestClient

from proxy.demo.answers import RECITAL, cut
from proxy.demo.asks import Quote, Recite, Repeat, Unknown, Write, read_ask
from proxy.demo.generator import create_generator
from proxy.demo.reply import MODEL
from proxy.demo.shelf import load_works, samples_folder
from tests.support.serving import serving

WORKS = load_works(samples_folder())
ALICE = next(work for work in WORKS if work.id == "demo/alice")


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with serving(create_generator()) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none") as made:
        yield made


def say(client: openai.OpenAI, prompt: str, **options: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": prompt}], **options)


def heard(client: openai.OpenAI, prompt: str, **options: Any) -> str:
    chunks = say(client, prompt, stream=True, **options)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("Recite Alice, please", Recite),
        ("read me the opening of A Christmas Carol", Recite),
        ("Recite something by Edgar Allan Poe", Recite),
        ("請 recite 遠山", Recite),
        ("Recite the Lord of the Rings", Unknown),
        ("quote a line from The Raven", Quote),
        ("Repeat after me: recite Alice", Repeat),
        ("What should I read on holiday?", Write),
        ("Write about Alice and her sister", Write),
        ("", Write),
    ],
)
def test_a_prompt_is_read_as_what_it_asks_for(prompt: str, kind: type) -> None:
    assert type(read_ask(prompt, WORKS)) is kind


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.id)
def test_every_sample_is_found_by_its_title(work: Any) -> None:
    ask = read_ask(f"recite {work.title}", WORKS)
    assert isinstance(ask, Recite)
    assert ask.work is work


def test_a_work_is_gone_on_with_from_the_words_given() -> None:
    ask = read_ask("continue: Alice was BEGINNING to get very tired", WORKS)
    assert isinstance(ask, Recite)
    assert ask.work.recital[ask.start :].startswith(" of sitting by her sister")


@pytest.mark.parametrize("text", ["", " a  b\n\nc ", "one two", "山色無還近。看山終日行。\n峯", "x 山 y", "\n"])
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(cut(text)) == text


def test_a_recital_is_the_work_from_its_first_paragraph_on(client: openai.OpenAI) -> None:
    text = heard(client, "recite Alice")
    recital = "".join(cut(ALICE.recital)[:RECITAL])
    assert text.startswith(recital + "\n\n")
    assert len(text) > len(recital) + 80
    assert text.startswith("Alice was beginning to get very tired of sitting by her sister on the bank")


def test_a_recital_is_as_long_as_was_asked_for(client: openai.OpenAI) -> None:
    text = heard(client, "recite 300 words of Alice")
    assert text.startswith("".join(cut(ALICE.recital)[:300]) + "\n\n")


def test_streamed_and_whole_answers_say_the_same(client: openai.OpenAI) -> None:
    for prompt in ("tell me something", "quote The Tyger", "recite Invictus", "recite 遠山"):
        assert heard(client, prompt) == say(client, prompt).choices[0].message.content


def test_a_quotation_has_marks_a_source_and_prose_around_it(client: openai.OpenAI) -> None:
    text = heard(client, "quote 12 words of Alice")
    before, _, rest = text.partition("\u201cAlice was beginning to get very tired of sitting by her sister\u201d")
    assert len(before.split()) > 10
    assert rest.startswith(" (Alice's Adventures in Wonderland, by Lewis Carroll, https://")
    assert len(rest.split()) > 30


def test_the_users_own_text_comes_back_untouched(client: openai.OpenAI) -> None:
    own = "Alice was beginning\n to get  very tired of it."
    assert heard(client, f"repeat after me: {own}") == own


def test_the_token_limit_ends_an_answer_with_length(client: openai.OpenAI) -> None:
    answer = say(client, "recite Alice", max_tokens=5)
    assert answer.choices[0].message.content == "Alice was beginning to get"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


def test_of_several_choices_only_the_first_recites(client: openai.OpenAI) -> None:
    texts = ["", "", ""]
    reasons: list[str | None] = [None] * 3
    for chunk in say(client, "recite Invictus", n=3, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts[0].startswith("Out of the night that covers me")
    assert texts[1] != texts[2]
    assert not any("night that covers" in text for text in texts[1:])
    assert reasons == ["stop", "stop", "stop"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call_carries_the_text_in_its_arguments(client: openai.OpenAI, stream: bool) -> None:
    schema = {"type": "object", "properties": {"count": {"type": "integer"}, "body": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "save_note", "parameters": schema}}]
    answer = say(client, "use the tool and recite The Raven", tools=tools, max_tokens=30, stream=stream)
    if stream:
        deltas = [chunk.choices[0].delta for chunk in answer]
        arguments = "".join(call.function.arguments for delta in deltas for call in delta.tool_calls or ())
        assert next(delta.tool_calls[0].function.name for delta in deltas if delta.tool_calls) == "save_note"
    else:
        arguments = answer.choices[0].message.tool_calls[0].function.arguments
        assert answer.choices[0].message.content is None
    assert json.loads(arguments)["body"].startswith("Once upon a midnight dreary")


def test_usage_comes_in_a_frame_of_its_own_when_asked_for(client: openai.OpenAI) -> None:
    chunks = list(say(client, "hello there", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens == 2
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_model_says_that_it_is_none(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert "not-a-model" in MODEL


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"messages": 3}', b'{"messages": [], "n": 99}'])
def test_a_wrong_body_is_refused_in_openais_shape(body: bytes) -> None:
    with TestClient(create_generator()) as plain:
        answer = plain.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_delay_makes_the_stream_visible() -> None:
    with serving(create_generator(delay=0.02)) as address:
        body = {"messages": [{"role": "user", "content": "recite Alice"}], "stream": True, "max_tokens": 10}
        begun = time.monotonic()
        with httpx.stream("POST", f"{address}/v1/chat/completions", json=body) as answer:
            arrivals = [time.monotonic() - begun for _ in answer.iter_raw()]
    assert len(arrivals) >= 10
    assert arrivals[-1] - arrivals[0] > 0.15
