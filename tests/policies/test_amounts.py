"""How much of a work was copied, over matches and over a conversation."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from indexes.model import Span, Stretch
from policies.amounts import amounts, copied_words, earlier_amounts, union
from policies.model import EarlierAmount
from tests.support.evidence import a_match, a_work, evidence_of, of_stretches

INTERVALS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


@given(INTERVALS)
def test_a_union_is_sorted_parted_by_gaps_and_covers_the_same_numbers(intervals: list[tuple[int, int]]) -> None:
    found = list(union(intervals))
    covered = {number for low, high in intervals for number in range(low, high)}
    assert {number for low, high in found for number in range(low, high)} == covered
    assert sum(high - low for low, high in found) == len(covered)
    assert all(end < low for (_, end), (low, _) in pairwise(found))


def test_touching_intervals_are_one() -> None:
    assert list(union([(5, 9), (0, 5), (3, 3), (12, 13)])) == [(0, 9), (12, 13)]


def test_earlier_answers_are_kept_by_work_and_units_without_what_is_common() -> None:
    words, other = a_work(), a_work(id="b")
    turns = [
        [of_stretches(words, (Stretch(0, 10, 10), Stretch(10, 20, 5, common=True))), a_match(other, words=4, source=0)],
        [a_match(words, words=10, source=15), of_stretches(words, (Stretch(0, 90, 3, 1),))],
    ]
    assert earlier_amounts(turns) == (
        EarlierAmount("a", (Span(90, 93),), 1),
        EarlierAmount("a", (Span(10, 25),), 2),
        EarlierAmount("b", (Span(0, 4),), 2),
    )
    assert earlier_amounts([[of_stretches(words, (Stretch(0, 0, 9, common=True),))]]) == ()


def test_a_share_of_the_work_has_what_was_given_earlier_in_it() -> None:
    work = a_work(words=1000)
    said = evidence_of(a_match(work, words=100), earlier=(EarlierAmount("a", (Span(5000, 5200),), 2),))
    found = amounts(said, with_grounded=False)["a"]
    assert (found.words, found.share, found.fresh, found.heart) == (300, 0.3, 100, None)


def test_a_share_is_never_over_the_whole() -> None:
    assert amounts(evidence_of(a_match(a_work(words=10), words=40)), with_grounded=False)["a"].share == 1.0


def test_grounded_passages_are_no_amount_unless_they_are_judged() -> None:
    said = evidence_of(a_match(words=10), a_match(words=30, source=9000, grounded=True))
    assert [amounts(said, with_grounded=each)["a"].words for each in (False, True)] == [10, 40]


def test_the_heart_is_what_is_copied_of_all_its_parts() -> None:
    work = a_work(heart=((0, 60), (600, 660)))
    half = evidence_of(a_match(work, words=10, source=0), a_match(work, words=10, source=5000))
    assert round(amounts(half, with_grounded=False)["a"].heart or 0, 2) == 0.49
    assert amounts(evidence_of(a_match(work, source=5000)), with_grounded=False)["a"].heart == 0.0


def test_output_words_are_counted_once() -> None:
    assert copied_words([a_match(words=20, at=0), a_match(words=20, at=10, source=500)]) == 30
    assert copied_words([of_stretches(a_work(), (Stretch(0, 0, 21, 1),))]) == 10
