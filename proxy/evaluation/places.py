"""Where copies stand: our detectors and two baselines on seeded documents, scored by PlagDet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

from proxy.evaluation.chaining import Found, Passim, Windows, joined
from proxy.evaluation.metrics import bootstrap
from proxy.evaluation.model import Detector, Effort, Figure, Result, Role, Target
from proxy.evaluation.plagdet import Located, Tally, table, tally, total
from proxy.evaluation.sets import Retold
from proxy.evaluation.spans import Document, Library, documents

PUBLISHED: Final = 0.878
"""PlagDet of the best system at PAN 2014, on its own set."""


Finder: TypeAlias = Callable[[str], list[Found]]


@dataclass(frozen=True, slots=True)
class Tallies:
    """The tally of each document: of places, near ones of one work joined, and of what was found as it is."""

    joined: list[Tally]
    single: list[Tally]

    def chosen(self, at: Sequence[int]) -> "Tallies":
        """Those of some documents."""
        return Tallies([self.joined[number] for number in at], [self.single[number] for number in at])


def spans(library: Library, retold: Sequence[Retold], detectors: Sequence[Detector], effort: Effort) -> Result:
    """Places found in the seeded documents, scored by PlagDet beside the baselines."""
    out = Result()
    made = list(documents(library, retold, max(1, effort.documents // 8)))
    plain = (Passim(library.sources), Windows(library.sources))
    finders: dict[str, Finder] = {each.name: partial(matched, each) for each in detectors}
    finders |= {each.name: each.places for each in plain}
    tallies = {name: tallied(finder, made) for name, finder in finders.items()}
    rivals = {each.name for each in plain}
    parts = list(dict.fromkeys(each.part for each in made))
    copied = [part for part in parts if part.endswith("edited")]
    groups = [("all", parts), ("edited copies", copied), *((part, [part]) for part in parts)]
    for part, chosen in groups:
        at = [number for number, each in enumerate(made) if each.part in chosen]
        figures = [each for name, found in tallies.items() for each in scored(name, part, found.chosen(at), effort)]
        out.figures += [ranked(figure, figures, rivals, detectors[-1].name) for figure in figures]
    return out


def matched(detector: Detector, text: str) -> list[Found]:
    """Where a detector matches."""
    return [Found(match.work.id, match.output, match.source) for match in detector.matches(text)]


def tallied(finder: Finder, made: Sequence[Document]) -> Tallies:
    """The tallies of what is found in some documents."""
    out = Tallies([], [])
    for document in made:
        found = finder(document.text)
        out.single.append(tally(document.cases, located(document, found)))
        out.joined.append(tally(document.cases, located(document, joined(found))))
    return out


def located(document: Document, found: Sequence[Found]) -> list[Located]:
    """What is found in a document, as PlagDet takes it."""
    return [Located(document.name, each.output, each.work, each.source) for each in found]


def scored(name: str, part: str, tallies: Tallies, effort: Effort) -> list[Figure]:
    """PlagDet with its interval over documents, and what it is made of."""
    rows = table(tallies.joined)
    score = total(rows).score
    numbers = [str(number) for number in range(len(rows))]
    interval = bootstrap(lambda weights: total(rows, weights).score.plagdet, numbers, times=effort.resamples)
    count = round(total(rows).cases)
    made_of = {
        "span precision": score.precision,
        "span recall": score.recall,
        "span F1": score.f1,
        "granularity": score.granularity,
        "matches per place": total(table(tallies.single)).score.granularity,
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
