"""Manifests: JSON Lines, one work a line, which is named or held there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from indexes.errors import UsageError
from indexes.manifest import parse_line
from indexes.readers.document import Container, Document, Unread
from indexes.text.build import digest

TITLE: Final = 60
LONGEST: Final = 1 << 28
"""Bytes of one line."""


def open_lines(container: Container) -> Iterator[Document | Unread]:
    """The works that a manifest lists; each line that is wrong as one that names it."""
    number = 0
    while raw := container.stream.readline(LONGEST):
        number += 1
        if raw.strip():
            container.budget.enter()
            yield read_line(container.document, number, raw)


def read_line(manifest: Document, number: int, raw: bytes) -> Document | Unread:
    """The work that one line of a manifest names or holds."""
    where = f"{manifest.where.replace('`', '')}:{number}:"
    try:
        facts = parse_line(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw, where)
        text = facts.pop("content", None)
        if text is None:
            path = inside(manifest, facts["path"], where)
            content: Path | str = path
            name, title = facts.pop("path"), path.stem
            at = f"{where} `{path}`"
        else:
            content, name, title, at = text, digest(text)[:16], first_words(text), where
    except UsageError as error:
        return Unread(str(error), fault=True, size=len(raw))
    return Document(name, title, at, content, {**manifest.said, **facts}, size=len(raw), depth=manifest.depth + 1)


def inside(manifest: Document, said: str, where: str) -> Path:
    """The file that a manifest names, which must lie in the manifest's folder, with no symbolic link on the way."""
    if "\0" in said:
        raise UsageError(f"{where} `path` holds a NUL; write the path of a file")
    if not isinstance(manifest.content, Path) or manifest.depth:
        raise UsageError(f"{where} `path` cannot lead out of an archive; unpack it, or write `content`")
    folder = manifest.content.parent
    parts = Path(said).parts
    if Path(said).is_absolute() or ".." in parts:
        raise UsageError(f"{where} `{said}` leaves the manifest's folder; write a path below it")
    steps = [folder.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    if any(step.is_symlink() for step in steps):
        raise UsageError(f"{where} `{said}` is a symbolic link or leads over one; copy the file below the manifest")
    if not (folder / said).is_file():
        raise UsageError(f"{where} `{said}` is not a file; `path` is relative to the manifest's folder")
    return folder / said


def first_words(text: str) -> str:
    """The beginning of a text, as a title for want of another."""
    line = " ".join(text[: 8 * TITLE].split())
    return line if len(line) <= TITLE else line[: TITLE - 3].rsplit(" ", 1)[0] + "..."
