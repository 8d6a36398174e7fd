"""Copies of real books planted in real prose under every cheap disguise of case, punctuation and line breaks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from indexes.model import Match, Work
from indexes.text.normalize import tokenize
from tests.support.brute import Indexed, Text, along

LENGTHS = (8, 8, 8, 9, 10, 12, 13, 16, 20, 25, 40, 60, 80, 120, 200, 400)
BETWEEN = (
    " ",
    "  ",
    "\n",
    "\r\n",
    "\n\n> ",
    ", ",
    "; ",
    ". ",
    "! ",
    "? ",
    " - ",
    " — ",
    "—",
    "...",
    " “",
    "” ",
    "\u2019",
    "_",
    "*",
)
PASSAGE = 200
"""Words of a clean passage."""


def texts(data: Path, folder: str, without: str = "-") -> list[tuple[str, str]]:
    """Names and texts of a folder of the evaluation data."""
    paths = sorted((data / "text" / folder).glob("*.txt"))
    return [(path.stem, path.read_text("utf-8", "replace")) for path in paths if not path.stem.startswith(without)]


def books(data: Path) -> list[tuple[Work, str]]:
    """The twenty books."""
    return [(Work(id=name, title=name), text) for name, text in texts(data, "books")]


@dataclass(frozen=True)
class Book:
    """A book as text and as tokens."""

    indexed: Indexed
    raw: str


@dataclass(frozen=True)
class Plant:
    """A text in which `count` tokens of a book stand, from its token `source` on, at output token `output`."""

    text: str
    book: Book
    source: int
    output: int
    count: int

    def found(self, matches: tuple[Match, ...]) -> bool:
        """Whether a match says just what plain comparison along this diagonal says."""
        text = Text.of(tokenize(self.text))
        copied = self.source - self.output
        for run in along(text, self.book.indexed, copied):
            if self.output in run.tokens and self.output + self.count - 1 in run.tokens:
                first, last = run.tokens[0], run.tokens[-1]
                source = self.book.indexed.text
                expected = (
                    (text.starts[first], text.ends[last]),
                    (source.starts[first + copied], source.ends[last + copied]),
                    [(begin, begin + copied, end - begin + 1) for begin, end in run.stretches()],
                )
                return any(expected == said(match) for match in matches if match.work.id == self.book.indexed.work.id)
        return False


def said(match: Match) -> tuple[tuple[int, int], tuple[int, int], list[tuple[int, int, int]]]:
    """Spans and unbroken stretches of a match, however its stretches are told apart."""
    joined: list[tuple[int, int, int]] = []
    for stretch in match.stretches:
        if joined and joined[-1][0] + joined[-1][2] == stretch.output:
            joined[-1] = (*joined[-1][:2], joined[-1][2] + stretch.tokens)
        else:
            joined.append((stretch.output, stretch.source, stretch.tokens))
    return (match.output.start, match.output.end), (match.source.start, match.source.end), joined


class Planter:
    """Plants runs of books in prose, from a seed."""

    def __init__(self, works: list[tuple[Work, str]], prose: list[tuple[str, str]], seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 (seeded test data)
        self.books = [Book(Indexed(work, text), text) for work, text in works]
        self.prose = [text.split() for _, text in prose]

    def filler(self) -> str:
        words = self.random.choice(self.prose)
        start = self.random.randrange(len(words) - 100)
        return " ".join(words[start : start + self.random.randrange(10, 80)])

    def disguised(self, raw: str) -> str:
        change = self.random.choice([str.upper, str.lower, str.title, str.swapcase, str, str])
        word = change(raw)
        return word if tokenize(word).hashes.tolist() == tokenize(raw).hashes.tolist() else raw

    def plants(self, count: int) -> Iterator[Plant]:
        random = self.random
        for _ in range(count):
            book = random.choice(self.books)
            source = book.indexed.text
            length = random.choice(LENGTHS)
            start = random.randrange(len(source.hashes) - length)
            raw = [book.raw[source.starts[token] : source.ends[token]] for token in range(start, start + length)]
            often = random.choice([0.0, 0.1, 1.0])
            words = [self.disguised(word) if random.random() < often else word for word in raw]
            copy = "".join(word + (random.choice(BETWEEN) if random.random() < often else " ") for word in words)
            before = self.filler() + random.choice([" ", "\n\n", ": “", " -- "])
            text = before + copy + " " + self.filler()
            yield Plant(text, book, start, len(tokenize(before)), length)


def passages(prose: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Clean passages of so many words: name and text."""
    for name, text in prose:
        words = text.split()
        for start in range(0, len(words) - PASSAGE, PASSAGE):
            yield name, " ".join(words[start : start + PASSAGE])
