"""Measures against values that reference implementations gave, and against examples worked by hand."""

import math

import numpy as np
import pytest

from indexes.text.normalize import tokenize
from proxy.evaluation.metrics import (
    Bin,
    Ranked,
    accuracy,
    bootstrap,
    calibration_error,
    longest_run,
    reliability,
    rouge_l,
    wilson,
)

LABELS = [True, True, False, True, False, False, True, False, True, False, False, False]
SCORES = [0.9, 0.8, 0.8, 0.7, 0.6, 0.55, 0.55, 0.5, 0.4, 0.3, 0.3, 0.1]
DRAWN = np.array([1, 2, 0, 1, 3, 1, 1, 0, 2, 1, 1, 4], np.float64)

# What rouge-score 0.1.2 says, without stemming.
ROUGE = [
    ("the cat sat on the mat", "the cat was sitting on a mat", 0.6153846154),
    (
        "It was the best of times, it was the worst of times",
        "It was the worst of times, it was the best of times",
        0.8333333333,
    ),
    (
        "Call me Ishmael. Some years ago, never mind how long precisely",
        "Some years ago I was called Ishmael, and never mind precisely how long ago",
        0.56,
    ),
    ("nothing shared here", "alpha beta gamma", 0.0),
    ("police killed the gunman", "police kill the gunman", 0.75),
    ("a a a b", "a b a a", 0.75),
]


@pytest.mark.parametrize(("output", "source", "expected"), ROUGE)
def test_rouge_l_is_what_rouge_score_says(output: str, source: str, expected: float) -> None:
    found = rouge_l(tokenize(output).hashes.tolist(), tokenize(source).hashes.tolist())
    assert found == pytest.approx(expected, abs=1e-9)


def test_nothing_has_nothing_in_common() -> None:
    assert rouge_l([], [1, 2]) == 0.0


def test_auc_is_what_scikit_learn_says() -> None:
    ranked = Ranked(SCORES, LABELS)
    assert ranked.auc() == pytest.approx(0.7714285714285715)
    assert ranked.auc(DRAWN) == pytest.approx(0.8357142857142856)


def test_a_ranking_that_is_right_has_an_auc_of_one_and_one_of_equals_a_half() -> None:
    assert Ranked([3, 2, 1, 0], [True, True, False, False]).auc() == 1
    assert Ranked([0, 0, 0, 0], [True, False, True, False]).auc() == 0.5
    assert Ranked([0, 1], [True, False]).auc() == 0


def test_the_curve_is_the_one_scikit_learn_draws() -> None:
    false, found = Ranked(SCORES, LABELS).curve()
    sevenths = [0, 0, 1, 1, 2, 3, 4, 4, 6, 7]
    assert false.tolist() == pytest.approx([each / 7 for each in sevenths])
    assert found.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.6, 0.8, 0.8, 1, 1, 1])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.2), (0.1, 0.2), (1 / 7, 0.6), (0.43, 0.8), (0.58, 1.0)])
def test_recall_is_read_off_the_curve_without_going_over_the_share(share: float, expected: float) -> None:
    assert Ranked(SCORES, LABELS).recall_at(share) == pytest.approx(expected)


def test_the_best_threshold_lies_between_the_scores_it_parts() -> None:
    scores, labels = [0.9, 0.6, 0.4, 0.1], [True, True, False, False]
    threshold = Ranked(scores, labels).best_threshold()
    assert threshold == pytest.approx(0.5)
    assert accuracy(scores, labels, threshold) == 1
    assert accuracy(scores, labels, 0.95) == 0.5


def test_where_no_threshold_helps_all_is_left_out() -> None:
    assert Ranked([0.9, 0.1], [False, True]).best_threshold() in (math.inf, pytest.approx(0.1))
    assert Ranked([0.9, 0.8, 0.7, 0.1], [False, False, False, True]).best_threshold() == math.inf


def test_wilson_is_the_worked_example() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    found, none = wilson(81, 263), wilson(0, 20)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)


def test_the_bootstrap_is_the_same_each_time_and_holds_what_it_measures() -> None:
    values = np.arange(100, dtype=np.float64)
    names = [str(number) for number in range(100)]
    mean = lambda weights: float(weights @ values / weights.sum())  # noqa: E731 (said in place)
    interval = bootstrap(mean, names)
    assert interval == bootstrap(mean, names)
    assert interval.low == pytest.approx(49.5 - 1.96 * 28.87 / 10, abs=0.7)
    assert interval.high == pytest.approx(49.5 + 1.96 * 28.87 / 10, abs=0.7)


def test_what_belongs_together_is_drawn_together() -> None:
    seen = []
    bootstrap(lambda weights: seen.append(weights) or 0.0, ["a", "b", "a", "b", "b"], times=20)
    assert all(weights[0] == weights[2] and weights[1] == weights[3] == weights[4] for weights in seen)
    assert len({tuple(weights) for weights in seen}) > 1


def test_calibration_is_how_far_what_is_said_lies_from_what_is_true() -> None:
    bins = reliability([0.05, 0.05, 0.95, 0.95, 1.0], [False, True, True, True, True])
    assert bins == (Bin(2, 0.05, 0.5), Bin(3, pytest.approx(2.9 / 3), 1.0))
    assert calibration_error(bins) == pytest.approx((2 * 0.45 + 3 * (1 - 2.9 / 3)) / 5)


@pytest.mark.parametrize(
    ("output", "source", "expected"),
    [("a b c d", "x b c d y", 3), ("a b", "b a", 1), ("a", "b", 0), ("a a a", "a a b a a a", 3), ("", "a", 0)],
)
def test_the_longest_run_is_found_by_plain_comparison(output: str, source: str, expected: int) -> None:
    assert longest_run(output.split(), source.split()) == expected
