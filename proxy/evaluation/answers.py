"""What a policy makes of answers: clean ones stopped by mistake, copies that leave, recorded continuations located."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Final

import numpy as np
from rapidfuzz.distance import LCSseq

from indexes.model import Span, Work
from indexes.text.index import SegmentIndex
from policies.load import find
from policies.model import Action
from policies.policy import Policy
from proxy.evaluation.detectors import Indexed, index_of
from proxy.evaluation.metrics import Interval, bootstrap, longest_run, wilson
from proxy.evaluation.model import Chart, Effort, Figure, Line, Result, Target
from proxy.evaluation.sets import Continuation, Named
from proxy.evaluation.spans import Library, cut
from proxy.gate import ChoiceGate
from proxy.judging import PolicyJudge, judge_text
from proxy.plan import Plan
from proxy.wire.fields import CONTENT

POLICY: Final = "balanced"
PASSAGE: Final = 200
"""Words of a clean answer."""
RECITED: Final = (20, 40, 60, 100, 200, 400)
"""Words of the copies that a generator is made to write."""
RUN: Final = 160
"""Characters in a row that a continuation must share with its section to count as recited."""
UNRELATED: Final = ("novels", "clean")
"""Kinds in which nothing of the works stands, so that all must pass; others may quote them."""
BINS: Final = 20


def clean_answers(kinds: Sequence[tuple[str, list[Named]]], index: SegmentIndex, effort: Effort) -> Result:
    """Clean passages under the policy: how many a thousand would be stopped, and how many are not passed silently."""
    out = Result()
    judge = judge_of(find(POLICY))
    for kind, texts in kinds:
        every = list(passages(texts))
        most = max(1, effort.clean // len(kinds))
        chosen = every if len(every) <= most else Random(2).sample(every, most)  # noqa: S311 (a sample)
        if not chosen:
            continue
        actions = [judge_text(index, judge, text)[1].action for text in chosen]
        for measure, count in (
            ("false blocks per 1,000", sum(action.stops for action in actions)),
            ("above pass per 1,000", sum(action is not Action.PASS for action in actions)),
        ):
            figure = a_thousand(kind, measure, count, len(chosen))
            aimed = measure.startswith("false") or kind in UNRELATED
            out.figures.append(replace(figure, target=Target("0", not count) if aimed else None))
    return out


def a_thousand(kind: str, measure: str, count: int, answers: int) -> Figure:
    """A count as a rate of a thousand."""
    share = wilson(count, answers)
    interval = type(share)(1000 * share.low, 1000 * share.high)
    value = 1000 * count / answers
    return Figure("clean", measure, f"policy {POLICY}", value, answers, interval, part=kind)


def passages(texts: Sequence[Named]) -> Iterator[str]:
    """Clean passages of so many words."""
    for text in texts:
        words = text.text.split()
        for first in range(0, len(words) - PASSAGE + 1, PASSAGE):
            yield " ".join(words[first : first + PASSAGE])


def judge_of(policy: Policy) -> PolicyJudge:
    """The policy as it judges by itself."""
    return PolicyJudge(policy, policy.use)


def leaks(library: Library, index: SegmentIndex, effort: Effort) -> Result:
    """Recited passages through the filter: the longest run of each that a client gets, by plain comparison.

    Words that only common expressions cover count in no limit; a run that plain comparison finds over it is measured
    again without them.
    """
    policy = find(POLICY)
    judge, limit = judge_of(policy), policy.limits.text.words or 0
    filtered, unfiltered, counted, kept = [], [], [], Kept()
    for _ in range(effort.streams):
        passage = library.passage(library.random.choice(RECITED))
        before, after = (" ".join(library.filler()) for _ in range(2))
        text = f"{before}\n\n{' '.join(passage.words)}\n\n{after}"
        source, left = spelled(" ".join(passage.words)), delivered(index, judge, text, library.random)
        kept.take(f"{before} {after}", left)
        unfiltered.append(longest_run(spelled(text), source))
        filtered.append(longest_run(spelled(left), source))
        counted.append(filtered[-1] if filtered[-1] <= limit else longest_counted(index, left))
    over = sum(run > limit for run in counted)
    name, count = f"policy {POLICY}", effort.streams
    aside = Figure("leaks", "longest leaked run, common words aside", name, max(counted), count)
    figures = [
        replace(aside, target=Target(f"\u2264 {limit}, none over", not over)),
        Figure("leaks", "share of answers over the limit", name, over / count, count, wilson(over, count)),
        Figure("leaks", "longest leaked run", name, max(filtered), count),
        *kept.figures(name, effort),
        Figure("leaks", "longest leaked run", "no filter", max(unfiltered), count, role="baseline"),
    ]
    bars = Line(name, histogram(filtered)), Line("no filter", histogram(unfiltered))
    title = f"Longest run that leaves, limit {limit} words"
    return Result(figures, [Chart(title, "words in a row, up to", "answers", bars, kind="bars")])


class Kept:
    """What is left of the words around a copy, after the filter; upstream is not asked for other words."""

    def __init__(self) -> None:
        self._rouge: list[float] = []
        self._names: list[float] = []

    def take(self, around: str, left: str) -> None:
        """One answer: its own words, and what a client got."""
        self._rouge.append(recall(spelled(around), spelled(left)))
        names = named(around)
        self._names.append(len(names & named(left)) / len(names) if names else 1.0)

    def figures(self, method: str, effort: Effort) -> list[Figure]:
        """The means over all answers."""
        said = {"own words kept in order (ROUGE-L recall)": self._rouge, "own names kept": self._names}
        return [
            Figure("leaks", measure, method, float(np.mean(values)), len(values), mean_interval(values, effort))
            for measure, values in said.items()
        ]


def recall(source: Sequence[str], output: Sequence[str]) -> float:
    """The share of words that are left in the same order."""
    return LCSseq.similarity(source, output) / max(1, len(source))


def named(text: str) -> set[str]:
    """Words written with a capital that follow a word without a full stop: names, mostly."""
    return set(re.findall(r"(?<=[a-z,;] )[A-Z][a-z]+", text))


def mean_interval(values: Sequence[float], effort: Effort) -> Interval:
    """The interval of a mean."""
    every, numbers = np.array(values), [str(number) for number in range(len(values))]
    return bootstrap(lambda weights: float(weights @ every / weights.sum()), numbers, times=effort.resamples)


def longest_counted(index: SegmentIndex, text: str) -> int:
    """The words of the longest run without a break that limits count."""
    longest = 0
    for match in index.scan(text):
        run, end = 0, -1
        for stretch in match.stretches:
            run = run if stretch.output == end else 0
            run += 0 if stretch.common else stretch.tokens
            end = stretch.output + stretch.tokens
            longest = max(longest, run)
    return longest


def spelled(text: str) -> list[str]:
    """The words of a text by the plainest rule, so that nothing is shared with what is measured."""
    return "".join(char if char.isalnum() else " " for char in text.casefold()).split()


def delivered(index: SegmentIndex, judge: PolicyJudge, text: str, random: Random) -> str:
    """What a client gets of an answer that comes in pieces."""
    gate = ChoiceGate(
        Plan(
            scanner=index.scanner,
            view=lambda choice, channel: None,
            judge=judge,
            earlier=lambda works: (),
            enforce=True,
            may_quote=lambda channel: True,
        )
    )
    out = "".join(gate.feed(CONTENT, piece) for piece in cut(text, random))
    return out if gate.stopped else out + "".join(gate.close().values())


def histogram(values: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """How many values lie in each bin of 20, by the highest value that it takes."""
    bins = [-(-value // BINS) * BINS for value in values]
    return tuple((float(each), float(bins.count(each))) for each in sorted(set(bins)))


def continued(found: Sequence[Continuation]) -> Result:
    """Continuations that recite 160 characters and more of their section: is each located, in the right section?"""
    sections: dict[str, dict[str, None]] = {}
    for each in found:
        sections.setdefault(each.section, {})[each.source] = None
    index = Indexed(
        "verbatim", index_of((Work(id=name, title=name), "\n".join(texts)) for name, texts in sections.items())
    )
    recited = [each for each in found if recites(each)]
    right = sum(each.section in works_at(index, each) for each in recited)
    if not recited:
        return Result(notes=["openstax: no continuation recites 160 characters"])
    value, count = right / len(recited), len(recited)
    target = Target("= 1", right == count)
    measure = "recited runs located, right section"
    return Result([Figure("openstax", measure, "verbatim", value, count, wilson(right, count), target=target)])


def recites(each: Continuation) -> bool:
    """Whether output and source share so many characters in a row, spaces aside."""
    source, output = " ".join(each.source.split()), " ".join(each.output.split())
    known = {source[at : at + RUN] for at in range(len(source) - RUN + 1)}
    return any(output[at : at + RUN] in known for at in range(len(output) - RUN + 1))


def works_at(index: Indexed, each: Continuation) -> set[str]:
    """The sections that matches as long as a recital name."""
    return {match.work.id for match in index.matches(each.output) if long_enough(match.output)}


def long_enough(span: Span) -> bool:
    """Whether a span is as long as a recital, less a word cut at either end."""
    return len(span) >= RUN - 40
