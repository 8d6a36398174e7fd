"""Labelled sets under a folder: pairs of an output and a source, works, clean texts, recorded continuations.

Two forms are read, side by side where both are there: a folder of one's own (`sets/NAME.jsonl`, `works/`, `clean/`) and
that of the evaluation data (`paraphrase/`, `text/`); docs/evaluation.md describes both.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from indexes.errors import UsageError
from indexes.model import Work
from indexes.text.derivation import SPLITS

ENDINGS: Final = ("*.txt", "*.md")
UNFIT: Final = ("Haggard_She_",)
"""Clean texts that are no clean texts: this one is one of the books."""
METADATA: Final = "###END METADATA###"
NEGATIVES: Final = 3
"""Wrong verses drawn for each right one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Does `output` come from `source`? `group` names what shares material, `part` what was done to it.

    `tuning` pairs may be used to choose a threshold and are not measured.
    """

    output: str
    source: str
    label: bool
    group: str
    part: str = ""
    tuning: bool = False


@dataclass(frozen=True, slots=True)
class PairSet:
    """A set of pairs; with `ranks` the right source is also looked for among all of them.

    `learnt` says that the judge of derivation has seen the pairs: what it says of them is shown, and meets no target.
    """

    name: str
    pairs: tuple[Pair, ...]
    ranks: bool = False
    learnt: bool = False

    @property
    def measured(self) -> tuple[Pair, ...]:
        """The pairs that figures are made of."""
        return tuple(pair for pair in self.pairs if not pair.tuning)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a model wrote when asked to go on from a section."""

    section: str
    source: str
    output: str


@dataclass(frozen=True, slots=True)
class Named:
    """A text and its name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Retold:
    """A passage of a book and what a model made of it."""

    book: str
    passage: str
    paraphrases: tuple[str, ...]


class HeldOut(msgspec.Struct, frozen=True):
    """What the judge of derivation has not learnt from: only that is measured. Empty where nobody says."""

    pan_lines: frozenset[int] = frozenset()
    decop_books: frozenset[str] = frozenset()
    bible_books: frozenset[str] = frozenset()


def held_out() -> HeldOut:
    """What is held out, by the list that is shipped with the coefficients."""
    return msgspec.json.decode(read(SPLITS), type=HeldOut)


def readers(folder: Path) -> dict[str, Callable[[], PairSet]]:
    """The sets of pairs under a folder, by name, each read when it is called for."""
    home = folder / "paraphrase"
    found: dict[str, Callable[[], PairSet]] = {}
    if (home / "clough_stevenson" / "file_information.csv").is_file():
        found["clough_stevenson"] = lambda: answers(home / "clough_stevenson")
    if (home / "pan_pairs.jsonl").is_file():
        found["pan_pairs"] = lambda: made("pan_pairs", pan_pairs(home / "pan_pairs.jsonl", held_out()))
    if (home / "decop.jsonl").is_file():
        found["decop"] = lambda: PairSet("decop", tuple(retold_pairs(retold(folder), held_out())), ranks=True)
    if (home / "bible_verses.jsonl").is_file():
        found["bible_verses"] = lambda: made("bible_verses", verses(home / "bible_verses.jsonl", held_out()))
    for path in sorted((folder / "sets").glob("*.jsonl")):
        found[path.stem] = partial(own_set, path)
    return found


def made(name: str, pairs: Iterable[Pair]) -> PairSet:
    """A set of these pairs."""
    return PairSet(name, tuple(pairs))


def own_set(path: Path) -> PairSet:
    """A user's own set."""
    return made(path.stem, own_pairs(path))


def sampled(found: PairSet, most: int) -> PairSet:
    """A seeded sample with at most so many pairs of either label, for tuning and for measuring."""
    random = Random(1)  # noqa: S311 (a sample, not a secret)
    kept: list[Pair] = []
    for label, tuning in ((True, False), (False, False), (True, True), (False, True)):
        pairs = [pair for pair in found.pairs if (pair.label, pair.tuning) == (label, tuning)]
        kept += pairs if len(pairs) <= most else random.sample(pairs, most)
    return replace(found, pairs=tuple(kept))


def own_pairs(path: Path) -> Iterator[Pair]:
    """Pairs of a user's own: `output`, `source`, `label`, and if wanted `group`, `part`, `tuning`."""
    for number, row in enumerate(rows(path), 1):
        missing = next((each for each in ("output", "source", "label") if each not in row), None)
        if missing:
            raise UsageError(f"`{path}`:{number} has no `{missing}`; write output, source and label")
        if not isinstance(row["label"], bool):
            raise UsageError(f"`{path}`:{number} has the label `{row['label']}`; write true or false")
        output, source = str(row["output"]), str(row["source"])
        group, part = str(row.get("group", "") or key(source)), str(row.get("part", ""))
        yield Pair(output, source, row["label"], group, part, tuning=bool(row.get("tuning", False)))


