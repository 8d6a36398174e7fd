"""Teach the judge of derivation: `python -m benchmarks.train_derivation [--write]`.

Learns from the parts of the labelled sets that are not held out, each set weighing the same and both answers within it.
With `--write` the coefficients go to `indexes/text/data/derivation.json`, and how many passages hold each word goes
to `passages.npz` beside it; without, nothing is changed. Prints one JSON line a set: pairs learnt from and log loss.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import derivation_sets as sets
from benchmarks.derivation_sets import DATA, Pair, Part
from indexes.text.derivation import MODEL, Logistic, values
from indexes.text.derivation_features import Features, Passage, compare
from indexes.text.derivation_idf import TABLE, Counted, Idf, background
from indexes.text.normalize import tokenize

Matrix = NDArray[np.float64]
FEATURES = [name for name in Features.__dataclass_fields__ if name != "embedding"]
SHARED = [name for name in FEATURES if name != "length"]
TERMS = [*SHARED, *(f"{name}*{name}" for name in SHARED), *(f"{name}*length" for name in SHARED)]
RIDGE = 1e-5
TABLE_FROM = ("books", "speeches", "songs", "openings", "poems", "other_languages")


@dataclass(frozen=True, slots=True)
class Set:
    """Pairs as features; `weights` sum to 1, half of it for each answer where there are both."""

    features: Matrix
    derived: NDArray[np.bool_]
    groups: NDArray[np.str_]

    @classmethod
    def of(cls, pairs: Iterable[Pair], idf: Idf) -> "Set":
        """Compare pairs; each text is read once."""
        read: dict[str, Passage] = {}

        def passage(text: str) -> Passage:
            if text not in read:
                read[text] = Passage.of(text, idf)
            return read[text]

        pairs = list(pairs)
        rows = [values(compare(passage(pair.output), passage(pair.source))) for pair in pairs]
        features = np.array([[row[name] for name in FEATURES] for row in rows])
        return cls(features, np.array([pair.derived for pair in pairs]), np.array([pair.group for pair in pairs]))

    @property
    def weights(self) -> Matrix:
        if self.derived.all() or not self.derived.any():
            return np.full(len(self.derived), 1 / len(self.derived))
        return np.where(self.derived, 0.5 / self.derived.sum(), 0.5 / (~self.derived).sum())

    def without(self, group: str) -> "Set":
        kept = self.groups != group
        return Set(self.features[kept], self.derived[kept], self.groups[kept])


@dataclass(frozen=True, slots=True)
class Shelf:
    """What every set needs."""

    library: sets.Library
    verses: Idf

    @classmethod
    def open(cls) -> "Shelf":
        verses = Counted.of(tokenize(verse["KJV"]).hashes for verse in sets.lines("bible_verses.jsonl"))
        return cls(sets.Library.open(), background().beside(verses))

    def read(self, name: str, part: Part) -> Set:
        """A set by name; words weigh as they do with its sources as the index at hand, where these are many."""
        library, plain = self.library, background()
        books = plain.beside(library.candidates.counted)
        readers: dict[str, Callable[[], Set]] = {
            "pan": lambda: Set.of(sets.pan(part), plain),
            "decop": lambda: Set.of(sets.decop(part), plain),
            "bible": lambda: Set.of(sets.bible(part), self.verses),
            "retold": lambda: Set.of(sets.retold(part, library), books),
            "clean": lambda: Set.of(sets.clean(part, library), books),
            "copied": lambda: Set.of(sets.copied(part), plain),
            "strangers": lambda: Set.of(sets.strangers(part), plain),
            "apart": lambda: Set.of(sets.apart(part), plain),
            "answers": lambda: Set.of(sets.answers(), plain),
        }
        return readers[name]()


NAMES = ("pan", "decop", "bible", "retold", "clean", "copied", "strangers", "apart", "answers")


def expanded(features: Matrix) -> Matrix:
    """The terms of the logistic."""
    columns = {name: features[:, place] for place, name in enumerate(FEATURES)}
    return np.stack([prod((columns[part] for part in term.split("*")), start=np.float64(1)) for term in TERMS], axis=1)


def fit(learnt: Sequence[Set]) -> Logistic:
    """Logistic regression with a small ridge on standardised terms, by Newton's method."""
    rows = np.concatenate([expanded(each.features) for each in learnt])
    derived = np.concatenate([each.derived for each in learnt]).astype(np.float64)
    weights = np.concatenate([each.weights for each in learnt]) / len(learnt)
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    rows = np.column_stack([(rows - mean) / spread, np.ones(len(rows))])
    ridge = np.diag([*np.full(len(TERMS), RIDGE), 0.0])
    found = np.zeros(rows.shape[1])
    for _ in range(40):
        odds = 1 / (1 + np.exp(-np.clip(rows @ found, -40, 40)))
        slope = rows.T @ (weights * (odds - derived)) + ridge @ found
        step = np.linalg.solve((rows * (weights * odds * (1 - odds))[:, None]).T @ rows + ridge, slope)
        found = found - step
        if np.abs(step).max() < 1e-7:
            break
    scaled = found[:-1] / spread
    return Logistic(float(found[-1] - scaled @ mean), dict(zip(TERMS, scaled.tolist(), strict=True)))


