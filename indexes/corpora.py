"""Works from files, folders and manifests, one by one, so that one bad work does not lose the others."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

from indexes.errors import UsageError
from indexes.manifest import parse_line
from indexes.model import Work
from indexes.segment import reason
from indexes.text.build import digest
from indexes.text.form import infer_form
from indexes.text.normalize import tokenize

MANIFEST: Final = ".jsonl"
LEAST_TOKENS: Final = 3
PEEK: Final = 1 << 13
TITLE: Final = 60
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
LISTS: Final = frozenset(field.name for field in fields(Work) if field.default == ())


@dataclass(frozen=True, slots=True)
class Read:
    """A work and its text, and where it came from. `size` counts the bytes that reading went forward by."""

    work: Work
    text: str
    where: str
    size: int


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that gave no work. `fault` if the user should mend it; else it was passed over, and that is said."""

    why: str
    fault: bool
    size: int = 0


Item: TypeAlias = Read | Unread


@dataclass(frozen=True, slots=True)
class File:
    """A file to read: `id` is its path relative to the PATH that gave it."""

    path: Path
    id: str
    size: int

    @property
    def is_manifest(self) -> bool:
        """Whether it lists works."""
        return self.path.suffix == MANIFEST


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
        """Bytes that will be read, manifests counted as the lines they hold."""
        return sum(file.size for file in self.files)

    def __iter__(self) -> Iterator[Item]:
        yield from self.passed
        seen: dict[str, str] = {}
        for file in self.files:
            for item in self._read(file):
                yield self._unless_seen(item, seen) if isinstance(item, Read) else item

    def _read(self, file: File) -> Iterator[Item]:
        if file.is_manifest:
            return read_manifest(file, self.defaults)
        return iter((read_file(file, self.defaults),))

    def _unless_seen(self, item: Read, seen: dict[str, str]) -> Item:
        before = seen.get(item.work.id)
        if before is None:
            seen[item.work.id] = item.where
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
            find_in(path, path, corpus)
        elif path.is_file():
            corpus.files.append(File(path, path.name, path.stat().st_size))
        else:
            raise UsageError(f"`{path}` is neither a file nor a folder")
    return corpus


def find_in(folder: Path, root: Path, corpus: Corpus) -> None:
    """Add the files of a folder, in order of name; what is hidden is left out."""
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        corpus.passed.append(Unread(f"`{folder}` cannot be read: {reason(error)}", fault=True))
        return
    for path in names:
        if path.is_symlink():
            corpus.passed.append(Unread(f"`{path}` is a symbolic link; name its target to add it", fault=False))
        elif path.is_dir():
            find_in(path, root, corpus)
        elif path.suffix == MANIFEST:
            corpus.passed.append(Unread(f"`{path}` is a manifest; name it itself to add its works", fault=False))
        elif path.is_file():
            corpus.files.append(File(path, path.relative_to(root).as_posix(), path.stat().st_size))


def read_file(file: File, defaults: dict[str, Any]) -> Item:
    """The work that a file holds."""
    text = read_text(file.path, f"`{file.path}`")
    if isinstance(text, Unread):
        return Unread(text.why, text.fault, file.size)
    facts = {"id": file.id, "title": file.path.stem, **defaults}
    return make(facts, text, f"`{file.path}`", file.size)


def read_manifest(file: File, defaults: dict[str, Any]) -> Iterator[Item]:
    """The works that a manifest lists, line by line."""
    try:
        with file.path.open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                if raw.strip():
                    yield read_line(file.path, number, raw, defaults)
    except OSError as error:
        yield Unread(f"`{file.path}` cannot be read: {reason(error)}", fault=True)


def read_line(manifest: Path, number: int, raw: bytes, defaults: dict[str, Any]) -> Item:
    """The work that one line of a manifest names or holds."""
    where = f"{manifest}:{number}:"
    try:
        facts = parse_line(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw, where)
        text = facts.pop("content", None)
        if text is not None:
            given = {"id": digest(text)[:16], "title": first_words(text)}
        else:
            path = inside(manifest.parent, facts["path"], where)
            given = {"id": facts.pop("path"), "title": path.stem}
            text = read_text(path, f"{where} `{path}`")
    except UsageError as error:
        return Unread(str(error), fault=True, size=len(raw))
    if isinstance(text, Unread):
        return Unread(text.why, text.fault, len(raw))
    return make({**given, **defaults, **facts}, text, where, len(raw))


def inside(folder: Path, said: str, where: str) -> Path:
    """The file that a manifest names, which must lie in the manifest's folder, with no symbolic link on the way."""
    if "\0" in said:
        raise UsageError(f"{where} `path` holds a NUL; write the path of a file")
    path = folder / said
    parts = Path(said).parts
    if Path(said).is_absolute() or ".." in parts:
        raise UsageError(f"{where} `{said}` leaves the manifest's folder; write a path below it")
    steps = [folder.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    if any(step.is_symlink() for step in steps):
        raise UsageError(f"{where} `{said}` is a symbolic link or leads over one; copy the file below the manifest")
    if not path.is_file():
        raise UsageError(f"{where} `{said}` is not a file; `path` is relative to the manifest's folder")
    return path


def read_text(path: Path, where: str) -> str | Unread:
    """The text of a file, or why there is none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Unread(f"{where} cannot be read: {reason(error)}", fault=True)
    if raw.startswith(UTF_16):
        return Unread(f"{where} is UTF-16; convert it: iconv -f UTF-16 -t UTF-8", fault=True)
    if b"\0" in raw[:PEEK]:
        return Unread(f"{where} is not text; passed over", fault=False)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        why = f"{where} is not UTF-8 (line {line}); convert it, for example: iconv -f LATIN1 -t UTF-8"
        return Unread(why, fault=True)


def make(facts: dict[str, Any], text: str, where: str, size: int) -> Item:
    """The work of these facts and this text, with what the text itself says."""
    if len(tokenize(text[:PEEK])) < LEAST_TOKENS and len(tokenize(text)) < LEAST_TOKENS:
        return Unread(f"{where} has fewer than {LEAST_TOKENS} words; passed over", fault=False, size=size)
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
    return Read(Work(**values), text, where, size)


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


def first_words(text: str) -> str:
    """The beginning of a text, as a title for want of another."""
    line = " ".join(text[: 8 * TITLE].split())
    return line if len(line) <= TITLE else line[: TITLE - 3].rsplit(" ", 1)[0] + "..."
