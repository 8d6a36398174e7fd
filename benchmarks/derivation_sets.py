"""The labelled pairs that the judge of derivation learns from and is measured on, each in one part: `train` or `held`.

What is held out is said by identifiers in `derivation_splits.json`: books of DE-COP, pairs of PAN (by line; pairs that
share a sentence are on one side), books of the Bible, novels; the tasks of Clough and Stevenson in turn.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import numpy as np

from indexes.model import Work
from indexes.text.derivation import SPLITS
from indexes.text.derivation_candidates import Passing, WordCandidates, hashes_of
from indexes.text.derivation_features import Passage, compare
from indexes.text.derivation_idf import background
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment

Part = Literal["train", "held"]
DATA = Path(__file__).parents[1].parent / "shared" / "data"
PARAPHRASE = DATA / "paraphrase"
SAMPLED = 5
"""Negatives drawn for each positive where all would be too many to learn from."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An output passage, the source passage that it is compared with, and whether it was made from that.

    `group` names what the pair belongs to: a book, a chapter, a task.
    """

    output: str
    source: str
    derived: bool
    group: str = ""


def lines(name: str) -> list[dict[str, Any]]:
    with (PARAPHRASE / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def splits() -> dict[str, list[Any]]:
    return json.loads(SPLITS.read_text("utf-8"))


def part_of(held: object) -> Part:
    return "held" if held else "train"


def pan(part: Part) -> list[Pair]:
    """Human paraphrases of sentences, and hard negatives."""
    held = set(splits()["pan_lines"])
    return [
        Pair(each["b"], each["a"], each["paraphrase"], str(number))
        for number, each in enumerate(lines("pan_pairs.jsonl"))
        if part_of(number in held) == part
    ]


def decop(part: Part) -> list[Pair]:
    """Model paraphrases against every passage of the same book."""
    held, books = set(splits()["decop_books"]), defaultdict(list)
    for each in lines("decop.jsonl"):
        if part_of(each["book"] in held) == part:
            books[each["book"]].append(each)
    return [
        Pair(paraphrase, other["passage"], other is each, book)
        for book, passages in books.items()
        for each in passages
        for paraphrase in each["paraphrases"]
        for other in passages
    ]


def bible(part: Part, *, every: bool = False) -> Iterator[Pair]:
    """A verse in one version against those of its chapter in another; with `every`, against all of them."""
    held, random = set(splits()["bible_books"]), Random(5)
    chapters = defaultdict(list)
    for each in lines("bible_verses.jsonl"):
        chapter = each["ref"].rsplit(".", 1)[0]
        if part_of(chapter.split(".")[0] in held) == part:
            chapters[chapter].append(each)
    chosen = random.sample(sorted(chapters), min(len(chapters), 150))
    for chapter in sorted(chosen):
        verses = chapters[chapter]
        for ours, theirs in (("WEB", "KJV"), ("ASV", "KJV")):
            for verse in verses:
                others = [each for each in verses if each is not verse]
                for other in [verse, *(others if every else random.sample(others, min(SAMPLED, len(others))))]:
                    yield Pair(verse[ours], other[theirs], other is verse, chapter)


def clough_stevenson() -> list[Pair]:
    """Short answers against the article they may have been written from."""
    home, found = PARAPHRASE / "clough_stevenson", []
    for table in ("file_information.csv", "test_info.csv"):
        with (home / table).open(encoding="utf-8") as file:
            found += [row for row in csv.DictReader(file) if not row["File"].startswith("orig")]
    unique = {row["File"]: row for row in found}
    read = {path.name: path.read_text("utf-8", errors="replace") for path in home.glob("*.txt")}
    return [
        Pair(read[name], read[f"orig_task{row['Task']}.txt"], row["Category"].strip() != "non", row["Task"])
        for name, row in sorted(unique.items())
    ]


@dataclass(frozen=True, slots=True)
class Library:
    """Whole books as an index has them, and where the passages of DE-COP stand in them."""

    segment: TextSegment
    candidates: WordCandidates
    texts: dict[int, str]

    @classmethod
    def open(cls) -> "Library":
        files = sorted((DATA / "text" / "books").glob("*.txt"))
        texts = [path.read_text("utf-8", errors="replace") for path in files]
        works = [Work(path.stem, path.stem) for path in files]
        segment = TextSegment.from_texts(zip(works, texts, strict=True))
        return cls(segment, WordCandidates([segment]), dict(enumerate(texts)))

    def text(self, nominee: Passing) -> str:
        """The text of a passage."""
        first = self.segment.work_bounds(nominee.ordinal)[0]
        start, end = self.segment.char_span(first + nominee.tokens.start, first + nominee.tokens.end)
        return self.texts[nominee.ordinal][start:end]

    def place(self, passage: str) -> tuple[int, int, int] | None:
        """Work, first token and end of a passage of DE-COP; None where no book holds most of it."""
        tokens = tokenize(passage).hashes
        best = self.candidates.find([passage], 3)[0]
        for nominee in best:
            start = max(0, nominee.tokens.start - 200)
            near = Passing(self.segment, nominee.ordinal, type(nominee.tokens)(start, nominee.tokens.end + 200))
            there = hashes_of(near)
            at = np.flatnonzero(np.isin(there, tokens))
            for first in at.tolist():
                if np.array_equal(there[first : first + 6], tokens[:6]):
                    return nominee.ordinal, start + first, start + first + len(tokens)
        return None


def retold(part: Part, library: Library) -> Iterator[Pair]:
    """Paraphrases amid other writing, against the passages of whole books that BM25 nominates for them."""
    held, random = set(splits()["decop_books"]), Random(6)
    clean = clean_windows(part, 400, random)
    for each in lines("decop.jsonl"):
        if part_of(each["book"] in held) != part or (place := library.place(each["passage"])) is None:
            continue
        for number, paraphrase in enumerate(each["paraphrases"]):
            around = random.choice(clean).split()
            cut = random.randrange(0, 60) if number else 0
            text = " ".join([*around[:cut], paraphrase, *around[60 : 60 + cut]])
            for nominee in library.candidates.find([text], 6)[0]:
                share = overlap(nominee, place)
                if share <= 0.2 or share >= 0.7:
                    yield Pair(text, library.text(nominee), share >= 0.7, each["book"])


def overlap(nominee: Passing, place: tuple[int, int, int]) -> float:
    work, start, end = place
    if work != nominee.ordinal:
        return 0.0
    return max(0, min(end, nominee.tokens.end) - max(start, nominee.tokens.start)) / (end - start)


def clean(part: Part, library: Library, count: int = 1500) -> Iterator[Pair]:
    """Passages of other novels against the passages that BM25 nominates for them: none was made from them."""
    for text in clean_windows(part, count, Random(7)):
        for nominee in library.candidates.find([text], SAMPLED)[0]:
            yield Pair(text, library.text(nominee), derived=False, group="clean")


def apart(part: Part) -> Iterator[Pair]:
    """What models wrote on the subject of a section of a textbook, where it shares no run of 8 words with the passage.

    The book `bio_2e` is for training. Each window of an answer meets the three nearest passages of its section.
    """
    idf = background()
    for each in lines("openstax_continuations.jsonl"):
        windows = cut(each["output"], 160, 40) if part_of(each["book"] != "bio_2e") == part else []
        passages = [(text, Passage.of(text, idf)) for text in cut(each["source"], 200, 100)] if windows else []
        for window in windows:
            output = Passage.of(window, idf)
            near = sorted(((compare(output, read), text) for text, read in passages), key=lambda pair: -pair[0].cosine)
            for features, text in near[:3]:
                if features.run < 8 and len(output.words) >= 40:
                    yield Pair(window, text, derived=False, group=each["book"])


def answers() -> Iterator[Pair]:
    """Windows of the answers of Clough and Stevenson against the passage of the article that is nearest; by task."""
    idf = background()
    for pair in clough_stevenson():
        passages = [(text, Passage.of(text, idf)) for text in cut(pair.source, 200, 100)]
        for window in cut(pair.output, 200, 100):
            output = Passage.of(window, idf)
            best = max(passages, key=lambda each: compare(output, each[1]).cosine)
            yield Pair(window, best[0], pair.derived, pair.group)


def cut(text: str, length: int, overlap: int) -> list[str]:
    """A text in pieces of so many words that overlap by so many."""
    tokens = tokenize(text)
    starts = range(0, max(1, len(tokens) - overlap), length - overlap)
    if not len(tokens):
        return []
    return [text[tokens.starts[at] : tokens.ends[min(at + length, len(tokens)) - 1]] for at in starts]


def copied(part: Part, count: int = 1500) -> Iterator[Pair]:
    """Pieces of novels copied with up to 40 % of words replaced, dropped or put in, amid others, against 200 words."""
    random = Random(9)
    pieces = [text.split() for text in clean_windows(part, 3 * count, random)]
    for source, before, after in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        length = random.randrange(min(25, len(source)), len(source) + 1)
        start, rate = random.randrange(0, len(source) - length + 1), random.choice((0, 0.1, 0.2, 0.3, 0.4))
        piece = edited(source[start : start + length], rate, before, random)
        around = random.randrange(0, len(piece))
        cut = random.randrange(0, around + 1)
        passage = [*before[-(200 - len(source)) :], *source] if random.random() < 0.5 else source
        yield Pair(" ".join([*after[:cut], *piece, *after[cut:around]]), " ".join(passage), derived=True)


def edited(words: list[str], rate: float, others: list[str], random: Random) -> list[str]:
    """The words with some of them replaced, dropped, or followed by another."""
    found: list[str] = []
    for word in words:
        deed = random.randrange(3) if random.random() < rate else None
        if deed != 0:
            found.append(word if deed != 1 else random.choice(others))
        if deed == 2:
            found.append(random.choice(others))
    return found or words


def strangers(part: Part, count: int = 3000) -> Iterator[Pair]:
    """Pieces of novels, of 3 to 200 words each, against others that were drawn blindly."""
    random = Random(8)
    pieces = [text.split() for text in clean_windows(part, 2 * count, random)]
    for ours, theirs in zip(pieces[::2], pieces[1::2], strict=True):
        sizes = [int(3 * 70 ** random.random()) for _ in range(2)]
        yield Pair(" ".join(ours[: sizes[0]]), " ".join(theirs[: sizes[1]]), derived=False, group="strangers")


def clean_windows(part: Part, count: int, random: Random) -> list[str]:
    """Windows of 60 to 200 words of the novels of a part."""
    held = set(splits()["novels"])
    files = [
        path for path in sorted((DATA / "text" / "novels").glob("*.txt")) if not path.stem.startswith("Haggard_She_")
    ]
    words = [path.read_text("utf-8", errors="replace").split() for path in files if part_of(path.stem in held) == part]
    found = []
    for _ in range(count):
        novel, length = random.choice(words), random.randrange(60, 200)
        start = random.randrange(0, len(novel) - length)
        found.append(" ".join(novel[start : start + length]))
    return found
