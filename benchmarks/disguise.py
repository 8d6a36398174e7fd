"""Recall of disguised copies and false alarms of clean passages: `python -m benchmarks.disguise [COUNT]`.

One JSON line a figure. Twenty books are indexed; COUNT (40) passages of 80 words are put into each disguise, each pair
of two, and one that no view knows of. A copy is found where some match names its book; `words` is the share of them.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from tests.support.disguise import DISGUISES
from tests.support.disguise_unlisted import first_letter_last
from tests.support.recall import books, passages, texts

DATA = Path(__file__).parents[1].parent / "shared" / "data"
WORDS = 80
CLEAN = ("novels", "reference", "speeches", "other_languages")


def main() -> None:
    if not DATA.is_dir():
        say("disguise", None, skipped="needs the data folder beside the checkout")
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    works = books(DATA)
    segment = TextSegment.from_texts(works)
    index = SegmentIndex([segment], "0" * 16, views=True)
    planted = list(passages_of(works, count))
    for name in DISGUISES:
        recall(f"disguise_{name}", index, planted, [name], target=0.99)
    recall("disguise_unlisted", index, planted, [], target=None)
    few = planted[: max(1, count // 4)]
    for first in DISGUISES:
        for second in DISGUISES:
            if first < second:
                recall(f"disguise_pair_{first}_{second}", index, few, [first, second], target=0.95)
    alarms(index, SegmentIndex([segment], "0" * 16, views=False), count * 50)


def passages_of(works: list[tuple[object, str]], count: int) -> Iterator[tuple[str, str]]:
    """Ids of works and passages of them, from a seed."""
    random = Random(5)
    for _ in range(count):
        work, text = random.choice(works)
        words = text.split()
        at = random.randrange(len(words) - WORDS)
        yield work.id, " ".join(words[at : at + WORDS])  # type: ignore[attr-defined]


def recall(
    name: str, index: SegmentIndex, planted: list[tuple[str, str]], disguises: list[str], **more: object
) -> None:
    """How many passages are found, and how many of their words, in these disguises one after another."""
    found = words = 0
    for number, (work, passage) in enumerate(planted):
        text = passage if disguises else first_letter_last(passage)
        for disguise in sorted(disguises, key=lambda each: each == "base64"):
            text = DISGUISES[disguise](text, Random(number))
        ours = [m for m in index.scan(text) if m.work.id == work and m.detector == "verbatim"]
        found += bool(ours)
        words += len({s.source + at for m in ours for s in m.stretches for at in range(s.tokens)})
    say(name, found / len(planted), words=round(min(1.0, words / len(planted) / WORDS), 3), **more)


def alarms(index: SegmentIndex, plain: SegmentIndex, count: int) -> None:
    """How many clean passages a view adds a match to."""
    for folder in CLEAN:
        clean = list(passages(texts(DATA, folder, without="Haggard_She")))
        clean = Random(2).sample(clean, min(count, len(clean)))
        added = [len(index.scan(text)) > len(plain.scan(text)) for _, text in clean]
        say(f"disguise_false_alarms_{folder}", sum(added) / len(clean), passages=len(clean), added=sum(added))


def say(name: str, value: float | None, **more: object) -> None:
    print(json.dumps({"name": name, "value": value and round(value, 4), **more}), flush=True)


if __name__ == "__main__":
    main()