def judged(logistic: Logistic, features: Matrix) -> Matrix:
    """The probability of each row."""
    odds = expanded(features) @ np.array([logistic.terms[term] for term in TERMS]) + logistic.intercept
    return 1 / (1 + np.exp(-np.clip(odds, -40, 40)))


def loss(logistic: Logistic, one: Set) -> float:
    """Mean log loss, in nats."""
    odds = np.clip(judged(logistic, one.features), 1e-9, 1 - 1e-9)
    return float(-(one.weights * np.log(np.where(one.derived, odds, 1 - odds))).sum())


def count_words() -> Counted:
    """In how many passages of 200 words of shipped texts each word stands; held-out books of DE-COP are left out."""
    held = [book.split(" - ")[0].lower() for book in sets.splits()["decop_books"]]
    passages = []
    for folder in TABLE_FROM:
        for path in sorted((DATA / "text" / folder).rglob("*.txt")):
            name = path.stem.lower().replace("-", " ")
            if not any(book.removeprefix("the ").removeprefix("adventures of ") in name for book in held):
                hashes = tokenize(path.read_text("utf-8", errors="replace")).hashes
                passages += [hashes[at : at + 200] for at in range(0, max(1, len(hashes) - 100), 200)]
    return Counted.of(passages)


def write_table(counted: Counted) -> None:
    """Keep words that stand in two passages or more."""
    kept = counted.found >= 2
    found = np.minimum(counted.found[kept], 0xFFFF).astype(np.uint16)
    np.savez_compressed(TABLE, words=counted.words[kept], found=found, passages=counted.passages)


def write_model(plain: Logistic) -> None:
    said = {
        "date": datetime.now(UTC).date().isoformat(),
        "splits": "indexes/text/data/derivation_splits.json",
        "data": [
            "DE-COP paraphrases, PAN-PC-10 sentence pairs, Bible versions KJV, ASV and WEB (training parts)",
            "DE-COP paraphrases amid novels against whole books, and novels against them (training parts)",
            "pieces of novels, copied with edits and drawn blindly (training part)",
            "OpenStax continuations of bio_2e that recite nothing; short answers of Clough and Stevenson",
        ],
        "plain": {"intercept": round(plain.intercept, 6), "terms": {k: round(v, 6) for k, v in plain.terms.items()}},
    }
    Path(MODEL).write_text(json.dumps(said, indent=1) + "\n", "utf-8")


def main() -> None:
    if not DATA.is_dir():
        print(json.dumps({"name": "train_derivation", "value": None, "skipped": "needs the data folder"}))
        return
    write = "--write" in sys.argv
    if write:
        write_table(count_words())
        background.cache_clear()
    shelf = Shelf.open()
    learnt = {name: shelf.read(name, "train") for name in NAMES}
    logistic = fit(list(learnt.values()))
    if write:
        write_model(logistic)
    for name, one in learnt.items():
        line = {"name": f"learnt_from_{name}", "value": len(one.derived), "derived": int(one.derived.sum())}
        print(json.dumps({**line, "log_loss": round(loss(logistic, one), 4)}))


if __name__ == "__main__":
    main()
