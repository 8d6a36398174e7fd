"""Texts with planted copies: works of few words, so that near-misses abound, and texts made of pieces of them."""

from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

from indexes.model import Work
from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from tests.support.brute import Indexed, Reference

FREQUENT = ["the", "of", "and", "to", "in"]
RARE = [
    f"{stem}{ending}" for stem in ("lant", "morv", "quil", "dreb", "sorn", "tavik") for ending in ("a", "en", "ost")
]
UNSPACED = list("春眠不覺曉處聞啼鳥夜來風雨聲花落知多少")
SEPARATORS = [" ", " ", " ", ", ", ".\n", " — ", "  "]
UNSPACED_SEPARATORS = ["", "", "", "\uff0c", "。\n"]
SCRIPTS = {"words": 0.0, "mixed": 0.3, "unspaced": 0.97}


@dataclass(frozen=True)
class Piece:
    """So many tokens of a work, edited at some places (place, kind, tokens), and unrelated ones after them."""

    work: int
    start: int
    length: int
    edits: tuple[tuple[int, str, int], ...]
    filler: int


@dataclass(frozen=True)
class Case:
    """Works, a text that copies from them, the request's texts, and how to cut the text for a stream."""

    works: tuple[str, ...]
    text: str
    requests: tuple[str, ...]
    cuts: int

    def chunks(self) -> list[str]:
        """The text in pieces: code points, words, or anywhere at all."""
        if self.cuts == 0:
            return list(self.text)
        if self.cuts == 1:
            return self.text.replace(" ", " \0").split("\0")
        random, chunks, at = Random(self.cuts), [], 0  # noqa: S311 (seeded test data)
        while at < len(self.text):
            size = random.randint(1, 40)
            chunks.append(self.text[at : at + size])
            at += size
        return chunks


class Writer:
    """Writes words of one script from a seed."""

    def __init__(self, seed: int, unspaced: float) -> None:
        self.random = Random(seed)  # noqa: S311 (seeded test data)
        self.unspaced = unspaced

    def words(self, count: int) -> list[str]:
        random = self.random
        return [
            random.choice(UNSPACED)
            if random.random() < self.unspaced
            else random.choice(FREQUENT if random.random() < 0.3 else RARE)
            for _ in range(count)
        ]

    def prose(self, words: list[str]) -> str:
        """The words with some case, punctuation and line breaks between them."""
        random, parts = self.random, []
        for word in words:
            raw = word.upper() if random.random() < 0.1 else word
            parts.append(raw + random.choice(UNSPACED_SEPARATORS if word in UNSPACED else SEPARATORS))
        return "".join(parts)

    def edited(self, words: list[str], edits: tuple[tuple[int, str, int], ...]) -> list[str]:
        words = list(words)
        for place, kind, count in edits:
            at = place % (len(words) + 1)
            if kind == "replaced":
                words[at : at + count] = self.words(min(count, len(words) - at))
            elif kind == "left out":
                del words[at : at + count]
            else:
                words[at:at] = self.words(count)
        return words

    def text(self, works: list[list[str]], pieces: list[Piece]) -> list[str]:
        words: list[str] = []
        for piece in pieces:
            source = works[piece.work % len(works)]
            start = piece.start % max(1, len(source) - piece.length + 1)
            words += self.edited(source[start : start + piece.length], piece.edits)
            words += self.words(piece.filler)
        return words


EDITS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["replaced", "replaced", "left out", "put in"]), st.integers(1, 7)),
    max_size=4,
).map(tuple)
LENGTHS = st.sampled_from([20, 9, 14, 40, 13, 30, 80, 8, 7, 4])
PIECES = st.lists(
    st.builds(Piece, st.integers(0, 3), st.integers(0, 80), LENGTHS, EDITS, st.sampled_from([0, 0, 1, 2, 5, 6, 7])),
    min_size=2,
    max_size=5,
)
SIZES = st.lists(st.sampled_from([40, 90, 20, 15, 30, 16, 60, 11, 5, 3, 2]), min_size=1, max_size=4)


@st.composite
def cases(draw: st.DrawFn, requests: int = 2) -> Case:
    """A text that copies from works; works share passages with one another, requests share some with the text."""
    writer = Writer(draw(st.integers(0, 2**32)), SCRIPTS[draw(st.sampled_from(sorted(SCRIPTS)))])
    works: list[list[str]] = []
    for size in draw(SIZES):
        words = writer.words(size)
        if works and draw(st.booleans()):
            words += writer.text(works, draw(PIECES)[:1])
        works.append(words)
    text = writer.text(works, draw(PIECES))
    asked = []
    if requests:
        for pieces in draw(st.lists(PIECES, max_size=requests)):
            asked.append(writer.text([text or ["lanta"]], pieces[:2]))
    prose = [writer.prose(words) for words in works]
    return Case(tuple(prose), writer.prose(text), tuple(map(writer.prose, asked)), draw(st.integers(0, 9)))


def indexed(texts: list[str] | tuple[str, ...], split: int = 0) -> tuple[SegmentIndex, Reference]:
    """An index of works, in two segments where `split` falls among them, and the reference over the same works."""
    works = [(Work(id=f"work {number}", title=f"Work {number}"), text) for number, text in enumerate(texts)]
    parts = [part for part in (works[:split], works[split:]) if part]
    segments = [TextSegment.from_texts(part) for part in parts]
    kept = [work for segment in segments for work in segment.works]
    reference = Reference([Indexed(work, text) for work, text in zip(kept, texts, strict=True)])
    return SegmentIndex(segments, "0123456789abcdef", views=False), reference
