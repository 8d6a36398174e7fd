"""What a client is told of a verdict."""

from dataclasses import replace

import msgspec
import pytest

from indexes.model import Match, Span, Work
from policies.model import Action, JudgedMatch, Verdict
from proxy.wire.answer import (
    Level,
    Notice,
    Outcome,
    Stamp,
    additions,
    filter_results,
    refusal,
    shell,
    stop_chunk,
    summary,
    url_citations,
    usage_chunk,
)
from proxy.wire.chat import ChatReader
from proxy.wire.usage import Spent

EMMA = Work(
    "emma", "Emma", creators=("Jane Austen",), holder="nobody", license="PDM-1.0", url="https://example.org/emma"
)
TOOL = Work("tool", "tool.c", kind="code", license="GPL-3.0-only", url="https://example.org/tool")
STAMP = Stamp("dec_01", "enforce", "9c1e", "full")


def match(work: Work = EMMA, channel: str = "content", start: int = 120, words: int = 31) -> Match:
    return Match(
        "verbatim", work, channel, Span(start, start + 172), Span(10_233, 10_405), (), words, words, span_words=words
    )


def judged(one: Match, action: Action) -> JudgedMatch:
    return JudgedMatch(one, action, 1.0, output_share=0.31, source_share=0.00204, reason="")


def verdict(action: Action, *matches: JudgedMatch, score: float = 0.47, reasons: tuple[str, ...] = ("why",)) -> Verdict:
    factors = {"purpose": 0.6, "nature": 0.8, "amount": 0.2, "market": 0.5}
    return Verdict(action, score, 0.52, factors, ("market",), matches, reasons, "balanced@3f2a")  # type: ignore[arg-type]


def outcome(action: Action, *matches: JudgedMatch, choice: int = 0, score: float = 0.47) -> Outcome:
    delivered = tuple(Span(one.match.output.start, one.match.output.end) for one in matches)
    return Outcome(choice, verdict(action, *matches, score=score), action, delivered, filtered=action.stops)


ATTRIBUTED = outcome(Action.ATTRIBUTE, judged(match(), Action.ATTRIBUTE))
BLOCKED = outcome(Action.BLOCK, judged(match(words=41), Action.BLOCK))


def test_the_object_has_the_shape_of_the_contract() -> None:
    assert summary(STAMP, [ATTRIBUTED]) == {
        "decision_id": "dec_01",
        "action": "attribute",
        "mode": "enforce",
        "score": 0.47,
        "standing_score": 0.52,
        "policy": "balanced@3f2a",
        "index": "9c1e",
        "factors": {"purpose": 0.6, "nature": 0.8, "amount": 0.2, "market": 0.5},
        "unknown": ["market"],
        "matches": [
            {
                "choice": 0, "channel": "content", "start": 120, "end": 292, "detector": "verbatim", "words": 31,
                "lexemes": None, "chars": 172, "identity": 1.0, "output_share": 0.31, "source_share": 0.002,
                "grounded": False, "weight": 1.0, "delivered": [120, 292],
                "work": {
                    "id": "emma", "title": "Emma", "creators": ["Jane Austen"], "holder": "nobody",
                    "license": "PDM-1.0", "url": "https://example.org/emma",
                },
                "also": [], "works_count": 1, "source_start": 10233, "source_end": 10405,
            }
        ],
        "reasons": ["why"],
    }  # fmt: skip


def test_over_several_choices_the_strictest_speaks_and_all_matches_are_named() -> None:
    other = outcome(Action.PASS, judged(match(), Action.PASS), choice=1, score=0.9)
    said = summary(STAMP, [other, BLOCKED])
    assert (said["action"], said["score"]) == ("block", 0.47)
    assert [one["choice"] for one in said["matches"]] == [1, 0]
    assert said["reasons"] == ["why"]


def test_minimal_names_neither_work_nor_offset_nor_score() -> None:
    minimal = replace(STAMP, level="minimal")
    added = additions(minimal, [BLOCKED])
    assert added.answer["fairgate"] == {
        "decision_id": "dec_01", "action": "block", "mode": "enforce", "policy": "balanced@3f2a",
    }  # fmt: skip
    assert added.choices[0] == {
        "content_filter_results": {"protected_material_text": {"detected": True, "filtered": True}}
    }
    assert added.messages == {}
    said = refusal(minimal, BLOCKED, Notice(contact="legal@example.org"))
    assert said is not None
    assert "Emma" not in said
    assert "41" not in said
    assert said.endswith("Decision dec_01. Questions and appeals: legal@example.org")


@pytest.mark.parametrize("silent", [replace(STAMP, level="off"), replace(STAMP, mode="monitor")])
def test_some_answers_say_nothing(silent: Stamp) -> None:
    added = additions(silent, [BLOCKED])
    assert [*added.answer, *added.choices, *added.messages] == []


