"""An answer that begins with the request's own prompt."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.arguments import JsonText
from proxy.wire.echo import EchoText
from tests.support.alphabets import texts

Cuts = st.lists(st.integers(0, 60), max_size=6)


def read(view: EchoText, text: str, cuts: list[int]) -> str:
    ats = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return "".join(view.feed(text[first:last]) for first, last in pairwise(ats))


@given(texts, texts, Cuts)
def test_what_follows_the_prompt_is_read_as_if_there_were_no_echo(prompt: str, answer: str, cuts: list[int]) -> None:
    view = EchoText(prompt)
    assert read(view, prompt + answer, cuts) == answer
    assert [view.raw_offset(at) for at in range(len(answer) + 1)] == [len(prompt) + at for at in range(len(answer) + 1)]


@given(texts, texts, Cuts)
def test_an_answer_that_parts_from_the_prompt_is_read_whole(prompt: str, answer: str, cuts: list[int]) -> None:
    view = EchoText(prompt + "\x01")
    if (prompt + "\x01").startswith(prompt + answer):
        return
    assert read(view, prompt + answer, cuts) == prompt + answer
    assert view.raw_offset(len(prompt)) == len(prompt)


@given(texts, st.integers(0, 40), Cuts)
def test_an_answer_that_is_no_more_than_the_prompt_is_not_read(prompt: str, end: int, cuts: list[int]) -> None:
    view = EchoText(prompt)
    assert read(view, prompt[:end], cuts) == ""
    assert view.raw_offset(0) == len(prompt[:end])


@pytest.mark.parametrize("size", [1, 3, 100])
def test_json_behind_the_prompt_is_read_as_its_strings(size: int) -> None:
    prompt, document = "Say it in JSON: ", '{"said": "one\\ntwo"}'
    view, text = EchoText(prompt, JsonText()), prompt + document
    scanned = "".join(view.feed(text[at : at + size]) for at in range(0, len(text), size))
    assert scanned == JsonText().feed(document)
    at = scanned.index("two")
    assert text[view.raw_offset(at) :].startswith("two")
