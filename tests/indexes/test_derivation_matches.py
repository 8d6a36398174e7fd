"""Passages of a whole text in other words: found, placed, joined, grounded, left out."""

from dataclasses import replace

import pytest

from indexes.model import Match, Span, Work
from indexes.text.derivation import Judge
from indexes.text.derivation_candidates import Passing, WordCandidates
from indexes.text.derivation_matches import Text, semantic_matches
from indexes.text.segment import TextSegment
from tests.indexes.test_derivation import OTHER, RETOLD, SOURCE

FILLER = (
    "The committee met on Tuesday to settle the accounts of the orchard. Nobody objected to the price of apples. "
    "A vote was taken, the treasurer yawned, and tea was served with ginger biscuits under the awning. Rain fell. "
)
LONGER = "The village lay quiet under snow, and no carriage passed. " * 20


@pytest.fixture(scope="module")
def segment() -> TextSegment:
    works = [
        (Work("frankenstein", "Frankenstein"), LONGER + SOURCE + " " + LONGER),
        (Work("moby", "Moby Dick", private_to=("acme",)), OTHER + " The whale swam on. " * 30),
    ]
    return TextSegment.from_texts(works)


@pytest.fixture(scope="module")
def candidates(segment: TextSegment) -> WordCandidates:
    return WordCandidates([segment])


@pytest.fixture(scope="module")
def judge(candidates: WordCandidates) -> Judge:
    return Judge.beside(candidates.counted)


def found(text: str, candidates: WordCandidates, judge: Judge, **more: object) -> tuple[Match, ...]:
    return semantic_matches(text, "content", candidates, judge, **more)  # type: ignore[arg-type]


def test_a_passage_in_other_words_is_found_where_it_stands(candidates: WordCandidates, judge: Judge) -> None:
    text = FILLER + RETOLD + " " + FILLER
    (match,) = found(text, candidates, judge)
    assert match.detector == "semantic"
    assert match.work.id == "frankenstein"
    assert match.probability is not None
    assert match.probability > 0.5
    assert text[match.output.start :].startswith(("On a bleak November night", "Anxious to the point"))
    assert text[: match.output.end].endswith("far away from Ingolstadt")
    assert "I collected the instruments of life" in (LONGER + SOURCE)[match.source.start : match.source.end]


def test_it_stands_in_no_limit(candidates: WordCandidates, judge: Judge) -> None:
    (match,) = found(RETOLD, candidates, judge)
    assert match.stretches == ()
    assert match.counted == 0
    assert not match.live
    assert 0 < match.words <= match.span_words
    assert match.identity < 1


def test_what_tells_of_something_else_is_not_found(candidates: WordCandidates, judge: Judge) -> None:
    assert found(FILLER * 3, candidates, judge) == ()
    assert found("", candidates, judge) == ()


def test_neighbouring_windows_that_retell_one_place_make_one_match() -> None:
    text = f"{SOURCE} {OTHER} {FILLER}{RETOLD}"
    candidates = WordCandidates([TextSegment.from_texts([(Work("all", "All"), text)])])
    assert len(list(Text.of(text).windows())) > 1
    (match,) = found(text, candidates, Judge.beside(candidates.counted))
    assert match.output == Span(0, len(text) - 1)  # the last full stop is no word


def test_what_was_made_from_the_request_is_grounded(candidates: WordCandidates, judge: Judge) -> None:
    (match,) = found(RETOLD, candidates, judge, grounding=[FILLER + SOURCE])
    assert match.grounded
    (other,) = found(RETOLD, candidates, judge, grounding=[FILLER])
    assert not other.grounded


def test_what_an_exact_match_covers_is_left_out(candidates: WordCandidates, judge: Judge) -> None:
    (match,) = found(RETOLD, candidates, judge)
    exact = replace(match, detector="verbatim")
    assert found(RETOLD, candidates, judge, known=[exact]) == ()
    half = replace(exact, output=Span(exact.output.start, exact.output.start + len(exact.output) // 3))
    assert found(RETOLD, candidates, judge, known=[half, half]) == (match,)
    assert found(RETOLD, candidates, judge, known=[replace(exact, work=Work("x", "X"))]) == (match,)


def test_private_works_are_not_nominated(candidates: WordCandidates) -> None:
    assert candidates.find([OTHER])[0][0].ordinal == 1
    hidden = candidates.known_to(lambda work: not work.private_to)
    assert 1 not in [each.ordinal for each in hidden.find([OTHER])[0]]
    assert candidates.known_to(lambda work: True) is candidates


def test_removed_works_are_not_nominated(segment: TextSegment) -> None:
    left = WordCandidates([segment.without(frozenset({0}))])
    assert {each.ordinal for each in left.find([SOURCE])[0]} <= {1}


def test_the_best_passage_comes_first_and_words_that_nobody_has_find_nothing(candidates: WordCandidates) -> None:
    best = candidates.find([SOURCE], 3)[0][0]
    assert isinstance(best, Passing)
    assert best.ordinal == 0
    assert candidates.find(["zzyzx qwertz"]) == [[]]
    assert candidates.find([]) == []


def test_an_empty_index_nominates_nothing() -> None:
    assert WordCandidates([]).find([SOURCE]) == [[]]


def test_windows_are_whole_sentences_and_leave_no_word_out() -> None:
    read = Text.of(FILLER * 8)
    windows = list(read.windows())
    covered = {token for window in windows for token in range(window.start, window.end)}
    assert covered == set(range(len(read.tokens)))
    assert all({window.start, window.end} <= set(read.edges.tolist()) for window in windows)


def test_a_sentence_without_end_is_cut() -> None:
    read = Text.of("word " * 1000)
    assert max(len(window) for window in read.windows()) <= 270
    assert list(read.windows())[-1].end == 1000
