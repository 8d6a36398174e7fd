"""Where copies stand: our detectors and two baselines on seeded documents, scored by PlagDet."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from proxy.evaluation.chaining import Found, Passim, Windows
from proxy.evaluation.copies import said
from proxy.evaluation.metrics import bootstrap
from proxy.evaluation.model import Detector, Effort, Figure, Result, Role, Target
from proxy.evaluation.plagdet import Located, Tally, table, tally, total
from proxy.evaluation.sets import Retold
from proxy.evaluation.spans import Document, Library, documents

PUBLISHED: Final = 0.878
"""PlagDet of the best system at PAN 2014, on its own set."""


class Places(Protocol):
    """A baseline that finds places."""

    name: str

    def places(self, text: str) -> list[Found]:
        """Every copied place."""


def spans(library: Library, retold: Sequence[Retold], detectors: Sequence[Detector], effort: Effort) -> Result:
    """Places found in the seeded documents, scored by PlagDet beside the baselines."""
    out = Result()
    made = list(documents(library, retold, max(1, effort.documents // 8)))
    plain: list[Places] = [Passim(library.sources), Windows(library.sources)]
    tallies: dict[str, list[Tally]] = {}
    for detector in detectors:
        tallies[detector.name] = [tally(each.cases, said(detector, each.name, each.text)) for each in made]
    for baseline in plain:
        tallies[baseline.name] = [tally(each.cases, found_by(baseline, each)) for each in made]
    rivals = {baseline.name for baseline in plain}
    parts = list(dict.fromkeys(each.part for each in made))
    copied = [part for part in parts if part.endswith("edited")]
    groups = [("all", parts), ("edited copies", copied), *((part, [part]) for part in parts)]
    for part, chosen in groups:
        at = [number for number, each in enumerate(made) if each.part in chosen]
        kept = {name: [found[number] for number in at] for name, found in tallies.items()}
        figures = [figure for name, found in kept.items() for figure in scored(name, part, found, effort)]
        out.figures += [ranked(figure, figures, rivals, detectors[-1].name) for figure in figures]
    return out


def found_by(baseline: Places, document: Document) -> list[Located]:
    """What a baseline finds in a document."""
    return [Located(document.name, each.output, each.work, each.source) for each in baseline.places(document.text)]


def scored(name: str, part: str, tallies: Sequence[Tally], effort: Effort) -> list[Figure]:
    """PlagDet with its interval over documents, and what it is made of."""
    rows = table(tallies)
    score = total(rows).score
    numbers = [str(number) for number in range(len(rows))]
    interval = bootstrap(lambda weights: total(rows, weights).score.plagdet, numbers, times=effort.resamples)
    count = round(sum(each.cases for each in tallies))
    made_of = {
        "span precision": score.precision,
        "span recall": score.recall,
        "span F1": score.f1,
        "granularity": score.granularity,
    }
    first = Figure("spans", "PlagDet", name, score.plagdet, count, interval, part=part)
    return [first, *(Figure("spans", key, name, value, count, part=part) for key, value in made_of.items())]


def ranked(figure: Figure, figures: Sequence[Figure], rivals: set[str], answering: str) -> Figure:
    """A figure with its role, and its target where it has one."""
    role: Role = "baseline" if figure.method in rivals else "detector"
    target = None
    if figure.measure == "PlagDet" and figure.method == answering and figure.part in ("all", "edited copies"):
        theirs = max(each.value for each in figures if each.measure == "PlagDet" and each.method in rivals)
        bound = PUBLISHED if figure.part == "edited copies" else 0.0
        said = "above the baselines" + (f" and {bound:g}" if bound else "")
        target = Target(said, figure.value > max(theirs, bound))
    return replace(figure, role=role, target=target)
