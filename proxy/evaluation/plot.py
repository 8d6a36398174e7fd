"""Charts as inline SVG: lines or bars, axes from zero, a legend beside them. Colours are the page's."""

from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from math import floor, log10
from typing import Final, TypeAlias

from proxy.evaluation.model import Chart, Line

WIDTH: Final = 640
LEFT: Final = 54
RIGHT: Final = 400
TOP: Final = 16
BOTTOM: Final = 250
ROW: Final = 17
FEW: Final = 12
"""Points that are worth a dot each."""
COLOURS: Final = 8
DASHES: Final = ("", "6 3", "2 3")

Scale: TypeAlias = Callable[[float], float]


def drawn(chart: Chart) -> str:
    """A chart as SVG."""
    height = max(BOTTOM + 44, TOP + ROW * len(chart.lines) + 12)
    across, up = axes(chart)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(chart.title)}">',
        *grid(chart, across, up),
        *(bars(chart, across, up) if chart.kind == "bars" else curves(chart, across, up)),
        *legend(chart.lines),
        "</svg>",
    ]
    return "\n".join(parts)


def axes(chart: Chart) -> tuple[tuple[Scale, float, float], tuple[Scale, float, float]]:
    """For each axis: values onto places, where it ends, and the step of its ticks."""
    points = [point for line in chart.lines for point in line.points]
    room = 1.0 if chart.kind == "lines" else 1.1
    ends = (
        chart.wide or max([x for x, _ in points], default=1) * room,
        chart.high or max([y for _, y in points], default=1),
    )
    wide, high = (end or 1.0 for end in ends)
    return (scale(wide, LEFT, RIGHT), wide, step(wide)), (scale(high, BOTTOM, TOP), high, step(high))


def scale(most: float, first: float, last: float) -> Scale:
    """Values from zero to `most` onto places."""
    return lambda value: first + (last - first) * min(value, most) / most


def step(most: float) -> float:
    """The distance of ticks: 1, 2 or 5 times a power of ten, at most five of them."""
    ten = 10.0 ** floor(log10(most / 4))
    return next(each * ten for each in (1, 2, 5, 10) if most / (each * ten) <= 5.0001)


def grid(chart: Chart, across: tuple[Scale, float, float], up: tuple[Scale, float, float]) -> list[str]:
    """Lines and numbers of both axes, and their names."""
    parts = []
    for value in ticks(*up[1:]):
        y = up[0](value)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}"/>')
        parts.append(text(LEFT - 6, y + 4, f"{value:g}", "end"))
    parts += [text(across[0](value), BOTTOM + 16, f"{value:g}", "middle") for value in ticks(*across[1:])]
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 34, chart.across, "middle"))
    middle = (TOP + BOTTOM) / 2
    parts.append(f'<g transform="rotate(-90 14 {middle:.0f})">{text(14, middle, chart.up, "middle")}</g>')
    return parts


def ticks(most: float, apart: float) -> list[float]:
    """Where ticks stand, zero included."""
    return [round(number * apart, 10) for number in range(int(most / apart + 1.0001))]


def curves(chart: Chart, across: tuple[Scale, float, float], up: tuple[Scale, float, float]) -> list[str]:
    """The lines, and a dot at each point where there are few."""
    parts = []
    for number, line in reversed(list(enumerate(chart.lines))):
        places = [(across[0](x), up[0](y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="{colour(number)}" {dash(number)} points="{path}">{title(line.name)}</polyline>')
        if len(places) <= FEW and len({x for x, _ in places}) == len(places):
            dots = (f'<circle class="{colour(number)}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
            parts += dots
    return parts


def bars(chart: Chart, across: tuple[Scale, float, float], up: tuple[Scale, float, float]) -> list[str]:
    """A bar at each point, those of one place beside each other, to the left of it."""
    places = sorted({x for line in chart.lines for x, _ in line.points})
    apart = min((b - a for a, b in pairwise(places)), default=1.0)
    wide = max(2.0, (across[0](apart) - across[0](0)) * 0.9 / max(1, len(chart.lines)))
    parts = []
    for number, line in enumerate(chart.lines):
        for x, y in line.points:
            left, top = across[0](x) - (len(chart.lines) - number) * wide, up[0](y)
            box = f'x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{BOTTOM - top:.1f}"'
            parts.append(f'<rect class="{colour(number)}" {box}>{title(f"{line.name}, up to {x:g}: {y:g}")}</rect>')
    return parts


def legend(lines: Sequence[Line]) -> list[str]:
    """The names of the lines, each with a piece of it."""
    parts = []
    for number, line in enumerate(lines):
        y = TOP + 8 + ROW * number
        stroke = (
            f'<line class="{colour(number)}" {dash(number)} x1="{RIGHT + 16}" y1="{y}" x2="{RIGHT + 44}" y2="{y}"/>'
        )
        parts += [stroke, text(RIGHT + 50, y + 4, line.name, "start")]
    return parts


def colour(number: int) -> str:
    """The class of a line, by its number."""
    return f"c{number % COLOURS}"


def dash(number: int) -> str:
    """How a line is dashed: those of one colour differently."""
    pattern = DASHES[number // COLOURS % len(DASHES)]
    return f'stroke-dasharray="{pattern}"' if pattern else ""


def title(said: str) -> str:
    """What a pointer that rests on a mark is told."""
    return f"<title>{escape(said)}</title>"


def text(x: float, y: float, said: str, anchor: str) -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'
