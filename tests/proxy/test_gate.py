"""The gate against plain reading: what leaves never passes the limit, and never depends on how the text was cut."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import event, given, settings

from indexes.text.index import SegmentIndex
from policies.model import Action, Evidence
from proxy.gate import ChoiceGate
from proxy.plan import Plan
from tests.support.judges import LimitJudge
from tests.support.planted import Case, cases, indexed

CHANNEL = "content"


def index_of(texts: Sequence[str]) -> SegmentIndex:
    return indexed(tuple(texts))[0]


def gate(
    index: SegmentIndex, judge: LimitJudge, *, enforce: bool = True, grounding: tuple[str, ...] = (), asks: int = 0
) -> ChoiceGate:
    return ChoiceGate(
        Plan(
            scanner=lambda channel: index.scanner(channel, grounding),
            view=lambda choice, channel: None,
            judge=judge,
            earlier=lambda works: (),
            enforce=enforce,
            may_quote=lambda channel: judge.over is Action.REWRITE,
            asks=asks,
        )
    )


def read(guarded: ChoiceGate, chunks: Iterable[str]) -> str:
    out = "".join(guarded.feed(CHANNEL, chunk) for chunk in chunks)
    out += "".join(guarded.close().values()) if not guarded.stopped else ""
    guarded.conclude()
    return out


@settings(max_examples=150, deadline=None)
@given(cases())
def test_streamed_and_whole_deliver_the_same_and_give_the_same_verdict(case: Case) -> None:
    index = index_of(case.works)
    for judge in (LimitJudge(), LimitJudge(over=Action.REWRITE), LimitJudge(over=Action.REWRITE, block_at=30)):
        streamed, whole = gate(index, judge), gate(index, judge)
        event(f"stops: {read(whole, [case.text]) != case.text}")
        again = gate(index, judge)
        assert read(streamed, case.chunks()) == read(again, [case.text])
        assert streamed.verdict == again.verdict
        assert streamed.applied is again.applied


@settings(max_examples=150, deadline=None)
@given(cases())
def test_not_one_word_past_the_limit_leaves(case: Case) -> None:
    index = index_of(case.works)
    for over in (Action.BLOCK, Action.REWRITE):
        judge = LimitJudge(over=over)
        received = read(gate(index, judge), case.chunks())
        runs = [
            stretch.tokens
            for match in index.scan(received)
            for stretch in match.stretches
            if match.detector == "verbatim" and not stretch.common and stretch.units == 2
        ]
        event(f"longest run left: {max(runs, default=0)}")
        assert max(runs, default=0) <= judge.words


@settings(max_examples=60, deadline=None)
@given(cases())
def test_what_is_not_enforced_leaves_at_once_and_whole(case: Case) -> None:
    watching = gate(index_of(case.works), LimitJudge(), enforce=False)
    for chunk in case.chunks():
        assert watching.feed(CHANNEL, chunk) == chunk
    assert "".join(watching.close().values()) == ""
    assert watching.conclude().action is LimitJudge().decide(watching.evidence).action


def test_text_that_matches_nothing_is_not_held() -> None:
    index = index_of(
        ["one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"]
    )
    clean = gate(index, LimitJudge())
    for char in "nothing of this stands in any work, one two three four, and it leaves as it comes":
        assert clean.feed(CHANNEL, char) is char
        assert clean.held == 0


WORK = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo"


@pytest.mark.parametrize("chunks", [[WORK], list(WORK), WORK.replace(" ", " \0").split("\0")])
def test_a_limit_cuts_after_the_last_whole_word_within_it(chunks: list[str]) -> None:
    guarded = gate(index_of([WORK]), LimitJudge(words=12))
    assert read(guarded, chunks) == " ".join(WORK.split()[:12])
    assert guarded.stopped
    assert guarded.applied is Action.BLOCK


def test_a_copy_within_the_limit_leaves_whole() -> None:
    text = "He said: " + " ".join(WORK.split()[:12]) + ". And then he went home for the night."
    guarded = gate(index_of([WORK]), LimitJudge(words=12))
    assert read(guarded, list(text)) == text
    assert guarded.applied is Action.ATTRIBUTE


@pytest.mark.parametrize("cut", [list, lambda text: [text], lambda text: text.replace(" ", " \0").split("\0")])
def test_a_rewrite_leaves_a_quotation_and_goes_on_after_the_copy(cut: object) -> None:
    after = ". Then something else altogether was said by somebody else and it went on."
    guarded = gate(index_of([WORK]), LimitJudge(words=12, over=Action.REWRITE))
    received = read(guarded, cut("Listen: " + WORK + after))  # type: ignore[operator]
    begin = "Listen: " + " ".join(WORK.split()[:12])
    assert received.startswith(begin)
    assert received.endswith(after)
    assert "[...]" in received[len(begin) : -len(after)]
    assert "november" not in received
    assert guarded.applied is Action.REWRITE
    lane = guarded.lanes[CHANNEL]
    (match,) = guarded.evidence.matches
    delivered = lane.delivered(match.output)
    assert delivered is not None
    assert received[delivered.start : delivered.end] == " ".join(WORK.split()[:12])


def test_text_the_request_holds_may_come_back_whole() -> None:
    guarded = gate(index_of([WORK]), LimitJudge(words=12), grounding=(WORK,))
    assert read(guarded, list(WORK)) == WORK
    assert not guarded.stopped


def test_what_goes_on_beyond_the_text_of_the_request_counts_from_its_first_word() -> None:
    long = " ".join(f"word{'abcdefghijklmnop'[i % 16]}{'qrstuvwxyz'[i // 16]}" for i in range(60))
    words = long.split()
    guarded = gate(index_of([long]), LimitJudge(words=12), grounding=(" ".join(words[:20]),))
    assert read(guarded, list(long)) == " ".join(words[:32])


@pytest.mark.parametrize("cut", [list, lambda text: [text], lambda text: text.replace(" ", " \0").split("\0")])
def test_what_is_held_at_the_end_leaves_if_it_is_no_copy(cut: object) -> None:
    text = " ".join(WORK.split()[:12]) + " zebra"
    guarded = gate(index_of([WORK]), LimitJudge(words=12))
    assert read(guarded, cut(text)) == text  # type: ignore[operator]
    assert guarded.held == 0


@pytest.mark.parametrize("cut", [list, lambda text: [text], lambda text: text.replace(" ", " \0").split("\0")])
def test_a_copy_that_grows_too_long_for_a_quotation_is_blocked(cut: object) -> None:
    guarded = gate(index_of([WORK]), LimitJudge(words=9, over=Action.REWRITE, block_at=14))
    received = read(guarded, cut(WORK + " and more of other things"))  # type: ignore[operator]
    assert guarded.stopped
    assert guarded.applied is Action.BLOCK
    assert received.startswith(" ".join(WORK.split()[:9]) + " [...]")
    assert guarded.evidence.matches[0].words == 15


def test_a_copy_that_shows_with_the_very_last_word_is_told_like_any_other() -> None:
    text = " ".join(WORK.split()[:8])
    guarded = gate(index_of([WORK]), LimitJudge(words=12))
    assert read(guarded, list(text)) == text
    assert guarded.applied is Action.ATTRIBUTE
    assert guarded.lanes[CHANNEL].touched


def told_again(guarded: ChoiceGate, chunks: Iterable[str], others: Sequence[Sequence[str]]) -> str:
    """What leaves when each cut is followed by the next of `others`, in chunks."""
    out, rest = "", iter(others)
    while True:
        out += "".join(guarded.feed(CHANNEL, chunk) for chunk in chunks)
        out += "".join(guarded.close().values()) if not (guarded.stopped or guarded.parted) else ""
        if guarded.parted is None:
            guarded.conclude()
            return out
        guarded.resume()
        chunks = next(rest)


@settings(max_examples=150, deadline=None)
@given(cases(), cases(), cases())
def test_what_is_written_behind_a_cut_is_one_text_with_what_left(case: Case, second: Case, third: Case) -> None:
    """However it is cut into chunks; no run over the limit stands in it, and a plain reading finds what was found."""
    index = index_of(case.works)
    for over in (Action.REWRITE, Action.BLOCK):
        judge = LimitJudge(over=over)
        others = [case.text[at:] + each.text for at, each in ((len(case.text) // 2, second), (0, third))]
        streamed, whole = gate(index, judge, asks=2), gate(index, judge, asks=2)
        pieces = [other.replace(" ", " \0").split("\0") for other in others]
        received = told_again(streamed, case.chunks(), pieces)
        assert received == told_again(whole, [case.text], [[other] for other in others])
        assert streamed.verdict == whole.verdict
        assert streamed.tries == whole.tries
        event(f"asked again {len(streamed.tries)} times")
        runs = [
            stretch.tokens
            for match in index.scan(received)
            for stretch in match.stretches
            if match.detector == "verbatim" and not stretch.common and stretch.units == 2
        ]
        assert max(runs, default=0) <= judge.words
        if streamed.applied is Action.REWRITE:
            assert streamed.verdict is not None
            assert streamed.verdict.action is Action.REWRITE


def test_nothing_is_read_between_a_cut_and_the_next_answer() -> None:
    guarded = gate(index_of([WORK]), LimitJudge(words=12, over=Action.REWRITE), asks=1)
    assert guarded.feed(CHANNEL, WORK + " and more") == " ".join(WORK.split()[:12])
    assert guarded.parted is not None
    assert guarded.feed(CHANNEL, "none of this") == ""
    assert guarded.feed("refusal", "nor of this") == ""
    assert list(guarded.lanes) == [CHANNEL]
    guarded.resume()
    assert guarded.feed(CHANNEL, " but this is said in other words") == " but this is said in other words"


def test_the_text_that_was_cut_off_counts_as_never_generated() -> None:
    guarded = gate(index_of([WORK]), LimitJudge(words=12, over=Action.REWRITE), asks=1)
    guarded.feed(CHANNEL, WORK)
    guarded.resume()
    guarded.feed(CHANNEL, " and so on")
    guarded.close()
    guarded.conclude()
    (size,) = guarded.evidence.channels
    assert (size.words, size.chars) == (15, len(" ".join(WORK.split()[:12]) + " and so on"))
    (match,) = guarded.evidence.matches
    assert match.words == 13, "the word that was too many, which never left, is what the verdict rests on"
    assert match.output.end == len(" ".join(WORK.split()[:12]))
    assert guarded.tries == ["clean"]


def test_each_try_that_copies_again_is_told_as_such() -> None:
    guarded = gate(index_of([WORK]), LimitJudge(words=12, over=Action.REWRITE), asks=2)
    guarded.feed(CHANNEL, WORK)
    guarded.resume()
    guarded.feed(CHANNEL, f" and again: {WORK}")
    assert guarded.tries == ["still_copied"]
    guarded.resume()
    guarded.feed(CHANNEL, " and so on")
    guarded.close()
    assert guarded.tries == ["still_copied", "clean"]


@pytest.mark.parametrize("cut", [list, lambda text: [text], lambda text: text.replace(" ", " \0").split("\0")])
def test_what_is_read_beyond_the_word_that_is_too_many_counts_as_never_read(cut: object) -> None:
    guarded = gate(index_of([WORK]), LimitJudge(words=12))
    read(guarded, cut(WORK + " and much more of other things"))  # type: ignore[operator]
    (size,) = guarded.evidence.channels
    assert (size.words, size.chars) == (13, len(" ".join(WORK.split()[:13])))


@dataclass(frozen=True)
class FarsightedJudge(LimitJudge):
    """Never blocks, and knows it."""

    def allowance(self, evidence: Evidence, least: Action = Action.REWRITE) -> int:
        return 256 if least is Action.BLOCK else super().allowance(evidence, least)


@pytest.mark.parametrize("cut", [list, lambda text: [text], lambda text: text.replace(" ", " \0").split("\0")])
def test_a_copy_that_goes_on_where_one_that_is_left_out_ends_is_left_out_in_turn(cut: object) -> None:
    endings = ["a", "e", "i", "o", "u", "y", "aa", "ee", "ii", "oo"]
    words = [f"{stem}{ending}" for stem in ("lant", "morv", "quil", "dreb", "sorn") for ending in endings]
    index = index_of([" ".join(words[:20]), " ".join(words[10:])])
    guarded = gate(index, FarsightedJudge(words=12, over=Action.REWRITE))
    received = read(guarded, cut(" ".join(words) + " and no more."))  # type: ignore[operator]
    assert max(match.counted for match in index.scan(received)) <= 12
    assert received.count("[...]") == 2
    assert received.endswith(" and no more.")
