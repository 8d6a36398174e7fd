"""How well derivation is judged, on what was held out: `python -m benchmarks.derivation [--quick]`.

One JSON line a figure: value, 95 % interval (bootstrap over groups of pairs: books, chapters, tasks, sentences), the
baselines of the same run on the same pairs, and the target. `--quick` draws fewer bootstrap samples.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks import derivation_sets as sets
from benchmarks.derivation_sets import DATA, Library, Pair
from benchmarks.train_derivation import NAMES, Set, Shelf, fit, judged
from indexes.text.derivation import Judge, shipped
from indexes.text.derivation_features import Passage, compare
from indexes.text.derivation_idf import background
from indexes.text.derivation_matches import semantic_matches
from policies.case import BELIEVED
from proxy.evaluation.baselines import READ, Bm25, Containment, Quip, Reader, RougeL, TfIdf, Winnowing
from proxy.evaluation.metrics import Ranked

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]
Figure = Callable[[Scores, Labels], float]
REPEATED = 0.6
"""ROUGE-L from which another verse repeats the one that was translated, so that it is no negative."""


def area(scores: Scores, labels: Labels) -> float:
    """The area under the ROC curve; ties count half."""
    return Ranked(scores, labels).auc()


def found_at(rate: float) -> Figure:
    """How many of the derived ones are found with no more than a share of false alarms."""
    return lambda scores, labels: Ranked(scores, labels).recall_at(rate)


def right(scores: Scores, labels: Labels) -> float:
    """Accuracy at one half."""
    return float(((scores >= 0.5) == labels).mean())


def off(scores: Scores, labels: Labels) -> float:
    """Expected calibration error over ten bins, both answers weighing the same."""
    weights = np.where(labels, 0.5 / max(1, labels.sum()), 0.5 / max(1, (~labels).sum()))
    bins = np.minimum((scores * 10).astype(int), 9)
    return float(sum(abs((weights * (scores - labels))[bins == each].sum()) for each in range(10)))


def interval(figure: Figure, scores: Scores, labels: Labels, groups: NDArray[np.str_]) -> list[float]:
    """The middle 95 % of a figure over groups drawn anew."""
    random, names = np.random.default_rng(1), np.unique(groups)
    rows = {name: np.flatnonzero(groups == name) for name in names} if len(names) < 1000 else None
    drawn = []
    for _ in range(60 if "--quick" in sys.argv else 400):
        if rows is None:
            chosen = random.integers(0, len(labels), len(labels))
        else:
            chosen = np.concatenate([rows[name] for name in random.choice(names, len(names))])
        drawn.append(figure(scores[chosen], labels[chosen]))
    return [round(float(each), 4) for each in np.nanpercentile(drawn, [2.5, 97.5])]


def baselines(pairs: list[Pair]) -> dict[str, Scores]:
    """What plain methods say of the same pairs; tf-idf and BM25 weigh words by the sources of these pairs."""
    reader, sources = Reader(), list(dict.fromkeys(pair.source for pair in pairs))
    methods = (RougeL(reader), Containment(reader), TfIdf(reader, sources), Winnowing(reader), Quip())
    found = {each.name: np.array([each.score(pair.output, pair.source) for pair in pairs]) for each in methods}
    place, ranks = {source: at for at, source in enumerate(sources)}, lru_cache(READ)(Bm25(reader, sources).ranked)
    return {**found, Bm25.name: np.array([ranks(pair.output)[place[pair.source]] for pair in pairs])}


def say(name: str, value: float | None, **more: object) -> None:
    print(json.dumps({"name": name, "value": value if value is None else round(value, 4), **more}), flush=True)


def tell(name: str, figure: Figure, scores: Scores, one: Set, rivals: dict[str, Scores], target: float | None) -> None:
    """One figure with its interval, its baselines and its target."""
    value = figure(scores, one.derived)
    said = {rival: round(figure(other, one.derived), 4) for rival, other in rivals.items()}
    met = None if target is None else value >= target
    bounds = interval(figure, scores, one.derived, one.groups)
    say(name, value, interval=bounds, baselines=said, target=target, met=met, pairs=len(scores))


def pairs_of(shelf: Shelf) -> None:
    """PAN, DE-COP and the Bible."""
    plain = shipped().plain
    pairs = sets.pan("held")
    one, rivals = Set.of(pairs, background()), baselines(pairs)
    scores = judged(plain, one.features)
    tell("pan_auc", area, scores, one, rivals, 0.965)
    tell("pan_accuracy", right, scores, one, {}, 0.915)
    tell("pan_calibration_error", off, scores, one, {}, None)
    pairs = sets.decop("held")
    one, rivals = Set.of(pairs, background()), baselines(pairs)
    scores = judged(plain, one.features)
    tell("decop_auc", area, scores, one, rivals, None)
    tell("decop_tpr_at_1_percent", found_at(0.01), scores, one, rivals, 0.97)
    tell("decop_calibration_error", off, scores, one, {}, None)
    pairs = list(sets.bible("held"))
    one, rivals = Set.of(pairs, shelf.verses), baselines(pairs)
    scores = judged(plain, one.features)
    tell("bible_auc", area, scores, one, rivals, None)
    tell("bible_tpr_at_0.1_percent", found_at(0.001), scores, one, rivals, 0.95)
    meant = {(pair.output, pair.group): pair.source for pair in pairs if pair.derived}
    idf = background()
    repeats = np.array(
        [
            not pair.derived
            and compare(Passage.of(meant[pair.output, pair.group], idf), Passage.of(pair.source, idf)).rouge >= REPEATED
            for pair in pairs
        ]
    )
    rest = Set(one.features[~repeats], one.derived[~repeats], one.groups[~repeats])
    rivals = {name: each[~repeats] for name, each in rivals.items()}
    tell("bible_tpr_without_repeated_verses", found_at(0.001), scores[~repeats], rest, rivals, 0.95)


def first_of_all() -> None:
    """DE-COP: is the right one of all 586 passages first? Held-out books ask, all passages answer."""
    held, passages = set(sets.splits()["decop_books"]), sets.lines("decop.jsonl")
    read = [Passage.of(each["passage"], background()) for each in passages]
    plain, firsts = shipped(), []
    for place, each in enumerate(passages):
        for paraphrase in each["paraphrases"] if each["book"] in held else []:
            output = Passage.of(paraphrase, background())
            firsts.append(int(np.argmax([plain.probability(compare(output, source)) for source in read])) == place)
    say(
        "decop_first_of_586",
        float(np.mean(firsts)),
        target=0.995,
        met=float(np.mean(firsts)) >= 0.995,
        asked=len(firsts),
    )


def answers(shelf: Shelf) -> None:
    """Clough and Stevenson: each task is judged by coefficients that never saw it."""
    learnt = {name: shelf.read(name, "train") for name in NAMES}
    windows, pairs = learnt.pop("answers"), sets.clough_stevenson()
    whole = [(pair, len(sets.cut(pair.output, 200, 100))) for pair in pairs]
    owners = np.repeat(np.arange(len(pairs)), [count for _, count in whole])
    scores = np.zeros(len(windows.derived))
    for task in "abc":
        logistic = fit([*learnt.values(), windows.without(task)])
        scores[windows.groups == task] = judged(logistic, windows.features[windows.groups == task])
    best = np.array([scores[owners == place].max() for place in range(len(pairs))])
    labels, rivals = np.array([pair.derived for pair in pairs]), baselines(pairs)
    random, drawn = np.random.default_rng(2), []
    rival = rivals["QUIP-25"]
    for _ in range(2000):
        at = random.integers(0, len(pairs), len(pairs))
        drawn.append(area(best[at], labels[at]) - area(rival[at], labels[at]))
    paired = [round(float(each), 4) for each in np.nanpercentile(drawn, [2.5, 97.5])]
    said = {name: round(area(each, labels), 4) for name, each in rivals.items()}
    say(
        "clough_stevenson_auc",
        area(best, labels),
        baselines=said,
        less_quip_25=paired,
        met=paired[1] >= 0,
        answers=len(pairs),
    )


def whole_texts(library: Library) -> None:
    """Clean windows of novels, and paraphrases amid other writing, against an index of twenty books; and how long."""
    judge, candidates = Judge.beside(library.candidates.counted), library.candidates
    clean = [text for text in sets.clean_windows("held", 2000, Random(11)) if len(text.split()) >= 60]
    best = [max((m.probability or 0 for m in semantic_matches(t, "c", candidates, judge)), default=0.0) for t in clean]
    alarms = int((np.array(best) >= BELIEVED).sum())
    bound = (alarms + 1.645 * np.sqrt(alarms + 0.68) + 1.35) / len(clean) if alarms else 3.0 / len(clean)
    say(
        "clean_passages_attributed",
        alarms / len(clean),
        upper=round(float(bound), 5),
        target=0.01,
        met=bound <= 0.01,
        passages=len(clean),
    )
    held, hits, asked = set(sets.splits()["decop_books"]), [], Random(12)
    for each in sets.lines("decop.jsonl"):
        if each["book"] in held and (place := library.place(each["passage"])):
            text = f"{asked.choice(clean)}. {each['paraphrases'][0]} {asked.choice(clean)}"
            matches = semantic_matches(text, "c", candidates, judge)
            hits.append(
                max((m.probability or 0 for m in matches if m.work == library.segment.works[place[0]]), default=0.0)
            )
    say(
        "paraphrase_amid_text_found",
        float((np.array(hits) >= 0.5).mean()),
        attributed=round(float((np.array(hits) >= BELIEVED).mean()), 4),
        texts=len(hits),
    )
    times = []
    for start in range(0, 300, 3):
        text = " ".join(clean[start : start + 6])
        text = " ".join(text.split()[:500])
        began = time.perf_counter()
        semantic_matches(text, "c", candidates, judge)
        times.append(1000 * (time.perf_counter() - began))
    say(
        "ms_of_500_clean_words",
        float(np.median(times)),
        p99=round(float(np.percentile(times, 99)), 1),
        passages=len(candidates),
    )


def main() -> None:
    if not DATA.is_dir():
        say("derivation", None, skipped="needs the data folder beside the checkout")
        return
    shelf = Shelf.open()
    whole_texts(shelf.library)
    pairs_of(shelf)
    first_of_all()
    answers(shelf)


if __name__ == "__main__":
    main()