def test_azures_fields_say_what_was_detected_and_cite_it() -> None:
    assert filter_results(STAMP, outcome(Action.PASS)) == {
        "protected_material_text": {"detected": False, "filtered": False}
    }
    both = outcome(Action.BLOCK, judged(match(), Action.PASS), judged(match(TOOL), Action.BLOCK))
    assert filter_results(STAMP, both) == {
        "protected_material_text": {"detected": False, "filtered": False},
        "protected_material_code": {
            "detected": True,
            "filtered": True,
            "citation": {"URL": "https://example.org/tool", "license": "GPL-3.0-only"},
        },
    }


def test_what_was_only_annotated_was_not_filtered() -> None:
    annotated = replace(BLOCKED, filtered=False)
    assert filter_results(replace(STAMP, mode="annotate"), annotated)["protected_material_text"]["filtered"] is False
    assert summary(replace(STAMP, mode="annotate"), [annotated])["action"] == "block"


def test_sources_are_cited_where_they_were_delivered() -> None:
    several = Outcome(
        0,
        verdict(
            Action.REWRITE,
            judged(match(start=0), Action.ATTRIBUTE),
            judged(match(start=300), Action.REWRITE),
            judged(match(start=600), Action.BLOCK),
            judged(match(start=900), Action.PASS),
            judged(match(channel="reasoning"), Action.ATTRIBUTE),
        ),
        Action.REWRITE,
        (Span(0, 172), Span(200, 260), None, Span(500, 600), Span(0, 9)),
    )
    assert [one["url_citation"] for one in url_citations(several)] == [
        {"start_index": 0, "end_index": 172, "title": "Emma", "url": "https://example.org/emma"},
        {"start_index": 200, "end_index": 260, "title": "Emma", "url": "https://example.org/emma"},
    ]


def test_a_source_without_address_is_cited_by_title() -> None:
    bare = outcome(Action.ATTRIBUTE, judged(match(replace(EMMA, url=None)), Action.ATTRIBUTE))
    assert url_citations(bare)[0]["url_citation"]["url"] == ""


def test_a_blocked_client_is_told_how_much_was_copied_from_what() -> None:
    assert refusal(STAMP, BLOCKED, Notice()) == (
        "This answer was stopped because it repeats protected text. "
        "It copied 41 words of \u201cEmma\u201d by Jane Austen. Decision dec_01."
    )
    assert refusal(STAMP, outcome(Action.BLOCK), Notice("Ask us.", "us@example.org")) == (
        "Ask us. Decision dec_01. Questions and appeals: us@example.org"
    )


@pytest.mark.parametrize(("message", "said"), [(None, None), ("Ask us.", "Ask us.")])
def test_with_annotations_off_only_the_operators_words_are_said(message: str | None, said: str | None) -> None:
    assert refusal(replace(STAMP, level="off"), BLOCKED, Notice(message)) == said


FIRST = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "system_fingerprint": "fp",
    "choices": [],
}


def test_a_blocked_choice_ends_with_a_chunk_of_its_stream() -> None:
    ended = ChatReader().chunk(stop_chunk(shell({**FIRST, "usage": None, "novel": "x"}), 2, "no more"))
    assert (ended.finished, ended.texts(2), ended.unlisted) == ((2,), {"refusal": "no more"}, 0)
    assert ended.body["id"] == "c"
    assert "novel" not in ended.body
    assert ended.choice(2)["finish_reason"] == "content_filter"
    assert ChatReader().chunk(stop_chunk({}, 0, None)).parts == []


def test_usage_of_a_cancelled_stream_says_that_it_is_a_guess() -> None:
    frame = msgspec.json.decode(usage_chunk(shell(FIRST), Spent(3, 2)))
    assert frame["choices"] == []
    assert frame["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "estimated": True}


@pytest.mark.parametrize("level", ["minimal", "full"])
def test_a_finish_chunk_carries_all_of_it(level: Level) -> None:
    added = additions(replace(STAMP, level=level), [ATTRIBUTED, replace(BLOCKED, choice=3)])
    assert set(added.choices) == {0, 3}
    assert set(added.messages) == ({0, 3} if level == "full" else set())


def test_a_span_within_a_longer_one_of_the_same_work_is_not_cited_again() -> None:
    three = Outcome(
        0,
        verdict(
            Action.ATTRIBUTE,
            judged(match(start=0), Action.ATTRIBUTE),
            judged(match(start=50), Action.ATTRIBUTE),
            judged(match(TOOL, start=50), Action.ATTRIBUTE),
        ),
        Action.ATTRIBUTE,
        (Span(0, 172), Span(50, 90), Span(50, 90)),
    )
    assert [one["url_citation"]["title"] for one in url_citations(three)] == ["Emma", "tool.c"]
