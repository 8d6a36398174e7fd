"""What was measured, as one table for a terminal and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from proxy.evaluation.model import Figure, Result, best

HEADS = ("set", "measure", "of", "detector", "figure", "95 %", "n", "best baseline", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of ours beside the best baseline on the same set, part and measure, if any."""

    figure: Figure
    baseline: Figure | None


def rows(result: Result) -> list[Row]:
    """A row for each figure of a detector, in the order of measuring."""
    plain: dict[tuple[str, str, str], list[Figure]] = {}
    for figure in result.figures:
        if figure.role == "baseline":
            plain.setdefault(place(figure), []).append(figure)
    ours = [figure for figure in result.figures if figure.role == "detector"]
    order = list(dict.fromkeys(map(place, ours)))
    ours.sort(key=lambda figure: order.index(place(figure)))
    return [Row(figure, best(plain.get(place(figure), []))) for figure in ours]


def place(figure: Figure) -> tuple[str, str, str]:
    """What a figure measures, whoever is measured."""
    return figure.set, figure.measure, figure.part


def table(result: Result) -> list[str]:
    """The table as lines, with what it comes to below it."""
    lines = shown(result)
    widths = [max(map(len, column)) for column in zip(HEADS, *lines, strict=True)]
    said = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in (HEADS, *lines)]
    return [*said, "", *summary(result), *(f"note: {note}" for note in result.notes)]


def shown(result: Result) -> list[tuple[str, ...]]:
    """The rows that tables show: of parts of a set no more than what sums them up."""
    return [cells(row) for row in rows(result) if is_shown(row.figure)]


def is_shown(figure: Figure) -> bool:
    """Whether a figure is worth a line of a table; all stand in the JSON."""
    if figure.set == "spans":
        return figure.measure == "PlagDet" or figure.part == "all"
    return not figure.part or not figure.measure.startswith("TPR")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    figure, plain = row.figure, row.baseline
    return (
        figure.set,
        figure.measure,
        figure.part,
        figure.method,
        number(figure.value),
        interval(figure),
        str(figure.count),
        f"{number(plain.value)} {plain.method}" if plain else "",
        figure.target.said if figure.target else "",
        met(figure),
    )


def number(value: float) -> str:
    """A value with as many digits as it is worth."""
    return f"{value:.4f}" if abs(value) < 10 and value != int(value) else f"{value:g}"


def interval(figure: Figure) -> str:
    """The interval of a figure, or nothing."""
    return f"{figure.interval.low:.3f} to {figure.interval.high:.3f}" if figure.interval else ""


def met(figure: Figure) -> str:
    """Whether the target is met, in a word."""
    if figure.target is None:
        return ""
    return "met" if figure.target.met else "missed"


def summary(result: Result) -> list[str]:
    """How many targets are met, and each that is missed with its figure."""
    aimed = [figure for figure in result.figures if figure.target]
    missed = [figure for figure in aimed if figure.target and not figure.target.met]
    lines = [f"{len(aimed) - len(missed)} of {len(aimed)} targets met"] if aimed else []
    return lines + [f"missed: {sentence(figure)}" for figure in missed]


def sentence(figure: Figure) -> str:
    """A figure and its target in a line."""
    of = f" ({figure.part})" if figure.part else ""
    wanted = f", target {figure.target.said}" if figure.target else ""
    return f"{figure.set}{of}: {figure.measure} {number(figure.value)} by {figure.method}{wanted}"


def as_json(result: Result, about: dict[str, Any]) -> dict[str, Any]:
    """The whole evaluation as one JSON document; the baselines are figures too."""
    return {
        **about,
        "figures": [asdict(figure) for figure in result.figures],
        "charts": [asdict(chart) for chart in result.charts],
        "notes": result.notes,
        "targets": {"met": len(aimed(result, met=True)), "missed": len(aimed(result, met=False))},
    }


def aimed(result: Result, *, met: bool) -> Sequence[Figure]:
    """The figures whose target is met, or is not."""
    return [figure for figure in result.figures if figure.target and figure.target.met is met]
