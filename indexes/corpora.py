"""Works from files, folders, archives and manifests, one by one, so that one bad work does not lose the others."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from indexes.errors import UsageError
from indexes.model import Work
from indexes.readers.compressed import inner_name
from indexes.readers.document import Document, Reading, Unread, UnreadableError
from indexes.readers.facts import joined
from indexes.readers.formats import HEAD, LINES, READERS, format_of
from indexes.readers.lines import first_words
from indexes.readers.paths import below
from indexes.readers.rsl import LARGEST
from indexes.readers.site import FILES, Site
from indexes.readers.walk import gather_from, walk
from indexes.readers.warc import Crawl
from indexes.segment import reason
from indexes.text.build import digest
from indexes.text.form import infer_form
from indexes.text.normalize import tokenize

LEAST_TOKENS: Final = 3
PEEK: Final = 1 << 13
LISTS: Final = frozenset(field.name for field in fields(Work) if field.default == ())
COMPRESSED_LINES: Final = tuple(end + more for end in LINES for more in ("", ".gz", ".bz2", ".xz", ".zst"))


@dataclass(frozen=True, slots=True)
class Read:
    """A work with its digest, its text, and where it came from.

    `size` counts the bytes that reading went forward by; `notes` are lines on what was mended or left open.
    """

    work: Work
    text: str
    where: str
    size: int
    notes: tuple[str, ...] = ()


Item: TypeAlias = Read | Unread


@dataclass(frozen=True, slots=True)
class Home:
    """A folder that is a site, with what the site says of its pages."""

    folder: Path
    site: Site


@dataclass(frozen=True, slots=True)
class File:
    """A file to read: `id` is its path relative to the PATH that gave it."""

    path: Path
    id: str
    size: int
    home: Home | None = None

    @property
    def is_one_work(self) -> bool:
        """Whether it can hold no more than one work."""
        try:
            with self.path.open("rb") as file:
                return format_of(self.path.name, file.read(HEAD)) in READERS
        except OSError:
            return True

    def document(self, defaults: dict[str, Any]) -> Document:
        """The file as a document."""
        plain = Document(self.id, self.path.stem, f"`{self.path}`", self.path, defaults, size=self.size)
        if self.home is None:
            return plain
        path = "/" + self.path.relative_to(self.home.folder).as_posix()
        page = path.removesuffix("index.html")
        said = joined(*(self.home.site.facts(each) for each in {page, path}))
        return replace(plain, site=said, path=page, root=self.home.folder)


@dataclass(slots=True)
class Corpus:
    """The works under some paths. `defaults` are facts for works of which no manifest says otherwise.

    Iterating reads each work as it comes; the second of two works with one id is refused.
    """

    files: list[File]
    defaults: dict[str, Any] = field(default_factory=dict)
    passed: list[Unread] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes that will be read."""
        return sum(file.size for file in self.files)

    def __iter__(self) -> Iterator[Item]:
        seen = Seen()
        for found in self.documents():
            yield found if isinstance(found, Unread) else seen.unless(read(found))

    def documents(self) -> Iterator[Document | Unread]:
        """What is to be read, in order; archives and crawls opened, texts not yet read."""
        yield from self.passed
        crawl = Crawl()
        for file in self.files:
            if inner_name(file.path.name.lower()).endswith(".warc"):
                gather_from(file.path, crawl)
        for file in self.files:
            yield from walk(file.document(self.defaults), crawl)


class Seen:
    """The ids that came, and where from."""

    def __init__(self) -> None:
        self._where: dict[str, str] = {}

    def unless(self, item: Item) -> Item:
        """An item, unless its id came before."""
        if isinstance(item, Unread):
            return item
        before = self._where.get(item.work.id)
        if before is None:
            self._where[item.work.id] = item.where
            return item
        if before == item.where:
            return Unread(f"{item.where} is given twice; read once", fault=False, size=item.size)
        why = f"{item.where} has the id `{item.work.id}` of {before}; give it an `id` of its own in a manifest"
        return Unread(why, fault=True, size=item.size)


