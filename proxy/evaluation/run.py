"""One evaluation: every set under a folder, every detector and baseline, in one run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from indexes.errors import UsageError
from indexes.model import Work
from indexes.text.index import SegmentIndex
from proxy.evaluation import answers, copies, places, sets, spans
from proxy.evaluation.detectors import detectors, index_of
from proxy.evaluation.model import Effort, Result
from proxy.evaluation.pairs import Measuring
from proxy.evaluation.sets import Named
from proxy.evaluation.spans import Library

Step: TypeAlias = tuple[str, Callable[[], Result]]
Told: TypeAlias = Callable[[str, int, int], None]
"""Hears the name of the step that begins, its number from 0, and how many there are."""


def silent(_name: str, _number: int, _count: int) -> None:
    """Hears and says nothing."""


def evaluate(folder: Path, effort: Effort, told: Told = silent) -> Result:
    """Measure all there is under a folder; raises UsageError where that is nothing, or where it cannot be read."""
    if not folder.is_dir():
        raise UsageError(f"`{folder}` is no folder; name one with labelled sets (docs/evaluation.md)")
    every = list(steps(folder, effort))
    if not every:
        raise UsageError(
            f"`{folder}` holds no labelled sets; put pairs in `sets/NAME.jsonl`, or works in `works/` and unrelated "
            "texts in `clean/` (docs/evaluation.md)"
        )
    out = Result()
    for number, (name, measure) in enumerate(every):
        told(name, number, len(every))
        out.take(measure())
    return out


def steps(folder: Path, effort: Effort) -> Iterator[Step]:
    """What is measured, in the order of the report."""
    for name, read in sets.readers(folder).items():
        yield name, partial(pairs, read, effort)
    if found := sets.continuations(folder):
        yield "openstax", partial(answers.continued, found)
    works, kinds = sets.works(folder), sets.clean(folder)
    if works and kinds:
        yield from planted(folder, works, kinds, effort)


def pairs(read: Callable[[], sets.PairSet], effort: Effort) -> Result:
    """One set of pairs."""
    found = read()
    return Measuring(found if effort.pairs is None else sets.sampled(found, effort.pairs), effort).result()


@dataclass(frozen=True, slots=True)
class Shelf:
    """Works, their index, and clean texts of others; every step takes from them anew, by a seed of its own."""

    works: Sequence[tuple[Work, str]]
    clean: Sequence[Named]
    index: SegmentIndex

    def library(self, seed: int) -> Library:
        """The shelf to plant from."""
        return Library(self.works, self.clean, seed)


def planted(
    folder: Path, works: Sequence[tuple[Work, str]], kinds: Sequence[tuple[str, list[Named]]], effort: Effort
) -> Iterator[Step]:
    """What is measured with copies that we plant ourselves."""
    shelf = Shelf(works, kinds[0][1], index_of(works))
    if not shelf.library(0).is_usable:
        yield "planted", lambda: Result(notes=["planted copies: left out, works and clean texts are under 200 words"])
        return
    found = detectors(works)
    pairs = partial(spans.planted_pairs, shelf.library(6), effort.disguised)
    yield "planted pairs", lambda: Measuring(pairs(), effort).result()
    yield "verbatim copies", lambda: copies.verbatim(shelf.library(1), shelf.index, effort)
    yield "edited copies", lambda: copies.edits(shelf.library(2), found, effort)
    yield "disguises", lambda: copies.disguises(shelf.library(3), found, effort)
    yield "spans", lambda: places.spans(shelf.library(4), sets.retold(folder), found, effort)
    yield "clean answers", lambda: answers.clean_answers(kinds, shelf.index, effort)
    yield "leaks", lambda: answers.leaks(shelf.library(5), shelf.index, effort)
