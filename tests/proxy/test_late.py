"""Slow detectors at the gate: what waits for them, and what their late findings still change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from indexes.model import Match, Span, Work
from indexes.text.index import SegmentIndex
from policies.model import Action, Evidence, Verdict
from policies.policy import Hold
from proxy.budget import Asks
from proxy.gate import ChoiceGate
from proxy.lane import View
from proxy.plan import Plan
from proxy.windows import Window
from proxy.wire.arguments import JsonText
from tests.support.judges import LimitJudge
from tests.support.planted import Case, cases, indexed

CHANNEL = "content"
STORY = Work(id="story", title="A story that was told otherwise")
BAD = "Here the tale is told anew. "
TEXT = f"It began with rain. {BAD}Then it was over. "
BLOCK = LimitJudge(words=12)
REWRITE = LimitJudge(words=12, over=Action.REWRITE)
NOTHING = indexed(("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen",))[0]
WORK = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo"

Detector = Callable[[Window], list[Match]]


def gate(
    judge: LimitJudge = BLOCK,
    hold: Hold = "sentence",
    *,
    index: SegmentIndex = NOTHING,
    enforce: bool = True,
    asks: int = 0,
    view: View | None = None,
) -> ChoiceGate:
    return ChoiceGate(
        Plan(
            scanner=index.scanner,
            view=lambda choice, channel: view,
            judge=judge,
            earlier=lambda works: (),
            enforce=enforce,
            may_quote=lambda channel: judge.over is Action.REWRITE,
            asks=asks,
            hold=hold,
        )
    )


def told(window: Window, start: int, end: int) -> Match:
    """A paraphrase of so much of a window that it is over every limit."""
    span = Span(window.start + start, window.start + end)
    return Match("semantic", STORY, window.channel, span, Span(0, 400), (), words=80, counted=80, span_words=80)


def finds_bad(window: Window) -> list[Match]:
    return [told(window, 0, len(window.text))] if "told anew" in window.text else []


def answered(guarded: ChoiceGate, windows: Sequence[Window], detector: Detector = finds_bad) -> str:
    return "".join("".join(guarded.late(window, detector(window)).values()) for window in windows)


def ended(guarded: ChoiceGate, detector: Detector = finds_bad) -> str:
    """What leaves once the text has ended and all of it was looked at."""
    out = "" if guarded.stopped or guarded.parted else "".join(guarded.close().values())
    while guarded.asks:
        out += answered(guarded, guarded.unseen(), detector)
        out += "".join(guarded.go_on().values())
    if not guarded.parted:
        guarded.conclude()
    return out


@pytest.mark.parametrize("cut", [list, lambda text: [text], lambda text: text.replace(" ", " \0").split("\0")])
def test_text_waits_until_its_sentence_was_looked_at(cut: Callable[[str], list[str]]) -> None:
    guarded = gate()
    assert "".join(guarded.feed(CHANNEL, piece) for piece in cut("One is here. Two is he")) == ""
    (one,) = guarded.unseen()
    assert one.text == "One is here. "
    assert guarded.late(one, []) == {CHANNEL: "One is here. "}
    assert guarded.held == len("Two is he")
    assert ended(guarded) == "Two is he"
    assert guarded.applied is Action.PASS


def test_text_that_need_not_wait_leaves_at_once_and_its_choice_ends_when_it_was_looked_at() -> None:
    guarded = gate(hold="none")
    for piece in TEXT[:20]:
        assert guarded.feed(CHANNEL, piece) is piece
    assert guarded.close() == {CHANNEL: ""}
    assert guarded.asks == Asks(unseen=True)
    (window,) = guarded.unseen()
    guarded.late(window, [])
    assert guarded.go_on() == {}
    assert guarded.asks is None


def test_without_slow_detectors_nothing_is_cut_for_them() -> None:
    guarded = gate(hold=None)  # type: ignore[arg-type]
    guarded.feed(CHANNEL, TEXT)
    guarded.close()
    assert guarded.unseen(hurry=True) == []
    assert guarded.asks is None


def test_answers_may_come_in_any_order() -> None:
    guarded = gate()
    guarded.feed(CHANNEL, "One. Two. Three. ")
    one, two, three = guarded.unseen()
    assert answered(guarded, [three, two]) == ""
    assert answered(guarded, [one]) == "One. Two. Three. "


def test_what_waits_for_too_long_is_looked_at_as_it_is() -> None:
    guarded = gate()
    guarded.feed(CHANNEL, "A sentence that has no")
    assert guarded.unseen() == []
    (window,) = guarded.unseen(hurry=True)
    assert answered(guarded, [window]) == "A sentence that has no"


def test_nothing_of_what_is_found_in_time_leaves() -> None:
    guarded = gate()
    guarded.feed(CHANNEL, TEXT)
    assert answered(guarded, guarded.unseen()) == "It began with rain. "
    assert guarded.stopped
    assert guarded.feed(CHANNEL, "More. ") == ""
    guarded.conclude()
    assert guarded.applied is Action.BLOCK
    assert [match.work for match in guarded.evidence.matches] == [STORY]


def test_what_is_found_after_it_left_stops_what_is_still_to_come() -> None:
    guarded = gate(hold="none")
    sent = "".join(guarded.feed(CHANNEL, piece) for piece in [TEXT, "And so "])
    assert answered(guarded, guarded.unseen()) == ""
    assert guarded.stopped
    assert guarded.feed(CHANNEL, "on.") == ""
    assert guarded.lanes[CHANNEL].sent == sent
    guarded.conclude()
    (match,) = guarded.evidence.matches
    assert guarded.lanes[CHANNEL].delivered(match.output) == match.output


def test_what_is_found_when_all_has_left_is_not_said_to_be_filtered() -> None:
    guarded = gate(hold="none")
    guarded.feed(CHANNEL, TEXT)
    assert ended(guarded) == ""
    assert guarded.verdict is not None
    assert guarded.verdict.action is Action.BLOCK
    assert not guarded.stopped
    assert guarded.applied is Action.ATTRIBUTE


def test_what_is_to_be_told_in_other_words_and_has_left_stays() -> None:
    guarded = gate(REWRITE, "none")
    assert guarded.feed(CHANNEL, TEXT) == TEXT
    answered(guarded, guarded.unseen())
    assert guarded.feed(CHANNEL, "It goes on.") == "It goes on."
    assert ended(guarded) == ""
    assert guarded.applied is Action.ATTRIBUTE


def test_a_passage_that_waits_is_left_out_and_its_source_put_there() -> None:
    guarded = gate(REWRITE)
    guarded.feed(CHANNEL, TEXT)
    out = answered(guarded, guarded.unseen()) + ended(guarded)
    before, after = "It began with rain. ", "Then it was over. "
    assert out.startswith(before)
    assert out.endswith(after)
    assert STORY.title in out[len(before) : -len(after)]
    assert "anew" not in out
    assert guarded.applied is Action.REWRITE


def test_a_passage_that_waits_is_asked_for_again() -> None:
    guarded = gate(REWRITE, asks=1)
    guarded.feed(CHANNEL, TEXT)
    _, bad, after = windows = guarded.unseen()
    assert answered(guarded, windows[:2]) == "It began with rain. "
    assert guarded.parted is not None
    assert guarded.late(after, finds_bad(bad)) == {}
    guarded.resume()
    guarded.feed(CHANNEL, "It is told otherwise. ")
    (again,) = guarded.unseen()
    assert (again.start, again.text, again.turn) == (len("It began with rain. "), "It is told otherwise. ", 1)
    assert guarded.late(bad, finds_bad(bad)) == {}, "that text was never generated"
    assert answered(guarded, [again]) == "It is told otherwise. "
    assert ended(guarded) == ""
    assert guarded.verdict is not None
    assert guarded.verdict.action is Action.REWRITE
    assert guarded.tries == ["clean"]


def test_passages_that_follow_one_another_are_left_out_though_reading_waits_at_a_cut() -> None:
    """Both are found while the gate waits to be told of what stands before a cut of its own."""
    guarded = gate(REWRITE, index=indexed((WORK,))[0])
    guarded.feed(CHANNEL, f"It began with rain. {BAD}And {BAD}{WORK} and more. ")
    assert guarded.asks is not None
    out = answered(guarded, guarded.unseen()) + "".join(guarded.go_on().values()) + ended(guarded)
    assert out.count(STORY.title) == 2
    assert "anew" not in out
    assert " ".join(WORK.split()[:12]) in out
    assert "november" not in out
    assert out.endswith(" and more. ")


def test_nothing_counts_after_the_verdict() -> None:
    guarded = gate(hold="none")
    guarded.feed(CHANNEL, TEXT)
    windows = guarded.unseen()
    guarded.conclude()
    assert guarded.late(windows[1], finds_bad(windows[1])) == {}
    assert guarded.evidence.matches == ()
    assert not guarded.stopped


def test_where_nothing_is_enforced_findings_are_only_told() -> None:
    guarded = gate(hold="sentence", enforce=False)
    assert guarded.feed(CHANNEL, TEXT) == TEXT
    assert answered(guarded, guarded.unseen()) == ""
    assert guarded.feed(CHANNEL, "More") == "More"
    assert ended(guarded) == ""
    assert guarded.verdict is not None
    assert guarded.verdict.action is Action.BLOCK
    assert guarded.applied is Action.PASS


def test_findings_in_json_stand_where_its_strings_do() -> None:
    document = f'{{"said": "One is here. {BAD.strip()}'
    guarded = gate(view=JsonText())
    out = guarded.feed("tool_calls.0.arguments", document + ' And more."}')
    out += answered(guarded, guarded.unseen())
    assert out == '{"said": "One is here. '
    guarded.conclude()
    (match,) = guarded.evidence.matches
    assert document[match.output.start : match.output.end] == BAD.strip()


def test_json_that_was_looked_at_leaves_whole() -> None:
    document = '{"said": "One. Two", "n": 3}'
    guarded = gate(view=JsonText())
    out = "".join(guarded.feed("tool_calls.0.arguments", char) for char in document)
    assert out + ended(guarded) == document


def test_text_before_a_cut_waits_to_be_looked_at_and_the_rest_is_not_read() -> None:
    guarded = gate(index=indexed((WORK,))[0])
    assert guarded.feed(CHANNEL, f"He read this: {WORK} and more. More. ") == ""
    assert guarded.asks == Asks(unseen=True)
    (window,) = [each for each in guarded.unseen() if each.start == 0]
    within = "He read this: " + " ".join(WORK.split()[:12])
    assert guarded.late(window, []) == {CHANNEL: ""}
    assert guarded.go_on() == {CHANNEL: within}
    assert guarded.stopped


def test_what_is_found_before_a_cut_ends_the_choice_before_it() -> None:
    guarded = gate(index=indexed((WORK,))[0])
    guarded.feed(CHANNEL, f"It began with rain. {BAD}{WORK} and more. ")
    assert guarded.asks is not None
    assert answered(guarded, guarded.unseen()) == "It began with rain. "
    assert guarded.stopped
    assert guarded.asks is None
    assert guarded.go_on() == {}


def delivered(guarded: ChoiceGate, chunks: Sequence[str], detector: Detector, patience: Callable[[], bool]) -> str:
    """What leaves when windows are answered as it happens, one after another, or when the gate asks for that."""
    out, waiting = "", list[Window]()
    for chunk in chunks:
        if guarded.stopped:
            break
        out += guarded.feed(CHANNEL, chunk)
        waiting += guarded.unseen()
        while waiting and (guarded.asks or not patience()):
            out += answered(guarded, [waiting.pop(0)], detector)
        while guarded.asks:
            out += "".join(guarded.go_on().values())
            waiting += guarded.unseen()
            if guarded.asks:
                out += answered(guarded, waiting, detector)
                waiting = []
    return out + answered(guarded, waiting, detector) + ended(guarded, detector)


@dataclass(frozen=True)
class ExactJudge(LimitJudge):
    """Heeds copies to the letter and what is found late, and no near matches, which grow by many words at once."""

    def decide(self, evidence: Evidence) -> Verdict:
        heeded = tuple(match for match in evidence.matches if match.detector != "near")
        return super().decide(replace(evidence, matches=heeded))


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from(["sentence", "paragraph"]), st.integers(0, 99))
def test_whole_and_streamed_deliver_the_same_however_long_detectors_take(case: Case, hold: Hold, seed: int) -> None:
    index = indexed(case.works)[0]
    text = case.text.replace(",", ".")

    def detector(window: Window) -> list[Match]:
        odd = len(window.text) % 7 == 0 and len(window.text) > 2
        return [told(window, 1, len(window.text) - 1)] if odd else []

    for judge in (ExactJudge(words=12), ExactJudge(words=12, over=Action.REWRITE)):
        streamed, whole = gate(judge, hold, index=index), gate(judge, hold, index=index)
        received = delivered(whole, [text], detector, lambda: True)
        event(f"{whole.applied.value}, found late: {any(m.work == STORY for m in whole.evidence.matches)}")
        random = Random(seed)  # noqa: S311 (seeded test data)
        chunks = replace(case, text=text).chunks()
        assert delivered(streamed, chunks, detector, partial(waits, random)) == received
        assert streamed.applied is whole.applied


def waits(random: Random) -> bool:
    return random.random() < 0.7
