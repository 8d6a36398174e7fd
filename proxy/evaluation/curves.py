"""Curves as lines of a chart."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from proxy.evaluation.metrics import Ranked
from proxy.evaluation.model import Line

POINTS: Final = 200
SHOWN: Final = 0.1
"""False alarms up to which curves are drawn."""


def roc(name: str, ranked: Ranked) -> Line:
    """The beginning of a ROC curve, with the area under all of it in its name."""
    false, found = ranked.curve()
    points = [point for point in zip(false.tolist(), found.tolist(), strict=True) if point[0] <= SHOWN]
    points.append((SHOWN, float(np.interp(SHOWN, false, found))))
    return Line(f"{name}, AUC {ranked.auc():.3f}", thinned(points))


def thinned(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Points of a curve, no more than a picture can show."""
    step = max(1, len(points) // POINTS)
    return (*points[:-1:step], *points[-1:])
