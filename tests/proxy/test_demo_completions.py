"""Text completions of the sample generator, through the official client over a real socket."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from litestar.testing import TestClient

from proxy.demo.asks import Recite, Write, read_prompt
from proxy.demo.generator import create_generator
from proxy.demo.reply import MODEL
from proxy.demo.shelf import load_works, samples_folder
from proxy.wire.again import Again, ask_completion_again
from tests.support.serving import serving

WORKS = load_works(samples_folder())
OPENING = "Alice was beginning to get very tired of sitting by her sister"


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with serving(create_generator()) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none") as made:
        yield made


def say(client: openai.OpenAI, prompt: str | list[str], **options: Any) -> Any:
    return client.completions.create(model=MODEL, prompt=prompt, **options)


def heard(client: openai.OpenAI, prompt: str | list[str], **options: Any) -> dict[int, tuple[str, str | None]]:
    """What a streaming client puts together, by choice: text and finish reason."""
    told: dict[int, tuple[str, str | None]] = {}
    for chunk in say(client, prompt, stream=True, **options):
        for choice in chunk.choices:
            text, finish = told.get(choice.index, ("", None))
            told[choice.index] = text + choice.text, choice.finish_reason or finish
    return told


def test_the_words_of_a_work_are_gone_on_with_unasked(client: openai.OpenAI) -> None:
    (choice,) = say(client, OPENING, max_tokens=6).choices
    assert (choice.text, choice.finish_reason) == (" on the bank, and of having", "length")


def test_a_prompt_is_read_as_a_request_too_and_answered_in_a_paragraph_of_its_own(client: openai.OpenAI) -> None:
    assert say(client, "Recite The Raven", max_tokens=4).choices[0].text == "\n\nOnce upon a midnight"


def test_what_sets_no_limit_gets_sixteen_pieces(client: openai.OpenAI) -> None:
    assert say(client, "Recite Alice").usage.completion_tokens == 16


def test_a_note_that_the_text_goes_on_in_other_words_is_heeded() -> None:
    again = Again(" on the bank", tokens=3, work="`Alice's Adventures (in Wonderland)`", attempt=1)
    asked = ask_completion_again(b'{"prompt": "%s"}' % OPENING.encode(), again)
    prompt = json.loads(asked)["prompt"]
    assert isinstance(read_prompt(prompt, WORKS), Write)
    assert isinstance(read_prompt(OPENING + " on the bank", WORKS), Recite)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"echo": True},
        {"n": 3, "max_tokens": 40},
        {"echo": True, "n": 2, "logprobs": 3},
        {"echo": True, "max_tokens": 0},
    ],
)
@pytest.mark.parametrize("prompt", [OPENING, ["Recite Invictus", "Tell me of it. "]])
def test_streamed_and_whole_completions_say_the_same(
    client: openai.OpenAI, prompt: str | list[str], options: dict[str, Any]
) -> None:
    whole = {each.index: (each.text, each.finish_reason) for each in say(client, prompt, **options).choices}
    assert heard(client, prompt, **options) == whole


def test_each_prompt_has_its_choices_and_is_echoed_in_each(client: openai.OpenAI) -> None:
    told = say(client, ["Recite Invictus", "recite Ozymandias"], n=2, echo=True, max_tokens=3).choices
    assert [choice.index for choice in told] == [0, 1, 2, 3]
    assert told[0].text == "Recite Invictus\n\nOut of the"
    assert told[1].text.startswith("Recite Invictus\n\n")
    assert "Out of the" not in told[1].text
    assert told[2].text.startswith("recite Ozymandias\n\nI met a")


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_stand_in_columns_that_spell_the_text(client: openai.OpenAI, stream: bool) -> None:
    made = say(client, OPENING, echo=True, logprobs=1, max_tokens=5, stream=stream)
    told = [choice for each in (made if stream else [made]) for choice in each.choices]
    columns = [choice.logprobs for choice in told if choice.logprobs is not None]
    tokens = [token for each in columns for token in each.tokens]
    text = "".join(choice.text for choice in told)
    assert "".join(tokens) == text
    assert len(tokens) == len(OPENING.split()) + 5
    for token, start in zip(tokens, (at for each in columns for at in each.text_offset), strict=True):
        assert text[start : start + len(token)] == token
    sure = [number for each in columns for number in each.token_logprobs]
    assert sure == [None] * len(OPENING.split()) + [0.0] * 5
    assert columns[-1].top_logprobs[-1] == {tokens[-1]: 0.0}


def test_of_the_best_of_several_only_n_are_told_and_all_are_counted(client: openai.OpenAI) -> None:
    answer = say(client, "Recite Invictus", best_of=4, n=2, max_tokens=10)
    assert len(answer.choices) == 2
    assert answer.choices[0].text.startswith("\n\nOut of the night")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 40)


def test_usage_comes_in_a_frame_of_its_own_when_asked_for(client: openai.OpenAI) -> None:
    chunks = list(say(client, "hello there", stream=True, stream_options={"include_usage": True}))
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 18)
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "cannot be read"),
        (b'{"prompt": [1, 2]}', "Expected `str`"),
        (b'{"prompt": "x", "n": 9}', "9 choices"),
        (b'{"prompt": ["x", "y", "z"], "n": 3}', "9 choices"),
        (b'{"prompt": [], "n": 3}', "0 choices"),
        (b'{"prompt": "x", "n": -1}', "n`"),
        (b'{"prompt": "x", "n": 2, "best_of": 1}', "best_of"),
        (b'{"prompt": "x", "best_of": 2, "stream": true}', "cannot be streamed"),
        (b'{"prompt": "x", "max_tokens": -1}', "max_tokens"),
        (b'{"prompt": "x", "logprobs": 6}', "logprobs"),
    ],
)
def test_what_cannot_be_done_is_refused_in_openais_shape(body: bytes, words: str) -> None:
    with TestClient(create_generator()) as plain:
        answer = plain.post("/v1/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/models/x", 404), ("POST", "/v1/embeddings", 404), ("GET", "/v1/completions", 405)],
)
def test_what_is_not_served_is_refused_in_openais_shape(method: str, path: str, status: int) -> None:
    with TestClient(create_generator()) as plain:
        answer = plain.request(method, path)
    assert answer.status_code == status
    message = f"the sample generator does not serve `{method} {path}`"
    assert answer.json() == {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    }


def test_a_fault_is_told_in_openais_shape() -> None:
    app = create_generator()
    app.state["works"] = None
    with TestClient(app, raise_server_exceptions=False) as plain:
        answer = plain.post("/v1/completions", json={"prompt": "Recite it"})
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
