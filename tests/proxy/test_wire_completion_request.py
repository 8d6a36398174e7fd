"""What is read of a request for a text completion."""

from typing import Any

import msgspec
import pytest

from proxy.wire.completion_request import read_completion_request
from proxy.wire.errors import RequestError
from proxy.wire.request import ModelRequest
from proxy.wire.surface import COMPLETIONS


def read(**fields: Any) -> ModelRequest:
    return read_completion_request(msgspec.json.encode({"model": "m", **fields}))


@pytest.mark.parametrize(
    ("fields", "choices", "grounding", "readable"),
    [
        ({"prompt": "one"}, 1, ("one",), True),
        ({"prompt": "one", "n": 3}, 3, ("one",), True),
        ({"prompt": ["one", "two"], "n": 2}, 4, ("one", "two"), True),
        ({"prompt": ["one", ""]}, 2, ("one",), True),
        ({"prompt": [1, 2, 3]}, 1, (), False),
        ({"prompt": [[1, 2], [3]], "n": 2}, 4, (), False),
        ({"prompt": ["one", [1, 2]]}, 2, ("one",), False),
        ({"prompt": []}, 1, (), False),
        ({"prompt": None}, 1, (), False),
        ({}, 1, (), False),
        ({"prompt_embeds": "AAAA"}, 1, (), False),
        ({"prompt_embeds": ["AAAA", "BBBB"], "prompt": "one"}, 3, ("one",), False),
        ({"prompt": "one", "suffix": "end"}, 1, ("one", "end"), True),
    ],
)
def test_each_prompt_has_its_choices_and_text_grounds(
    fields: dict[str, Any], choices: int, grounding: tuple[str, ...], *, readable: bool
) -> None:
    request = read(**fields)
    assert (request.choices, request.grounding, request.readable) == (choices, grounding, readable)
    assert request.surface is COMPLETIONS


def test_each_choice_echoes_its_own_prompt() -> None:
    request = read(prompt=["one", [1, 2], "three"], n=2, echo=True)
    assert [request.echo_before(choice) for choice in range(-1, 7)] == ["", "one", "one", "", "", "three", "three", ""]
    assert read(prompt="one").echo_before(0) == ""


def test_what_embeddings_are_asked_for_comes_before_what_prompts_are() -> None:
    request = read(prompt="one", prompt_embeds="AAAA", echo=True)
    assert [request.echo_before(choice) for choice in range(2)] == ["", "one"]


@pytest.mark.parametrize(("asked", "expected"), [(None, False), (False, False), (0, True), (5, True), (True, True)])
def test_log_probabilities_are_asked_for_by_number(asked: Any, *, expected: bool) -> None:
    assert read(prompt="one", logprobs=asked).logprobs is expected


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"logprobs": 0},
        {"prompt": ["a", "b"]},
        {"guided_json": {}},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_what_cannot_be_rewritten(fields: dict[str, Any]) -> None:
    assert read(prompt="one").may_rewrite
    assert not read(**{"prompt": "one", **fields}).may_rewrite


def test_the_very_bytes_go_on_unless_our_key_is_there() -> None:
    body = b'{"prompt" : "x", "best_of":2 }'
    assert read_completion_request(body).body is body
    ours = read_completion_request(b'{"prompt": "x", "fairgate": {"policy": "p"}}')
    assert (ours.body, ours.declared.policy) == (b'{"prompt":"x"}', "p")


@pytest.mark.parametrize("prompt", [5, {"a": "b"}, True])
def test_a_prompt_of_another_kind_is_refused(prompt: Any) -> None:
    with pytest.raises(RequestError) as caught:
        read(prompt=prompt)
    assert caught.value.param == "prompt"
