"""How well derivation is judged, on what was held out: `python -m benchmarks.derivation [--quick]`.

One JSON line a figure: value, 95 % interval (bootstrap over groups of pairs: books, chapters, tasks, sentences), the
baselines of the same run on the same pairs, and the target. `--quick` draws fewer bootstrap samples.
"""

import json
import sys
import time
from collections.abc import Callable
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks import derivation_sets as sets
from benchmarks.derivation_sets import DATA, Library, Pair
from benchmarks.train_derivation import FEATURES, NAMES, Set, Shelf, fit, judged
from indexes.text.derivation import Judge, shipped
from indexes.text.derivation_features import Passage, compare
from indexes.text.derivation_idf import background
from indexes.text.derivation_matches import semantic_matches
from indexes.text.normalize import tokenize
from policies.case import BELIEVED

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]
Figure = Callable[[Scores, Labels], float]
QUIP = 25
REPEATED = 0.6
"""ROUGE-L from which another verse repeats the one that was translated, so that it is no negative."""


def area(scores: Scores, labels: Labels) -> float:
    """The area under the ROC curve; ties count half."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    yes, no = int(labels.sum()), int((~labels).sum())
    return float((ranks[labels].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else float("nan")


def found_at(rate: float) -> Figure:
    """How many of the derived ones score over all but a share of the others."""

    def figure(scores: Scores, labels: Labels) -> float:
        others = np.sort(scores[~labels])[::-1]
        return float((scores[labels] > others[int(rate * len(others))]).mean())

    return figure


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
    sources = {pair.source: tokenize(pair.source).hashes for pair in pairs}
    outputs = {pair.output: tokenize(pair.output).hashes for pair in pairs}
    kinds, counts = np.unique(np.concatenate([np.unique(each) for each in sources.values()]), return_counts=True)
    weight = dict(zip(kinds.tolist(), np.log(1 + len(sources) / counts).tolist(), strict=True))
    mean = float(np.mean([len(each) for each in sources.values()]))
    rows = []
    features = Set.of(pairs, background()).features
    names = FEATURES
    for pair in pairs:
        ours, theirs = outputs[pair.output], sources[pair.source]
        rows.append((tfidf(ours, theirs, weight), bm25(ours, theirs, weight, mean), winnowed(ours, theirs), quip(pair)))
    found = dict(zip(("tf-idf cosine", "BM25", "word winnowing", "QUIP-25"), np.array(rows).T, strict=True))
    return {
        "ROUGE-L": features[:, names.index("rouge")],
        "4-gram containment": features[:, names.index("grams")],
        **found,
    }


def counted(hashes: NDArray[np.uint32]) -> dict[int, int]:
    kinds, counts = np.unique(hashes, return_counts=True)
    return dict(zip(kinds.tolist(), counts.tolist(), strict=True))


def tfidf(ours: NDArray[np.uint32], theirs: NDArray[np.uint32], weight: dict[int, float]) -> float:
    one, other = ({k: n * weight.get(k, 0.0) for k, n in counted(each).items()} for each in (ours, theirs))
    sizes = np.linalg.norm(list(one.values()) or [0]) * np.linalg.norm(list(other.values()) or [0])
    return float(sum(value * other.get(kind, 0.0) for kind, value in one.items()) / sizes) if sizes else 0.0


def bm25(ours: NDArray[np.uint32], theirs: NDArray[np.uint32], weight: dict[int, float], mean: float) -> float:
    held, length = counted(theirs), 1.5 * (0.25 + 0.75 * len(theirs) / mean)
    return sum(weight[k] * held[k] * 2.5 / (held[k] + length) for k in set(ours.tolist()) if k in held)


def winnowed(ours: NDArray[np.uint32], theirs: NDArray[np.uint32]) -> float:
    one, other = (set(kept(each)) for each in (ours, theirs))
    return len(one & other) / len(one) if one else 0.0


def kept(hashes: NDArray[np.uint32]) -> list[int]:
    grams = (
        [hash(tuple(each)) for each in np.lib.stride_tricks.sliding_window_view(hashes, 5).tolist()]
        if len(hashes) > 4
        else []
    )
    return [min(grams[at : at + 4]) for at in range(max(1, len(grams) - 3))] if grams else []


def quip(pair: Pair) -> float:
    held = {pair.source[at : at + QUIP] for at in range(len(pair.source) - QUIP + 1)}
    places = range(len(pair.output) - QUIP + 1)
    return sum(pair.output[at : at + QUIP] in held for at in places) / max(1, len(places))


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
