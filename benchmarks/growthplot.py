"""The figures of `benchmarks.growth` as an SVG: small panels side by side, text in megabytes from left to right."""

from collections.abc import Callable, Sequence
from html import escape
from math import floor, log10
from typing import Any

WIDTH, HEIGHT, COLUMNS = 300, 210, 3
LEFT, RIGHT, TOP, BOTTOM = 52, 18, 40, 40
INK, FAINT = "#222222", "#d8d8d8"
COLOURS = {"added": "#c2571a", "compacted": "#1f6f8b"}
PANELS = (
    ("build", "Building", "MB/s on one core"),
    ("bytes_per_word", "Size without kept texts", "bytes a word"),
    ("open", "Opening, checksums compared", "ms of one core"),
    ("rss", "Resident memory, index open and used", "MiB"),
    ("word_p50", "Look-up of a clean word, median", "µs"),
    ("word_p99", "Look-up of a clean word, 99th percentile", "µs"),
)

Rows = Sequence[dict[str, Any]]
Scale = Callable[[float], float]


def plot(rows: Rows) -> str:
    """The whole picture."""
    lines = -(-len(PANELS) // COLUMNS)
    width, height = COLUMNS * WIDTH, lines * HEIGHT + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>text {{ font: 11px sans-serif; fill: {INK} }} .bold {{ font-weight: bold }}</style>",
        "<title>How cost grows with the text that is indexed</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(PANELS):
        x, y = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
        parts += [f'<g transform="translate({x},{y})">', *draw(rows, *panel), "</g>"]
    for number, (layout, said) in enumerate((("added", "as added"), ("compacted", "compacted"))):
        x, y = LEFT + number * 130, height - 14
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{COLOURS[layout]}"/>')
        parts.append(text(x + 10, y, said))
    return "\n".join([*parts, "</svg>", ""])


def draw(rows: Rows, name: str, title: str, unit: str) -> list[str]:
    """One panel: axes from zero, a line for each layout, a number at each point."""
    found = [row for row in rows if name in row]
    across = scale(max(row["text"] for row in found) * 1.08, LEFT, WIDTH - RIGHT)
    most, step = rounded(max(row[name] for row in found))
    up = scale(most, HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 18, title, style="bold"), text(LEFT, 32, unit)]
    for tick in range(round(most / step) + 1):
        y = up(tick * step)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{FAINT}"/>')
        parts.append(text(LEFT - 6, y + 4, f"{tick * step:g}", anchor="end"))
    for layout, colour in COLOURS.items():
        points = [(across(row["text"]), up(row[name])) for row in found if row["layout"] == layout]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
    for size in sorted({row["text"] for row in found}):
        parts.append(text(across(size), HEIGHT - BOTTOM + 16, f"{size:.0f}", anchor="middle"))
    parts.append(text(WIDTH - RIGHT, HEIGHT - BOTTOM + 30, "MB of text", anchor="end"))
    return parts


def scale(most: float, first: float, last: float) -> Scale:
    """Values from zero to `most` onto places."""
    return lambda value: first + (last - first) * value / most


def rounded(most: float) -> tuple[float, float]:
    """Where an axis ends that has room for `most`, and the step of its ticks: 1, 2 or 5 times a power of ten."""
    ten = 10.0 ** floor(log10(most / 4))
    step = next(each * ten for each in (1, 2, 5, 10) if most / (each * ten) <= 5)
    return -(-most * 1.05 // step) * step, step


def text(x: float, y: float, said: str, *, anchor: str = "start", style: str = "plain") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">{escape(said)}</text>'
