"""Copies planted in clean text: are they found, where, from what length on, through which edits and disguises?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from indexes.model import Match, Span
from indexes.text.index import SegmentIndex
from proxy.evaluation.curves import SHOWN, roc
from proxy.evaluation.disguises import DISGUISES, Disguise
from proxy.evaluation.metrics import Ranked, wilson
from proxy.evaluation.model import Chart, Detector, Effort, Figure, Line, Result, Target, at_least
from proxy.evaluation.plagdet import Located, overlaps
from proxy.evaluation.spans import LENGTHS, RATES, Library, Passage, cut

VERBATIM: Final = (8, 8, 9, 10, 12, 13, 16, 20, 25, 40, 60, 80, 120, 200, 400)
EDITED: Final = {0.1: 1.0, 0.2: 0.99, 0.3: 0.95}
"""Recall that is wanted of 100 words with so many edited."""
DISGUISED: Final = 60
"""Words of a disguised copy."""
DISGUISE_RECALL: Final = 0.99


def verbatim(library: Library, index: SegmentIndex, effort: Effort) -> Result:
    """Copies word for word of 8 words and more, in a stream cut anywhere: each must be found, whole."""
    hits = 0
    for _ in range(effort.planted):
        passage = library.passage(library.random.choice(VERBATIM))
        head = " ".join(library.filler()) + "\n\n"
        said = " ".join(passage.words)
        text = head + said + "\n\n" + " ".join(library.filler())
        matches = streamed(index, text, library.random)
        hits += is_whole(matches, passage, Span(len(head), len(head) + len(said)))
    value = hits / effort.planted
    interval = wilson(hits, effort.planted)
    target = Target("= 1", hits == effort.planted)
    figure = Figure("planted", "recall of copies of 8+ words", "verbatim", value, effort.planted, interval)
    return Result([replace(figure, target=target)])


def streamed(index: SegmentIndex, text: str, random: Random) -> tuple[Match, ...]:
    """The matches of a text that comes in pieces."""
    scanner = index.scanner("content")
    for piece in cut(text, random):
        at = 0
        while (at := scanner.step(piece, at)) < len(piece):
            pass
    scanner.close()
    return scanner.matches


def is_whole(matches: Iterable[Match], passage: Passage, output: Span) -> bool:
    """Whether matches of the work cover the planted span but for what is no word at its edges."""
    held = [match.output for match in matches if match.work.id == passage.work]
    return any(span.start <= output.start + 2 and span.end >= output.end - 2 for span in held)


def edits(library: Library, detectors: Sequence[Detector], effort: Effort) -> Result:
    """Recall by length and by the share of words edited, and how much of what is found was planted."""
    out = Result()
    cells = {(length, rate): planted(library, length, rate, effort.cells) for length in LENGTHS for rate in RATES}
    for detector in detectors:
        found = {cell: [hit(detector, *each) for each in cases] for cell, cases in cells.items()}
        for rate in RATES:
            hits = sum(found[100, rate])
            target = (
                at_least(hits / effort.cells, EDITED[rate]) if answers(detector, detectors) and rate in EDITED else None
            )
            interval = wilson(hits, effort.cells)
            value = hits / effort.cells
            part = f"{rate:.0%} edited"
            figure = Figure("edits", "recall at 100 words", detector.name, value, effort.cells, interval, part=part)
            out.figures.append(replace(figure, target=target))
        lines = [
            Line(f"{length} words", tuple((rate, sum(found[length, rate]) / effort.cells) for rate in RATES))
            for length in LENGTHS
        ]
        title = f"Recall by edit rate and length, {detector.name}"
        out.charts.append(Chart(title, "share of words edited", "found", tuple(lines), wide=0.4, high=1.0))
    return out


def planted(library: Library, length: int, rate: float, count: int) -> list[tuple[str, Located]]:
    """Texts in which a passage of so many words stands, so much edited."""
    found = []
    for number in range(count):
        passage = library.passage(length)
        document = library.document(str(number), "", [(passage, " ".join(library.edited(passage.words, rate)))])
        found.append((document.text, document.cases[0]))
    return found


def hit(detector: Detector, text: str, case: Located) -> bool:
    """Whether a match meets the planted place on both sides."""
    return any(each.meets(case) for each in said(detector, case.document, text))


def said(detector: Detector, document: str, text: str) -> list[Located]:
    """What a detector finds in a document."""
    return [Located(document, match.output, match.work.id, match.source) for match in detector.matches(text)]


def answers(detector: Detector, detectors: Sequence[Detector]) -> bool:
    """Whether a detector is the one that targets are for: the last, which has all that there is."""
    return detector is detectors[-1]


def disguises(library: Library, detectors: Sequence[Detector], effort: Effort) -> Result:
    """Copies of 60 words in disguise, against clean text in the same disguise."""
    out = Result()
    cases = {name: list(disguised(library, disguise, effort.disguised)) for name, disguise in DISGUISES.items()}
    for detector in detectors:
        lines: list[Line] = []
        for name, texts in cases.items():
            scores = [amount(detector.matches(text), within) for text, within, _ in texts]
            labels = [copied for _, _, copied in texts]
            hits = sum(score > 0 for score, copied in zip(scores, labels, strict=True) if copied)
            value, count = hits / effort.disguised, effort.disguised
            target = at_least(value, DISGUISE_RECALL) if answers(detector, detectors) else None
            figure = Figure(
                "disguises", "recall at 60 words", detector.name, value, count, wilson(hits, count), part=name
            )
            out.figures.append(replace(figure, target=target))
            lines.append(roc(name, Ranked(scores, labels)))
        title = f"ROC by disguise, {detector.name}"
        out.charts.append(Chart(title, "false alarms", "found", tuple(lines), wide=SHOWN, high=1.0))
    return out


def disguised(library: Library, disguise: Disguise, count: int) -> Iterator[tuple[str, Span, bool]]:
    """Texts with a disguised part: where it stands, and whether it is copied; half of them are."""
    for copied in (True, False) * count:
        words = list(library.passage(DISGUISED).words) if copied else library.filler(DISGUISED, DISGUISED)
        before, after = (" ".join(library.filler(60, 80)) for _ in range(2))
        hidden = disguise(words, library.random)
        yield f"{before}\n\n{hidden}\n\n{after}", Span(len(before), len(before) + 4 + len(hidden)), copied


def amount(matches: Iterable[Match], within: Span) -> float:
    """Words matched in a part of a text."""
    return float(sum(match.words for match in matches if overlaps(match.output, within)))
