"""Sets of pairs: who tells the copied ones from the others, and who finds the right source among all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from proxy.evaluation.baselines import Reader
from proxy.evaluation.curves import SHOWN, roc
from proxy.evaluation.detectors import methods, ranking
from proxy.evaluation.metrics import (
    Floats,
    Interval,
    Ranked,
    accuracy,
    bootstrap,
    calibration_error,
    reliability,
    wilson,
)
from proxy.evaluation.model import Chart, Effort, Figure, Line, Method, Result, Role, Target, at_least
from proxy.evaluation.sets import Pair, PairSet

TARGETS: Final = {
    ("pan_pairs", "AUC"): 0.965,
    ("pan_pairs", "accuracy"): 0.915,
    ("decop", "TPR at 1 % FPR"): 0.97,
    ("decop", "right source first"): 0.995,
    ("bible_verses", "TPR at 0.1 % FPR"): 0.95,
}
NOT_WORSE: Final = "clough_stevenson"
SHARES: Final = {"TPR at 1 % FPR": 0.01, "TPR at 0.1 % FPR": 0.001}
FALSE: Final = 5
"""False alarms that a share must allow for: recall at fewer is chance."""
FIRST: Final = 20
"""Sources that BM25 finds, out of which a scorer picks one."""


class Measuring:
    """The pairs of one set, every method's scores, and the figures made of them."""

    def __init__(self, found: PairSet, effort: Effort) -> None:
        self._set = found
        self._effort = effort
        self._reader = Reader()
        self._sources = list(dict.fromkeys(pair.source for pair in found.pairs))
        self._methods = methods(self._sources, self._reader)
        self._answers = next(each.scorer.name for each in reversed(self._methods) if self._may_answer(each))
        self._labels = [pair.label for pair in found.measured]
        self._groups = [pair.group for pair in found.measured]
        self._ranked: dict[str, Ranked] = {}

    def result(self) -> Result:
        """Every figure and chart of the set."""
        out = Result()
        if not Ranked([0.0] * len(self._labels), self._labels).is_measurable:
            out.notes.append(f"{self._set.name}: left out, it needs pairs that are copied and pairs that are not")
            return out
        if self._set.learnt:
            out.notes.append(
                f"{self._set.name}: the judge of derivation has learnt from it; its target is for the others"
            )
        for method in reversed(self._methods):
            self._measure(method, out)
        out.figures.reverse()
        out.charts.append(self._roc())
        if self._set.ranks:
            out.figures += self._first()
        return out

    def _may_answer(self, method: Method) -> bool:
        """Whether a target may be for a method: one of ours, which has not learnt from the set."""
        return method.role == "detector" and not (self._set.learnt and method.is_probability)

    def _measure(self, method: Method, out: Result) -> None:
        name = method.scorer.name
        scores = [method.scorer.score(pair.output, pair.source) for pair in self._set.measured]
        ranked = self._ranked[name] = Ranked(scores, self._labels)
        out.figures += reversed(self._by_part(method, scores))
        for measure, share in reversed(SHARES.items()):
            if self._labels.count(False) * share >= FALSE:
                value, interval = ranked.recall_at(share), self._interval(partial(ranked.recall_at, share))
                out.figures.append(self._figure(measure, method, value, interval))
        tuning = [pair for pair in self._set.pairs if pair.tuning]
        if tuning and self._labels.count(True) >= len(self._labels) / 4:
            out.figures.append(self._accuracy(method, scores, tuning))
        out.figures.append(self._figure("AUC", method, ranked.auc(), self._interval(ranked.auc)))
        if method.is_probability:
            bins = reliability(scores, self._labels)
            out.figures.append(self._figure("calibration error", method, calibration_error(bins), None))
            line = Line(name, tuple((each.said, each.true) for each in bins))
            even = Line("as said", ((0.0, 0.0), (1.0, 1.0)))
            out.charts.append(Chart(f"Reliability, {self._set.name}", "probability", "copied", (line, even)))

    def _by_part(self, method: Method, scores: Sequence[float]) -> list[Figure]:
        """AUC and recall of each part of the copied pairs, against its other pairs, or all others where it has none."""
        pairs = list(zip(self._set.measured, scores, strict=True))
        parts = list(dict.fromkeys(pair.part for pair, _ in pairs if pair.label))
        figures: list[Figure] = []
        for part in parts if len(parts) > 1 else ():
            right = [each for each in pairs if each[0].label and each[0].part == part]
            wrong = [each for each in pairs if not each[0].label]
            wrong = [each for each in wrong if each[0].part == part] or wrong
            chosen = right + wrong
            ranked = Ranked([score for _, score in chosen], [pair.label for pair, _ in chosen])
            if ranked.is_measurable:
                figures += self._of_part(part, method, ranked, [pair.group for pair, _ in chosen])
        return figures

    def _of_part(self, part: str, method: Method, ranked: Ranked, groups: Sequence[str]) -> Iterator[Figure]:
        times = min(200, self._effort.resamples)
        measures: dict[str, Callable[[Floats | None], float]] = {"AUC": ranked.auc}
        if ranked.negatives >= 100:
            measures["TPR at 1 % FPR"] = partial(ranked.recall_at, 0.01)
        for measure, statistic in measures.items():
            figure = self._figure(measure, method, statistic(None), bootstrap(statistic, groups, times=times))
            yield replace(figure, part=part, count=len(ranked), target=None)

    def _accuracy(self, method: Method, scores: Sequence[float], tuning: Sequence[Pair]) -> Figure:
        """The share of pairs on the right side of the threshold that the tuning pairs choose."""
        said = [method.scorer.score(pair.output, pair.source) for pair in tuning]
        threshold = Ranked(said, [pair.label for pair in tuning]).best_threshold()
        value = accuracy(scores, self._labels, threshold)
        return self._figure("accuracy", method, value, wilson(round(value * len(scores)), len(scores)))

    def _figure(self, measure: str, method: Method, value: float, interval: Interval | None) -> Figure:
        name = method.scorer.name
        target = self._target(measure, value, name) if name == self._answers else None
        return Figure(self._set.name, measure, name, value, len(self._labels), interval, method.role, target=target)

    def _target(self, measure: str, value: float, name: str) -> Target | None:
        bound = TARGETS.get((self._set.name, measure))
        if bound is not None:
            return at_least(value, bound)
        return self._not_worse(name) if (self._set.name, measure) == (NOT_WORSE, "AUC") else None

    def _not_worse(self, name: str) -> Target:
        """Not worse than the best baseline by paired bootstrap: the interval of the difference reaches 0."""
        plain = [each.scorer.name for each in self._methods if each.role == "baseline"]
        rival = max(plain, key=lambda each: self._ranked[each].auc())
        ours, theirs = self._ranked[name], self._ranked[rival]
        gap = self._interval(lambda weights: ours.auc(weights) - theirs.auc(weights))
        return Target(f"not worse than {rival} (difference {gap.low:+.3f} to {gap.high:+.3f})", gap.high >= 0)

    def _interval(self, statistic: Callable[[Floats], float]) -> Interval:
        times = self._effort.resamples if len(self._labels) < 20_000 else min(200, self._effort.resamples)
        return bootstrap(statistic, self._groups, times=times)

    def _roc(self) -> Chart:
        """The ROC curve of every method, up to a tenth of false alarms."""
        lines = [roc(name, ranked) for name, ranked in reversed(self._ranked.items())]
        return Chart(f"ROC, {self._set.name}", "false alarms", "found", tuple(lines), wide=SHOWN, high=1.0)

    def _first(self) -> list[Figure]:
        """How often the right source is the first of all.

        Scorers choose among those that BM25 finds, and leave its order where scores are equal.
        """
        right = [pair for pair in self._set.measured if pair.label][: self._effort.ranked]
        index = ranking(self._sources, self._reader)
        hits: dict[str, int] = {}
        for pair in right:
            scores = index.ranked(pair.output)
            near = [self._sources[at] for at in (-scores).argsort(kind="stable")[:FIRST].tolist()]
            hits["BM25"] = hits.get("BM25", 0) + (near[0] == pair.source)
            for method in self._methods:
                first = max(near, key=lambda source, by=method.scorer: by.score(pair.output, source))  # type: ignore[misc]
                hits[method.scorer.name] = hits.get(method.scorer.name, 0) + (first == pair.source)
        roles: dict[str, Role] = {method.scorer.name: method.role for method in self._methods}
        return [self._ranks(name, count, len(right), roles.get(name, "baseline")) for name, count in hits.items()]

    def _ranks(self, name: str, hits: int, count: int, role: Role) -> Figure:
        measure = "right source first"
        value = hits / count
        target = self._target(measure, value, name) if name == self._answers else None
        return Figure(self._set.name, measure, name, value, count, wilson(hits, count), role, target=target)
