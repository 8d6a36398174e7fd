"""The nouns of an evaluation: what is measured, how sure it is, what it is compared with, what is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from indexes.model import Match
from proxy.evaluation.metrics import Interval

LOWER: Final = frozenset({"granularity", "matches per place", "calibration error", "longest leaked run"})
"""Measures of which less is better."""

Role: TypeAlias = Literal["detector", "baseline"]


class Detector(Protocol):
    """Something that says which places of a text are copied from the works it holds."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def matches(self, text: str) -> tuple[Match, ...]:
        """Every copied place of a whole text."""


class Scorer(Protocol):
    """Something that says how much of an output comes from a source: more means copied."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def score(self, output: str, source: str) -> float:
        """A score; only its order matters, unless `is_probability` is true of its method."""


@dataclass(frozen=True, slots=True)
class Method:
    """A scorer and its role: one of ours or a baseline; a probability means what it says."""

    scorer: Scorer
    role: Role
    is_probability: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach, in words, and whether it does."""

    said: str
    met: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value of one method on one set; `part` narrows the set, `count` is what the value rests on."""

    set: str
    measure: str
    method: str
    value: float
    count: int
    interval: Interval | None = None
    role: Role = "detector"
    part: str = ""
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: its name and its points."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of lines or bars. `across` and `up` name the axes; `wide` and `high` are where these end."""

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]
    kind: Literal["lines", "bars"] = "lines"
    wide: float | None = None
    high: float | None = None


@dataclass(slots=True)
class Result:
    """Figures, charts, and lines on what was left out and why."""

    figures: list[Figure] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, other: "Result") -> None:
        """Add what another one has."""
        self.figures += other.figures
        self.charts += other.charts
        self.notes += other.notes


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: `pairs` of either label at most (None: all), and how many of each planted thing."""

    pairs: int | None
    ranked: int
    planted: int
    cells: int
    disguised: int
    documents: int
    clean: int
    streams: int
    resamples: int


FULL: Final = Effort(
    pairs=None,
    ranked=2000,
    planted=3000,
    cells=200,
    disguised=200,
    documents=400,
    clean=20_000,
    streams=400,
    resamples=1000,
)
QUICK: Final = Effort(
    pairs=500,
    ranked=150,
    planted=200,
    cells=8,
    disguised=10,
    documents=40,
    clean=800,
    streams=50,
    resamples=200,
)


def at_least(value: float, bound: float) -> Target:
    """The target that a value is at least so high."""
    return Target(f"\u2265 {bound:g}", value >= bound)


def at_most(value: float, bound: float) -> Target:
    """The target that a value is at most so high."""
    return Target(f"\u2264 {bound:g}", value <= bound)


def best(figures: Sequence[Figure]) -> Figure | None:
    """The best of figures of one measure: the highest, or the lowest where less is better."""
    return max(figures, key=lambda figure: -figure.value if figure.measure in LOWER else figure.value, default=None)
