"""Spans scored as the PAN workshops score them (Potthast, Stein, Barron-Cedeno, Rosso: COLING 2010).

A case and a detection both say where in a document something stands and where in a work it comes from. They meet when
they overlap on both sides, with the same document and the same work. Recall and precision are macro-averaged, and count
characters of both sides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from indexes.model import Span

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Located:
    """A place in a document, and the place in a work it comes from."""

    document: str
    output: Span
    work: str
    source: Span

    def meets(self, other: "Located") -> bool:
        """Whether both overlap on both sides."""
        same = self.document == other.document and self.work == other.work
        return same and overlaps(self.output, other.output) and overlaps(self.source, other.source)


@dataclass(frozen=True, slots=True)
class SpanScore:
    """`precision`, `recall` and `f1` from 0 to 1; `granularity` is detections a detected case, at least 1."""

    precision: float
    recall: float
    granularity: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def plagdet(self) -> float:
        """F1 divided by log2(1 + granularity)."""
        return self.f1 / log2(1 + self.granularity)


@dataclass(frozen=True, slots=True)
class Tally:
    """What is added up over documents: cases and detections, how many, the shares of each that are covered.

    `met` counts detections that meet a case, `found` cases that any detection meets.
    """

    cases: float = 0
    held: float = 0.0
    detections: float = 0
    right: float = 0.0
    met: float = 0
    found: float = 0

    @property
    def score(self) -> SpanScore:
        """The measures of all that was added up; 1 where there is nothing on either side."""
        if not self.cases or not self.detections:
            nothing = float(not self.cases and not self.detections)
            return SpanScore(nothing, nothing, 1.0)
        granularity = self.met / self.found if self.found else 1.0
        return SpanScore(self.right / self.detections, self.held / self.cases, granularity)


def score(cases: Sequence[Located], detections: Sequence[Located]) -> SpanScore:
    """How well detections find cases."""
    names = {each.document for each in (*cases, *detections)}
    of: dict[str, tuple[list[Located], list[Located]]] = {name: ([], []) for name in names}
    for case in cases:
        of[case.document][0].append(case)
    for detection in detections:
        of[detection.document][1].append(detection)
    return total(table([tally(*each) for each in of.values()])).score


def tally(cases: Sequence[Located], detections: Sequence[Located]) -> Tally:
    """The tally of one document."""
    met = [sum(case.meets(each) for each in detections) for case in cases]
    return Tally(
        cases=len(cases),
        held=sum(share(case, detections) for case in cases),
        detections=len(detections),
        right=sum(share(each, cases) for each in detections),
        met=sum(met),
        found=sum(count > 0 for count in met),
    )


def table(tallies: Sequence[Tally]) -> Floats:
    """Tallies as rows, to be added up again and again."""
    return np.array([astuple(each) for each in tallies], np.float64).reshape(-1, 6)


def total(rows: Floats, weights: Floats | None = None) -> Tally:
    """Tallies added up, each as often as its weight says."""
    return Tally(*(rows.sum(axis=0) if weights is None else weights @ rows).tolist())


def share(one: Located, others: Iterable[Located]) -> float:
    """The share of one place, both sides together, that is covered by those others which meet it."""
    meeting = [other for other in others if one.meets(other)]
    held = covered(one.output, (other.output for other in meeting))
    held += covered(one.source, (other.source for other in meeting))
    return held / (len(one.output) + len(one.source))


def covered(span: Span, others: Iterable[Span]) -> int:
    """How many characters of a span the others cover."""
    held = np.zeros(len(span), np.bool_)
    for other in others:
        held[max(0, other.start - span.start) : max(0, other.end - span.start)] = True
    return int(held.sum())


def overlaps(one: Span, other: Span) -> bool:
    """Whether two spans share a character."""
    return one.start < other.end and other.start < one.end
