"""A seeded set of documents in which passages of works stand: copied, edited, reordered or told anew."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from indexes.model import Span, Work
from indexes.text.normalize import Tokens, tokenize
from proxy.evaluation.disguises import DISGUISES, Disguise
from proxy.evaluation.plagdet import Located
from proxy.evaluation.sets import Named, Pair, PairSet, Retold

RATES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
LENGTHS: Final = (20, 40, 60, 100, 200)
FILLER: Final = (60, 160)
A_DOCUMENT: Final = 3
"""Passages of a document."""
SENTENCE: Final = 18
"""Words of a piece that is moved, on average."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Some words in a row of a work, and where they stand in it."""

    work: str
    words: tuple[str, ...]
    source: Span


@dataclass(frozen=True, slots=True)
class Document:
    """A text and what of it comes from where; `part` says what was done to its passages."""

    name: str
    text: str
    cases: tuple[Located, ...]
    part: str


class Library:
    """Works to take passages from and clean texts to put them in, from a seed; both must hold words."""

    def __init__(self, works: Sequence[tuple[Work, str]], clean: Sequence[Named], seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 (test data, not a secret)
        self.sources = tuple(works)
        self.works = [(work.id, text, tokenize(text)) for work, text in works]
        self._clean = [words for text in clean if len(words := text.text.split()) > FILLER[1]]

    @property
    def is_usable(self) -> bool:
        """Whether there is something to plant, and something to plant it in."""
        return bool(self._clean) and any(len(tokens) > max(LENGTHS) for _, _, tokens in self.works)

    def passage(self, length: int) -> Passage:
        """So many words of a work, as they are written in it."""
        name, text, tokens = self.random.choice([work for work in self.works if len(work[2]) > length])
        first = self.random.randrange(len(tokens) - length)
        return taken(name, text, tokens, first, length)

    def filler(self, least: int = FILLER[0], most: int = FILLER[1]) -> list[str]:
        """Words of a clean text."""
        words = self.random.choice(self._clean)
        count = self.random.randint(least, most)
        first = self.random.randrange(max(1, len(words) - count))
        return words[first : first + count]

    def edited(self, words: Sequence[str], rate: float) -> list[str]:
        """Words of which this share is replaced, left out, or has another put before it."""
        out: list[str] = []
        for word in words:
            if self.random.random() >= rate:
                out.append(word)
                continue
            match self.random.randrange(3):
                case 0:
                    out += self.filler(1, 1)
                case 1:
                    out += [*self.filler(1, 1), word]
                case _:
                    pass
        return out or list(words[:1])

    def reordered(self, words: Sequence[str]) -> list[str]:
        """Pieces of about a sentence, in another order."""
        pieces, at = [], 0
        while at < len(words):
            size = self.random.randint(SENTENCE // 2, SENTENCE * 3 // 2)
            pieces.append(words[at : at + size])
            at += size
        self.random.shuffle(pieces)
        return [word for piece in pieces for word in piece]

    def document(self, name: str, part: str, planted: Sequence[tuple[Passage, str]]) -> Document:
        """Passages, each in the form in which it is to stand, between clean words."""
        text, cases = " ".join(self.filler()), []
        for passage, said in planted:
            start = len(text) + 2
            text += "\n\n" + said + "\n\n" + " ".join(self.filler())
            cases.append(Located(name, Span(start, start + len(said)), passage.work, passage.source))
        return Document(name, text, tuple(cases), part)


def taken(name: str, text: str, tokens: Tokens, first: int, length: int) -> Passage:
    """Tokens of a work as a passage."""
    source = Span(int(tokens.starts[first]), int(tokens.ends[first + length - 1]))
    return Passage(name, tuple(text[source.start : source.end].split()), source)


def documents(library: Library, retold: Sequence[Retold], count: int) -> Iterator[Document]:
    """So many documents of each kind that there is material for."""
    parts = [f"{rate:.0%} edited" for rate in RATES]
    for number in range(count):
        for part, rate in zip(parts, RATES, strict=True):
            found = [library.passage(library.random.randint(60, 200)) for _ in range(A_DOCUMENT)]
            planted = [(each, " ".join(library.edited(each.words, rate))) for each in found]
            yield library.document(f"{part} {number}", part, planted)
        found = [library.passage(library.random.randint(100, 200)) for _ in range(A_DOCUMENT)]
        yield library.document(
            f"reordered {number}", "reordered", [(each, " ".join(library.reordered(each.words))) for each in found]
        )
    placed = list(located(library, retold))
    for number in range(min(count, len(placed))):
        chosen = library.random.sample(placed, min(A_DOCUMENT, len(placed)))
        told = [(passage, library.random.choice(each.paraphrases)) for passage, each in chosen]
        yield library.document(f"paraphrased {number}", "paraphrased", told)


def planted_pairs(library: Library, count: int) -> PairSet:
    """Passages edited and disguised against what they were made of, and against other passages."""
    pairs = []
    for part, change in changes(library).items():
        found = [library.passage(library.random.randint(60, 200)) for _ in range(count + 1)]
        sources = [" ".join(each.words) for each in found]
        for number, each in enumerate(found):
            output = change(list(each.words))
            group = f"{part} {number}"
            pairs.append(Pair(output, sources[number], label=True, group=group, part=part))
            pairs.append(Pair(output, sources[number - 1], label=False, group=group, part=part))
    return PairSet("planted_pairs", tuple(pairs))


def changes(library: Library) -> Mapping[str, Callable[[list[str]], str]]:
    """What is done to passages, by name: edits at each rate, and each disguise."""
    edits = {f"{rate:.0%} edited": partial(edited_text, library, rate) for rate in RATES}
    hidden = {name: partial(disguised_text, library, each) for name, each in DISGUISES.items() if name != "none"}
    return edits | hidden


def edited_text(library: Library, rate: float, words: list[str]) -> str:
    """Words edited, as a text."""
    return " ".join(library.edited(words, rate))


def disguised_text(library: Library, disguise: Disguise, words: list[str]) -> str:
    """Words in disguise, as a text."""
    return disguise(words, library.random)


def located(library: Library, retold: Sequence[Retold]) -> Iterator[tuple[Passage, Retold]]:
    """The passages that stand word for word in a work, with their paraphrases."""
    held = [(name, text, tokens, tokens.hashes.tobytes()) for name, text, tokens in library.works]
    for each in retold:
        wanted = tokenize(each.passage).hashes
        for name, text, tokens, raw in held:
            at = place(raw, wanted.tobytes())
            if at is not None and len(wanted):
                yield taken(name, text, tokens, at, len(wanted)), each
                break


def place(raw: bytes, wanted: bytes) -> int | None:
    """The number of the token at which some tokens stand, four bytes each; None where they do not."""
    at = raw.find(wanted)
    while at >= 0 and at % 4:
        at = raw.find(wanted, at + 1)
    return at // 4 if at >= 0 else None


def cut(text: str, random: Random, most: int = 40) -> Iterator[str]:
    """A text in pieces, cut anywhere."""
    at = 0
    while at < len(text):
        size = random.randint(1, most)
        yield text[at : at + size]
        at += size
