"""Recall, spans and false alarms of near matches, at length: `python -m benchmarks.near [COUNT]`.

One JSON line a figure, each with its 95 % interval (Wilson). Twenty books are indexed; COUNT (500) passages of 100
words for each rate and kind of edit are planted in other novels, and 40 times as many clean passages of 200 words of
those novels are scanned. A passage is found if matches of its book hold a place of it, with 20 words or more.
"""

import json
import sys
from pathlib import Path
from random import Random

from indexes.model import Match, Work
from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from proxy.evaluation.metrics import wilson
from tests.support.recall import books, passages, texts

DATA = Path(__file__).parents[1].parent / "shared" / "data"
WORDS, LEAST, AROUND = 100, 20, 80
RATES, KINDS = (0.1, 0.2, 0.3), ("replace", "drop", "insert", "mixed")


def main() -> None:
    if not DATA.is_dir():
        say("near", None, skipped="needs the data folder beside the checkout")
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    works = books(DATA)
    index = SegmentIndex([TextSegment.from_texts(works)], "0" * 16)
    novels = texts(DATA, "novels", without="Haggard_She")
    for rate in RATES:
        for kind in KINDS:
            planted(index, Editor(works, novels, rate, kind), count)
    accidental(index, novels, 40 * count)


class Editor:
    """Plants passages of books in novels, every word edited at a rate, from a seed."""

    def __init__(self, works: list[tuple[Work, str]], novels: list[tuple[str, str]], rate: float, kind: str) -> None:
        self.rate, self.kind = rate, kind
        self._random = Random(f"{rate} {kind}")
        self._works = [(work, text.split()) for work, text in works]
        self._novels = [text.split() for _, text in novels]

    def plant(self) -> tuple[Work, str, int, int]:
        """The work, a text, and from where to where an edited passage of the work stands in it."""
        random = self._random
        work, words = random.choice(self._works)
        start = random.randrange(len(words) - WORDS)
        novel = random.choice(self._novels)
        at = random.randrange(len(novel) - 2 * AROUND)
        before = " ".join(novel[at : at + AROUND]) + " "
        copy = " ".join(each for word in words[start : start + WORDS] for each in self._edited(word))
        text = f"{before}{copy} {' '.join(novel[at + AROUND : at + 2 * AROUND])}"
        return work, text, len(before), len(before) + len(copy)

    def _edited(self, word: str) -> list[str]:
        random = self._random
        if random.random() >= self.rate:
            return [word]
        other = random.choice(random.choice(self._novels))
        kind = random.choice(KINDS[:3]) if self.kind == "mixed" else self.kind
        return {"replace": [other], "drop": [], "insert": [word, other]}[kind]


def planted(index: SegmentIndex, editor: Editor, count: int) -> None:
    """How many planted passages are found, and how much of what is found is planted, and the other way round."""
    found = 0
    inside = said = held = 0
    for _ in range(count):
        work, text, start, end = editor.plant()
        matches = [match for match in index.scan(text) if match.work.id == work.id and match.words >= LEAST]
        chars = covered(matches)
        found += any(start <= char < end for char in chars)
        inside += sum(start <= char < end for char in chars)
        said += len(chars)
        held += end - start
    name = f"near_{editor.kind}_{round(100 * editor.rate)}"
    say(f"{name}_recall", found / count, planted=count, interval=interval(found, count))
    say(f"{name}_span_precision", inside / max(1, said), span_recall=round(inside / held, 4))


def covered(matches: list[Match]) -> set[int]:
    """The code points that matches hold."""
    return {char for match in matches for char in range(match.output.start, match.output.end)}


def accidental(index: SegmentIndex, novels: list[tuple[str, str]], count: int) -> None:
    """How many clean passages hold a near match."""
    clean = list(passages(novels))
    chosen = Random(2).sample(clean, min(count, len(clean)))
    found = [
        (match.words, name, text[match.output.start : match.output.end])
        for name, text in chosen
        for match in index.scan(text)
        if match.detector == "near"
    ]
    share = len(found) / len(chosen)
    say(
        "near_false_alarms", share, passages=len(chosen), interval=interval(len(found), len(chosen)), examples=found[:5]
    )


def interval(hits: int, count: int) -> list[float]:
    """The 95 % interval of a share."""
    found = wilson(hits, count)
    return [round(found.low, 5), round(found.high, 5)]


def say(name: str, value: float | None, **more: object) -> None:
    print(json.dumps({"name": name, "value": value and round(value, 4), **more}), flush=True)


if __name__ == "__main__":
    main()
