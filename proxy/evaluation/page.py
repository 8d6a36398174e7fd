"""An evaluation as one HTML page that needs nothing else: no script, no network, charts inline."""

from collections.abc import Sequence
from html import escape
from typing import Any

from proxy.evaluation.model import Figure, Result, Role
from proxy.evaluation.plot import drawn
from proxy.evaluation.report import HEADS, aimed, interval, number, sentence, shown

STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --faint: #d9dde2; --back: #fff; --soft: #5b646e;
  --good: #1a7f46; --bad: #b42318;
  --c0: #1f6f8b; --c1: #c2571a; --c2: #6a4c93; --c3: #2a8c4a; --c4: #b3261e; --c5: #8a6d00;
  --c6: #c2439a; --c7: #5b646e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --faint: #3a4149; --back: #15181c; --soft: #9aa4ae;
  --good: #58c98a; --bad: #ff8a7a;
  --c0: #5fb7d4; --c1: #f0945a; --c2: #b79be0; --c3: #6fcf8e; --c4: #f2837b; --c5: #d6b84a;
  --c6: #ea8ccd; --c7: #9aa4ae; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 0 auto;
  max-width: 1280px; padding: 24px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 32px 0 8px; }
h3 { font-size: 14px; margin: 0 0 4px; }
p { margin: 4px 0; } ul { margin: 4px 0; padding-left: 20px; columns: 2 420px; font-size: 13px; }
summary { margin: 24px 0 8px; cursor: pointer; } .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid var(--faint); vertical-align: top; }
td:nth-child(5), td:nth-child(7), th:nth-child(5), th:nth-child(7) { text-align: right; padding-right: 14px; }
td:nth-child(6) { white-space: nowrap; }
.met { color: var(--good); font-weight: 600; } .missed { color: var(--bad); font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 560px), 1fr)); gap: 24px; }
figure { margin: 0; } svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
polyline { fill: none; stroke-width: 1.8; } line { stroke-width: 1.8; }
line.grid { stroke: var(--faint); stroke-width: 1; }
"""
COLOURS = "\n".join(
    f"polyline.c{n}, line.c{n} {{ stroke: var(--c{n}) }} circle.c{n}, rect.c{n} {{ fill: var(--c{n}) }}"
    for n in range(8)
)


def page(result: Result, about: dict[str, Any]) -> str:
    """The whole page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>fairgate evaluation</title><style>{STYLE}{COLOURS}</style></head><body>",
        "<h1>fairgate evaluation</h1>",
        f'<p class="soft">{escape(", ".join(f"{key} {value}" for key, value in about.items()))}</p>',
        *head(result),
        "<h2>Curves</h2>",
        '<div class="charts">',
        *(f"<figure><h3>{escape(chart.title)}</h3>{drawn(chart)}</figure>" for chart in result.charts),
        "</div>",
        "<h2>Figures</h2>",
        *as_table(HEADS, shown(result)),
        *folded(result.figures, "detector"),
        *folded(result.figures, "baseline"),
        "</body></html>",
        "",
    ]
    return "\n".join(parts)


def head(result: Result) -> list[str]:
    """What it comes to: how many targets are met, and which are missed."""
    met, missed = aimed(result, met=True), aimed(result, met=False)
    parts = [
        f'<p><span class="met">{len(met)} targets met</span>, <span class="missed">{len(missed)} missed</span></p>'
    ]
    if missed:
        parts += ["<ul>", *(f"<li>{escape(sentence(figure))}</li>" for figure in missed), "</ul>"]
    return parts + [f'<p class="soft">{escape(note)}</p>' for note in result.notes]


def as_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A table; the last cell of a line is its class."""
    return [
        '<div class="scroll"><table><thead><tr>',
        *(f"<th>{escape(each)}</th>" for each in heads),
        "</tr></thead><tbody>",
        *(f"<tr>{''.join(map(cell, line))}</tr>" for line in lines),
        "</tbody></table></div>",
    ]


def cell(said: str) -> str:
    """A cell; one that says whether a target is met is coloured."""
    kind = f' class="{said}"' if said in ("met", "missed") else ""
    return f"<td{kind}>{escape(said)}</td>"


def folded(every: Sequence[Figure], role: Role) -> list[str]:
    """Every figure of one side, folded away."""
    chosen = [figure for figure in every if figure.role == role]
    heads = ("set", "measure", "of", role, "figure", "95 %", "n")
    lines = [
        (each.set, each.measure, each.part, each.method, number(each.value), interval(each), str(each.count))
        for each in chosen
    ]
    head = f"<details><summary>all {len(chosen)} figures of {role}s</summary>"
    return [head, *as_table(heads, lines), "</details>"] if chosen else []
