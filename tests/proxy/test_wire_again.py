"""The request that asks for the rest of an answer, and the seam at which that goes on."""

import json
from typing import Any

import pytest

from proxy.wire.again import Again, Seam, ask_chat_again, ask_completion_again

USER = {"role": "user", "content": "Tell me of the sea."}
AGAIN = Again("The sea is", 3, "The Sea, A. Writer", 1)


def asked(again: Again = AGAIN, *, prefill: bool = True, model: str | None = None, **body: Any) -> dict[str, Any]:
    given = {"model": "m", "messages": [USER], "stream": True, **body}
    found: dict[str, Any] = json.loads(ask_chat_again(json.dumps(given).encode(), again, prefill=prefill, model=model))
    return found


def test_the_client_s_words_stay_and_the_wish_stands_behind_them() -> None:
    user, assistant = asked()["messages"]
    assert user["content"].startswith("Tell me of the sea.\n\n")
    assert "The Sea, A. Writer" in user["content"]
    assert assistant == {"role": "assistant", "content": "The sea is"}


def test_the_wish_is_a_part_of_its_own_where_the_client_sent_parts() -> None:
    part = {"type": "text", "text": "Tell me."}
    user, _ = asked(messages=[{"role": "user", "content": [part]}])["messages"]
    assert user["content"][0] == part
    assert user["content"][1]["type"] == "text"


def test_an_answer_that_the_client_began_goes_on_behind_its_beginning() -> None:
    begun = {"role": "assistant", "content": "Listen: "}
    assert asked(messages=[USER, begun])["messages"][1:] == [{"role": "assistant", "content": "Listen: The sea is"}]
    echoed = Again("Listen: The sea is", 3, "The Sea", 1)
    assert asked(echoed, messages=[USER, begun])["messages"][-1]["content"] == "Listen: The sea is"


def test_without_a_user_the_wish_is_the_first_word_of_one() -> None:
    roles = [message["role"] for message in asked(messages=[{"role": "system", "content": "Be brief."}])["messages"]]
    assert roles == ["system", "user", "assistant"]


def test_bounds_are_lessened_and_never_below_one() -> None:
    found = asked(max_tokens=10, max_completion_tokens=2, min_tokens=1)
    assert (found["max_tokens"], found["max_completion_tokens"], found["min_tokens"]) == (7, 1, 0)


def test_a_whole_answer_is_asked_for_as_a_stream_that_tells_what_it_used() -> None:
    found = asked(stream=False)
    assert found["stream"] is True
    assert found["stream_options"] == {"include_usage": True}
    assert "stream_options" not in asked()


def test_an_echo_is_not_asked_for_twice() -> None:
    assert asked(echo=True)["echo"] is False


def test_another_model_and_no_prefill() -> None:
    found = asked(prefill=False, model="other")
    assert found["model"] == "other"
    assert "continue_final_message" not in found


@pytest.mark.parametrize(
    ("before", "after", "goes_on"),
    [
        ("the old garden", "In other words", " In other words"),
        ("the old garden", " in other words", " in other words"),
        ("the old garden.", "In other words", "In other words"),
        ("the old garden ", "in", "in"),
        ("春眠不覺曉", "處處", "處處"),
        ("", "In", "In"),
        ("the old garden", "the old garden was", " was"),
        ("the old garden", "the old", " the old"),
        ("the old garden", "the old garden", ""),
    ],
)
@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_seam_holds_what_the_client_has_and_parts_words(before: str, after: str, goes_on: str, cut: int) -> None:
    seam = Seam(before)
    assert "".join(seam.take(after[at : at + cut]) for at in range(0, len(after), cut)) + seam.close() == goes_on


def completion(again: Again = AGAIN, *, prefill: bool = True, model: str | None = None, **body: Any) -> dict[str, Any]:
    given = json.dumps({"model": "m", **body}).encode()
    found: dict[str, Any] = json.loads(ask_completion_again(given, again, prefill=prefill, model=model))
    return found


@pytest.mark.parametrize("prompt", ["Of the sea. ", ["Of the sea. "]])
def test_a_completion_goes_on_behind_its_prompt_and_what_the_client_has(prompt: Any) -> None:
    wish, text = completion(prompt=prompt)["prompt"].rsplit("\n\n", 1)
    assert text == "Of the sea. The sea is"
    assert "The Sea, A. Writer" in wish


def test_a_prompt_that_was_echoed_is_not_said_twice() -> None:
    echoed = completion(Again("Of the sea. The sea is", 6, "The Sea", 1), prompt="Of the sea. ", echo=True)
    assert echoed["prompt"].endswith("\n\nOf the sea. The sea is")
    assert echoed["echo"] is False
    assert completion(prompt="Go. ", echo=True)["prompt"].endswith("\n\nGo. The sea is")
    assert completion(prompt="The", echo=False)["prompt"].endswith("\n\nTheThe sea is")


def test_a_completion_is_asked_for_again_within_its_bounds_and_in_a_stream() -> None:
    body = completion(prompt="x", suffix="end", max_tokens=10, seed=4, best_of=3, logit_bias={"5": 1}, model="other")
    assert (body["max_tokens"], body["seed"], body["suffix"], body["model"]) == (7, 5, "end", "other")
    assert (body["stream"], body["stream_options"], body["logit_bias"]) == (True, {"include_usage": True}, {"5": 1})
    assert "best_of" not in body
    assert not {"continue_final_message", "add_generation_prompt", "messages"} & body.keys()
