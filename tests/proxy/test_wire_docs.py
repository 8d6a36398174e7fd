"""docs/api.md against the code it describes."""

import re
from pathlib import Path
from typing import Any

import msgspec

from indexes.model import Match, Span, Work
from policies.model import Action, JudgedMatch, Verdict
from proxy.wire.answer import Outcome, Stamp, additions, usage_chunk
from proxy.wire.chat import ChatReader
from proxy.wire.chat_request import read_chat_request
from proxy.wire.completions import CompletionReader
from proxy.wire.fields import (
    AUDIO,
    CALL,
    CHOICE,
    CITATION,
    COMPLETION_CHOICE,
    CUSTOM,
    ENVELOPE,
    FUNCTION,
    LOGPROB,
    LOGPROB_COLUMNS,
    MESSAGE,
    PROMPT_LOGPROB,
)
from proxy.wire.usage import Spent

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
EXAMPLES = [msgspec.json.decode(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def example(key: str) -> list[Any]:
    return [one for one in EXAMPLES if key in one and "messages" not in one and one.get("object") != "text_completion"]


def completion_examples() -> list[Any]:
    return [one for one in EXAMPLES if one.get("object") == "text_completion"]


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value)


def test_every_listed_field_is_in_the_page() -> None:
    tables = [CHOICE, MESSAGE, AUDIO, CALL, FUNCTION, CUSTOM, CITATION, LOGPROB]
    tables += [COMPLETION_CHOICE, LOGPROB_COLUMNS, PROMPT_LOGPROB]
    listed = {*ENVELOPE, *(name for table in tables for name in table)} - {"error"}
    assert [name for name in sorted(listed) if not re.search(rf"\b{name}\b", PAGE)] == []


def test_the_example_of_a_request_can_be_read() -> None:
    asked = next(one for one in EXAMPLES if "messages" in one)
    assert read_chat_request(msgspec.json.encode(asked)).declared.policy == "research"


def test_the_examples_of_a_stream_are_chunks_of_which_nothing_is_dropped() -> None:
    chunks = [ChatReader().chunk(msgspec.json.encode(one)) for one in example("choices")]
    assert [(chunk.finished, chunk.unlisted) for chunk in chunks] == [((0,), 0), ((0,), 0), ((), 0)]


def test_the_example_of_a_completion_is_a_chunk_of_which_nothing_is_dropped() -> None:
    (chunk,) = [CompletionReader().chunk(msgspec.json.encode(one)) for one in completion_examples()]
    assert (chunk.finished, chunk.unlisted) == ((0,), 0)


def test_the_examples_have_the_shape_of_what_is_sent() -> None:
    work = Work("id", "t", creators=("c",), license="l", url="u")
    match = Match("verbatim", work, "content", Span(0, 9), Span(0, 9), (), 9, 9, 9)
    factors = {"purpose": 0.6, "nature": 0.8, "amount": 0.2, "market": 0.5}
    judged = JudgedMatch(match, Action.ATTRIBUTE, 1.0, 0.5, 0.5, "")
    verdict = Verdict(Action.ATTRIBUTE, 0.47, 0.52, factors, ("market",), (judged,), ("why",), "p@1")  # type: ignore[arg-type]
    for level, shown in zip(("full", "minimal"), example("fairgate"), strict=True):
        stamp = Stamp("dec_1", "enforce", "9", level)  # type: ignore[arg-type]
        added = additions(stamp, [Outcome(0, verdict, Action.ATTRIBUTE, (Span(0, 9),))])
        assert shape(shown["fairgate"]) == shape(added.answer["fairgate"])
        assert shape(shown["choices"][0]["content_filter_results"]) == shape(added.choices[0]["content_filter_results"])
        citations = added.messages.get(0, {}).get("annotations")
        assert shape(shown["choices"][0]["delta"].get("annotations")) == shape(citations)
    assert shape(example("usage")[0]["usage"]) == shape(msgspec.json.decode(usage_chunk({}, Spent(1, 1)))["usage"])