def find(paths: Iterable[Path], defaults: dict[str, Any] | None = None) -> Corpus:
    """The works under these paths; raises UsageError for a path that is not there."""
    corpus = Corpus([], defaults or {})
    for path in paths:
        if path.is_dir():
            find_in(path, path, corpus, None)
        elif path.is_file():
            corpus.files.append(File(path, path.name, path.stat().st_size))
        else:
            raise UsageError(f"`{path}` is neither a file nor a folder")
    return corpus


def find_in(folder: Path, root: Path, corpus: Corpus, home: Home | None) -> None:
    """Add the files of a folder, in order of name; what is hidden is left out."""
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        corpus.passed.append(Unread(f"`{folder}` cannot be read: {reason(error)}", fault=True))
        return
    home = home_of(folder) or home
    for path in names:
        if path.is_symlink():
            corpus.passed.append(Unread(f"`{path}` is a symbolic link; name its target to add it", fault=False))
        elif path.is_dir():
            find_in(path, root, corpus, home)
        elif path.name.lower().endswith(COMPRESSED_LINES):
            corpus.passed.append(Unread(f"`{path}` is a manifest; name it itself to add its works", fault=False))
        elif home and home.folder == folder and "/" + path.name in home.site.taken and path.suffix == ".txt":
            corpus.passed.append(Unread(f"`{path}` says what its site allows; heeded, not added", fault=False))
        elif path.is_file():
            corpus.files.append(File(path, path.relative_to(root).as_posix(), path.stat().st_size, home))
        else:
            corpus.passed.append(Unread(f"`{path}` is a device or pipe; refused: take it away", fault=True))


def home_of(folder: Path) -> Home | None:
    """A folder as a site, if it holds a file in which sites say what they allow."""
    site = Site()
    paths = [*FILES]
    for said in paths:
        path = below(folder, said.lstrip("/"))
        if path is not None and path.stat().st_size <= LARGEST:
            site.take(said, path.read_bytes())
            paths += [each for each in site.licenses if each not in paths and each.startswith("/")]
    return Home(folder, site) if site.says_something else None


def read(document: Document) -> Item:
    """The work that a document holds, or why there is none."""
    try:
        reading = READERS[document.format](document.load(), document)
    except UnreadableError as error:
        return Unread(str(error), error.fault, document.size)
    return make(document, reading)


def make(document: Document, reading: Reading) -> Item:
    """The work of a document, with what its text says. What is stated of it stands over what it says of itself."""
    text, where, size = reading.text, document.where, document.size
    if len(tokenize(text[:PEEK])) < LEAST_TOKENS and len(tokenize(text)) < LEAST_TOKENS:
        return Unread(f"{where} has fewer than {LEAST_TOKENS} words; passed over", fault=False, size=size)
    named = {"id": document.id, "title": document.title or first_words(text)}
    facts = {**joined(reading.facts, document.site, named), **document.said}
    outside = next((span for span in facts.get("heart", ()) if span[1] > len(text)), None)
    if outside:
        why = f"{where} `heart` has {list(outside)}, but the text has {len(text)} code points; write intervals within"
        return Unread(why, fault=True, size=size)
    if "form" not in facts:
        facts = {**facts, "form": infer_form(text), "form_inferred": True}
    if not all(map(is_whole, words_of(facts))):
        why = f"{where} has an id, title or other fact with half a character; rename it, or write that fact anew"
        return Unread(why, fault=True, size=size)
    values: dict[str, Any] = {key: as_tuple(value) if key in LISTS else value for key, value in facts.items()}
    notes = tuple(f"{where} {note}" for note in reading.notes)
    return Read(Work(**values, digest=digest(text)), text, where, size, notes)


def words_of(facts: dict[str, Any]) -> Iterator[str]:
    """Every string among the facts."""
    for value in facts.values():
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def is_whole(said: str) -> bool:
    """Whether a string can be written as UTF-8, that is, holds no lone surrogate."""
    return not any("\ud800" <= char <= "\udfff" for char in said)


def as_tuple(value: Iterable[Any]) -> tuple[Any, ...]:
    """A list, and the lists in it, as tuples."""
    return tuple(tuple(each) if isinstance(each, list) else each for each in value)
