"""Measures of detectors, pure: ranking, calibration, overlap of texts, and how sure a figure is.

Scores are floats where more means "copied"; labels are booleans. `weights` count how often each pair is drawn, which is
how the bootstrap resamples.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

Floats = NDArray[np.float64]
Z: Final = 1.959963984540054
"""The 97.5th percentile of the normal distribution: intervals hold 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, with 95 % confidence."""

    low: float
    high: float


class Ranked:
    """Scores in order, with their labels: read once, measured for many resamples. Needs both labels."""

    def __init__(self, scores: Sequence[float], labels: Sequence[bool]) -> None:
        values, self._place = np.unique(-np.asarray(scores, np.float64), return_inverse=True)
        self.thresholds: Floats = -values
        self._labels = np.asarray(labels, np.bool_)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def negatives(self) -> int:
        """How many pairs are not copied."""
        return int((~self._labels).sum())

    @property
    def is_measurable(self) -> bool:
        """Whether there are pairs of both labels."""
        return bool(self._labels.any() and not self._labels.all())

    def counts(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Positives and negatives at each threshold, highest first."""
        drawn = np.ones(len(self), np.float64) if weights is None else weights
        size = len(self.thresholds)
        right = np.bincount(self._place, drawn * self._labels, size).astype(np.float64)
        return right, np.bincount(self._place, drawn * ~self._labels, size).astype(np.float64)

    def curve(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """The ROC curve: shares of negatives and of positives at or above each threshold, from (0, 0) to (1, 1)."""
        right, wrong = self.counts(weights)
        found, false = np.append(0.0, np.cumsum(right)), np.append(0.0, np.cumsum(wrong))
        return false / max(false[-1], 1e-300), found / max(found[-1], 1e-300)

    def auc(self, weights: Floats | None = None) -> float:
        """The area under the ROC curve: how often a positive scores above a negative, ties counted half."""
        false, found = self.curve(weights)
        return float(((found[1:] + found[:-1]) / 2 * np.diff(false)).sum())

    def recall_at(self, share: float, weights: Floats | None = None) -> float:
        """The highest share of positives found (TPR) with at most this share of false alarms (FPR)."""
        false, found = self.curve(weights)
        return float(found[false <= share + 1e-12].max())

    def best_threshold(self) -> float:
        """The threshold with the most pairs on the right side; between two scores where it can."""
        right, wrong = self.counts()
        good = np.append(0.0, np.cumsum(right)) + wrong.sum() - np.append(0.0, np.cumsum(wrong))
        at = int(good.argmax())
        if at == 0:
            return float("inf")
        below = self.thresholds[at] if at < len(self.thresholds) else self.thresholds[at - 1]
        return float((self.thresholds[at - 1] + below) / 2)


def accuracy(scores: Sequence[float], labels: Sequence[bool], threshold: float) -> float:
    """The share of pairs on the right side of a threshold; a score at it counts as copied."""
    return float(np.mean((np.asarray(scores) >= threshold) == np.asarray(labels, np.bool_)))


def wilson(hits: int, count: int) -> Interval:
    """The interval of a share (Wilson, 1927); from 0 to 1 where nothing was counted."""
    if not count:
        return Interval(0.0, 1.0)
    share, spread = hits / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def bootstrap(
    statistic: Callable[[Floats], float], groups: Sequence[str], *, seed: int = 1, times: int = 1000
) -> Interval:
    """The percentile interval of a statistic of weights; whole groups are drawn, as what shares a source does."""
    names, member = np.unique(np.asarray(groups, np.str_), return_inverse=True)
    random = np.random.default_rng(seed)
    drawn = (random.multinomial(len(names), np.full(len(names), 1 / len(names))) for _ in range(times))
    found = np.array([statistic(counts.astype(np.float64)[member]) for counts in drawn])
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(float(low), float(high))


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs whose probability lies in one tenth: how many, their mean probability, and the share that is copied."""

    count: int
    said: float
    true: float


def reliability(probabilities: Sequence[float], labels: Sequence[bool], bins: int = 10) -> tuple[Bin, ...]:
    """Equal-width bins of probabilities that hold any pair."""
    said, true = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    place = np.minimum((said * bins).astype(np.int64), bins - 1)
    chosen = (place == number for number in range(bins))
    return tuple(Bin(int(at.sum()), float(said[at].mean()), float(true[at].mean())) for at in chosen if at.any())


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean distance of what is said from what is true, weighted by pairs."""
    count = sum(each.count for each in bins)
    return sum(each.count * abs(each.said - each.true) for each in bins) / count if count else 0.0


def rouge_l(output: Sequence[Hashable], source: Sequence[Hashable]) -> float:
    """ROUGE-L (Lin, 2004): F1 of the longest common subsequence of two token lists."""
    if not output or not source:
        return 0.0
    return float(2 * LCSseq.similarity(output, source) / (len(output) + len(source)))


def longest_run(output: Sequence[str], source: Sequence[str]) -> int:
    """The words of the longest run that both hold, by plain comparison of all with all."""
    known: dict[str, list[int]] = {}
    for at, word in enumerate(source):
        known.setdefault(word, []).append(at)
    before: dict[int, int] = {}
    longest = 0
    for word in output:
        before = {at: before.get(at - 1, 0) + 1 for at in known.get(word, ())}
        longest = max(longest, *before.values()) if before else longest
    return longest
