"""PlagDet against the worked examples that come with the evaluator of the PAN workshops."""

import pytest

from indexes.model import Span
from proxy.evaluation.plagdet import Located, SpanScore, Tally, score, share, table, tally, total


def place(document: int, start: int, length: int, source: int | None = None) -> Located:
    """An annotation of the evaluator's examples: they stand at the same place on both sides."""
    first = start if source is None else source
    return Located(f"t{document}", Span(start, start + length), f"s{document}", Span(first, first + length))


ONE, THREE, FOUR = place(1, 0, 100), place(1, 100, 100), place(1, 0, 200)
SEVEN, NINE, TEN = place(2, 0, 100), place(2, 50, 100), place(2, 25, 75)


@pytest.mark.parametrize(
    ("case", "found", "expected"),
    [
        (ONE, [], 0),
        (ONE, [ONE], 1),
        (ONE, [THREE], 0),
        (ONE, [FOUR], 1),
        (ONE, [FOUR, SEVEN], 1),
        (ONE, [SEVEN, NINE], 0),
        (SEVEN, [NINE], 0.5),
        (SEVEN, [TEN], 0.75),
        (SEVEN, [NINE, TEN], 0.75),
    ],
)
def test_a_case_is_recalled_as_far_as_it_is_covered(case: Located, found: list[Located], expected: float) -> None:
    assert share(case, found) == expected


@pytest.mark.parametrize(
    ("cases", "found", "expected"), [([], [], 1), ([ONE], [ONE], 1), ([ONE, SEVEN], [ONE], 0.5), ([ONE], [SEVEN], 0)]
)
def test_recall_is_the_mean_over_cases(cases: list[Located], found: list[Located], expected: float) -> None:
    assert score(cases, found).recall == expected


@pytest.mark.parametrize(
    ("cases", "found", "expected"),
    [
        ([], [], 1),
        ([ONE], [ONE], 1),
        ([ONE, SEVEN], [ONE], 1),
        ([ONE], [FOUR], 0.5),
        ([SEVEN], [TEN], 1),
        ([SEVEN], [NINE, TEN], 0.75),
        ([ONE], [THREE, FOUR], 0.25),
    ],
)
def test_precision_is_the_mean_over_detections(cases: list[Located], found: list[Located], expected: float) -> None:
    assert score(cases, found).precision == expected


@pytest.mark.parametrize(
    ("cases", "found", "expected"),
    [([], [], 1), ([ONE], [THREE], 1), ([ONE], [ONE, FOUR], 2), ([ONE, THREE], [ONE, FOUR], 1.5)],
)
def test_granularity_counts_detections_of_detected_cases(
    cases: list[Located], found: list[Located], expected: float
) -> None:
    assert score(cases, found).granularity == expected


@pytest.mark.parametrize(
    ("recall", "precision", "granularity", "expected"),
    [
        (0, 0, 1, 0),
        (0, 1, 1, 0),
        (1, 1, 1, 1),
        (0.5, 1, 1, 2 / 3),
        (1, 0.5, 1, 2 / 3),
        (1, 1, 2, 0.63092975),
        (0.25, 0.75, 2, 0.23659865),
    ],
)
def test_plagdet_puts_the_three_together(recall: float, precision: float, granularity: float, expected: float) -> None:
    assert SpanScore(precision, recall, granularity).plagdet == pytest.approx(expected)


def test_the_wrong_place_in_the_right_work_is_no_detection() -> None:
    found = place(1, 0, 100, source=500)
    assert score([ONE], [found]) == SpanScore(0, 0, 1)


def test_documents_can_be_added_up_and_drawn_again() -> None:
    documents = [([ONE, THREE], [FOUR]), ([SEVEN], [NINE, TEN]), ([place(3, 0, 10)], [])]
    rows = table([tally(*each) for each in documents])
    together = score(
        [each for cases, _ in documents for each in cases], [each for _, found in documents for each in found]
    )
    added = total(rows).score
    assert (added.precision, added.recall, added.granularity) == pytest.approx(
        (together.precision, together.recall, together.granularity)
    )
    assert total(rows, rows[:, 0] * 0) == Tally()
    drawn = total(rows, rows[:, 0] * 0 + [0, 2, 0]).score  # type: ignore[operator]
    assert drawn == score(*documents[1])
