"""Recall of planted copies and accidental matches of clean novels, at length: `python -m benchmarks.recall [COUNT]`.

One JSON line a figure. Twenty books are indexed; COUNT (20,000) runs of 8 to 400 words are planted in other novels,
and COUNT clean passages of 200 words of those novels are scanned.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from random import Random

from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from tests.support.recall import Planter, books, passages, texts

DATA = Path(__file__).parents[1].parent / "shared" / "data"


def main() -> None:
    if not DATA.is_dir():
        say("recall", None, skipped="needs the data folder beside the checkout")
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    index = SegmentIndex([TextSegment.from_texts(books(DATA))], "0" * 16)
    novels = texts(DATA, "novels", without="Haggard_She")
    planted(index, novels, count)
    accidental(index, novels, count)


def planted(index: SegmentIndex, novels: list[tuple[str, str]], count: int) -> None:
    """How many planted copies are found, with work and offsets as plain comparison says."""
    planter = Planter(books(DATA), novels, seed=1)
    missed = [plant for plant in planter.plants(count) if not plant.found(index.scan(plant.text))]
    say("recall_planted", 1 - len(missed) / count, planted=count, missed=len(missed))


def accidental(index: SegmentIndex, novels: list[tuple[str, str]], count: int) -> None:
    """What is found in clean passages: how many hold a match, and the longest runs."""
    clean = list(passages(novels))
    longest: Counter[int] = Counter()
    worst = []
    for name, text in Random(2).sample(clean, min(count, len(clean))):
        if found := index.scan(text):
            match = max(found, key=lambda match: match.words)
            longest[match.words] += 1
            worst.append((match.words, match.counted, name, text[match.output.start : match.output.end]))
    more = {"passages": min(count, len(clean)), "runs": dict(sorted(longest.items()))}
    say("accidental_matches", sum(longest.values()) / min(count, len(clean)), **more)
    worst.sort(reverse=True)
    say("accidental_longest_words", worst[0][0] if worst else 0, examples=worst[:5])


def say(name: str, value: float | None, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, **more}), flush=True)


if __name__ == "__main__":
    main()