def answers(home: Path) -> PairSet:
    """The short answers; the judge has learnt from them, for want of others of the kind."""
    return PairSet("clough_stevenson", tuple(clough_stevenson(home)), learnt=True)


def clough_stevenson(home: Path) -> Iterator[Pair]:
    """Answers against the original of their task; copied in part, lightly or heavily revised, or not copied."""
    with (home / "file_information.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            path, original = home / row["File"], home / f"orig_task{row['Task']}.txt"
            kind = row["Category"]
            if kind != "orig" and path.is_file() and original.is_file():
                yield Pair(read(path), read(original), kind != "non", path.stem, kind)


def pan_pairs(path: Path, held: HeldOut) -> Iterator[Pair]:
    """Sentences and what people made of them."""
    for number, row in enumerate(rows(path)):
        tuning = bool(held.pan_lines) and number not in held.pan_lines
        yield Pair(row["b"], row["a"], row["paraphrase"], key(row["a"]), tuning=tuning)


def retold(folder: Path) -> list[Retold]:
    """Passages of books with the paraphrases that a model wrote; none where the file is not there."""
    path = folder / "paraphrase" / "decop.jsonl"
    if not path.is_file():
        return []
    return [Retold(row["book"], row["passage"], tuple(row["paraphrases"])) for row in rows(path)]


def retold_pairs(passages: list[Retold], held: HeldOut) -> Iterator[Pair]:
    """Each paraphrase against its passage, and against every other passage of the same book."""
    by: dict[str, list[str]] = {}
    for each in passages:
        by.setdefault(each.book, []).append(each.passage)
    for each in passages:
        group, tuning = key(each.passage), bool(held.decop_books) and each.book not in held.decop_books
        for paraphrase in each.paraphrases:
            yield Pair(paraphrase, each.passage, label=True, group=group, tuning=tuning)
            for other in by[each.book]:
                if other != each.passage:
                    yield Pair(paraphrase, other, label=False, group=group, tuning=tuning)


def verses(path: Path, held: HeldOut) -> Iterator[Pair]:
    """Verses of two later versions against the oldest: the same verse, and others of its chapter."""
    random = Random(1)  # noqa: S311 (a sample, not a secret)
    chapters: dict[str, list[dict[str, str]]] = {}
    for row in rows(path):
        chapters.setdefault(row["ref"].rpartition(".")[0], []).append(row)
    for chapter, found in chapters.items():
        tuning = bool(held.bible_books) and chapter.partition(".")[0] not in held.bible_books
        for row in found:
            others = [other for other in found if other["KJV"] != row["KJV"]]
            for version in ("ASV", "WEB"):
                yield Pair(row[version], row["KJV"], label=True, group=chapter, part=version, tuning=tuning)
                for other in random.sample(others, min(NEGATIVES, len(others))):
                    yield Pair(row[version], other["KJV"], label=False, group=chapter, part=version, tuning=tuning)


def continuations(folder: Path) -> list[Continuation]:
    """Recorded continuations; none where the file is not there."""
    path = folder / "paraphrase" / "openstax_continuations.jsonl"
    if not path.is_file():
        return []
    return [Continuation(f"{row['book']}: {row['section']}", row["source"], row["output"]) for row in rows(path)]


def works(folder: Path) -> list[tuple[Work, str]]:
    """The works that copies are planted from."""
    home = folder / "works" if (folder / "works").is_dir() else folder / "text" / "books"
    return [(Work(id=path.name, title=path.stem, nature="creative"), body(read(path))) for path in texts_in(home)]


def clean(folder: Path) -> list[tuple[str, list[Named]]]:
    """Texts of others, in which nothing is copied, by kind."""
    if (folder / "clean").is_dir():
        return [("clean", named(folder / "clean"))]
    kinds = ("novels", "reference", "speeches", "other_languages")
    found = ((kind, named(folder / "text" / kind)) for kind in kinds)
    return [(kind, texts) for kind, texts in found if texts]


def named(home: Path) -> list[Named]:
    """The texts of a folder and of those in it."""
    return [Named(path.stem, read(path)) for path in texts_in(home) if not path.name.startswith(UNFIT)]


def texts_in(home: Path) -> list[Path]:
    """The files of text under a folder, in order of name."""
    return sorted(path for ending in ENDINGS for path in home.rglob(ending))


def body(text: str) -> str:
    """A book without what the collector put before it."""
    head, mark, rest = text.partition(METADATA)
    return rest if mark else head


def read(path: Path) -> str:
    """A file of text; bytes that are not UTF-8 become replacement marks, as in what models are given."""
    try:
        return path.read_text("utf-8-sig", "replace")
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read ({(error.strerror or str(error)).lower()})") from error


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a JSONL file; raises UsageError that names the line."""
    for number, line in enumerate(read(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise UsageError(f"`{path}`:{number} is no JSON object; write one a line") from error


def key(text: str) -> str:
    """A short name for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
