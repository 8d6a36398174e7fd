"""One channel of a choice: what left of it, what waits, and how it is read anew when its choice is asked for again."""

import pytest

from indexes.model import Span
from policies.model import Action
from proxy.gate import ChoiceGate
from proxy.lane import Edit, Lane
from proxy.plan import Plan
from proxy.wire.arguments import JsonText
from proxy.wire.echo import EchoText
from tests.support.judges import LimitJudge
from tests.support.planted import indexed

WORK = (
    "violet lantern amber thistle copper meadow silver harbour crimson orchard marble willow cedar falcon pewter raven "
    "saffron bramble ivory magpie russet hollow cobalt heather"
)
WORDS = WORK.split()
CHANNEL = "content"


def lane(*texts: str) -> Lane:
    made = Lane(CHANNEL, indexed((WORK,))[0].scanner(CHANNEL))
    for text in texts:
        made.pending += made.accept(text)
    return made


def echoing(prompt: str, *, asks: int) -> ChoiceGate:
    index = indexed((WORK,))[0]
    return ChoiceGate(
        Plan(
            scanner=index.scanner,
            view=lambda choice, channel: EchoText(prompt),
            judge=LimitJudge(words=12, over=Action.REWRITE),
            earlier=lambda works: (),
            enforce=True,
            may_quote=lambda channel: False,
            asks=asks,
        )
    )


def test_an_echo_that_is_read_anew_is_passed_over_again() -> None:
    prompt = "Go on with this:"
    guarded = echoing(prompt, asks=1)
    assert guarded.feed(CHANNEL, f"{prompt} {WORK}") == f"{prompt} {' '.join(WORDS[:12])}"
    guarded.resume()
    lane = guarded.lanes[CHANNEL]
    assert lane.scanned == len(f" {' '.join(WORDS[:12])}")
    assert lane.read_end() == lane.length
    after = " and so on, said otherwise, and then " + " ".join(WORDS[3:12]) + ". No more."
    assert guarded.feed(CHANNEL, after) + "".join(guarded.close().values()) == after
    guarded.conclude()
    found = [lane.text[match.output.start : match.output.end] for match in guarded.evidence.matches]
    assert found == [" ".join(WORDS[:12]), " ".join(WORDS[3:12])]


def test_what_left_may_be_all_echo_when_it_is_read_anew() -> None:
    """The answer parts from the prompt behind what left, so that what left is no more than the prompt's beginning."""
    prompt = " ".join(WORDS[:18])
    guarded = echoing(prompt, asks=1)
    said = " ".join(WORDS[:16])
    assert guarded.feed(CHANNEL, said) == said
    guarded.feed(CHANNEL, " zebra")
    assert guarded.parted is not None
    assert guarded.parted.text == said
    guarded.resume()
    lane = guarded.lanes[CHANNEL]
    assert (lane.scanned, lane.read_end()) == (0, len(said))
    after = " otherwise, and " + " ".join(WORDS[4:13]) + "."
    assert guarded.feed(CHANNEL, after) + "".join(guarded.close().values()) == after
    guarded.conclude()
    found = {lane.text[match.output.start : match.output.end] for match in guarded.evidence.matches}
    assert found == {said, " ".join(WORDS[4:13])}


def test_reading_anew_takes_the_new_view_and_forgets_how_far_the_old_one_was() -> None:
    made = Lane(CHANNEL, indexed((WORK,))[0].scanner(CHANNEL), JsonText())
    made.accept('{"said": "one two" ')
    view = JsonText()
    assert made.reread(view) == "said\none two"
    assert made.view is view
    assert (made.scanned, made.read_end()) == (len("said\none two"), len('{"said": "one two'))
    assert made.reread(None) == '{"said": "one two" '
    assert made.view is None


def test_a_token_that_was_cut_in_two_was_not_received() -> None:
    made = lane("violet lantern amber ")
    made.scanner.step(made.text)
    made.take(len("violet lant"))
    assert [made.reached(token) for token in range(4)] == [True, False, False, False]
    made.take(len("violet lantern"))
    assert made.reached(1)
    made.unsent = True
    assert not made.reached(0)


def test_a_token_that_was_left_out_was_not_received() -> None:
    made = lane("violet lantern amber thistle ")
    made.scanner.step(made.text)
    made.take(made.length)
    made.edits.append(Edit(len("violet "), len("violet lantern amber"), "[...]"))
    assert [made.reached(token) for token in range(4)] == [True, False, False, True]
    assert made.sent == "violet [...] thistle "


@pytest.mark.parametrize(
    ("span", "delivered"),
    [
        (Span(0, 6), Span(0, 6)),
        (Span(0, 20), Span(0, 7)),
        (Span(7, 20), None),
        (Span(10, 24), Span(12, 16)),
        (Span(20, 40), Span(12, 21)),
        (Span(29, 40), None),
    ],
)
def test_a_span_stands_where_the_edits_before_it_moved_it(span: Span, delivered: Span | None) -> None:
    made = lane("violet lantern amber thistle copper")
    made.take(len("violet lantern amber thistle "))
    made.edits.append(Edit(7, 20, "[...]"))
    assert made.delivered(span) == delivered
