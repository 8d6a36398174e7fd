"""Archives: zip and tar. Entries are read, never unpacked to disk; what leaves the archive is refused by name."""

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, Final, cast

from indexes.readers.bounds import DOCUMENT, BombError, megabytes
from indexes.readers.compressed import FAULTS
from indexes.readers.document import Container, Document, Unread, UnreadableError
from indexes.readers.paths import climbs

HIDDEN: Final = (".", "__MACOSX")
ZIP_FAULTS: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    struct.error,
)


def open_zip(container: Container) -> Iterator[Document | Unread]:
    """The entries of a zip."""
    where = container.document.where
    try:
        archive = zipfile.ZipFile(container.stream)
        infos = archive.infolist()
    except ZIP_FAULTS as error:
        raise UnreadableError(f"{where} is a damaged zip ({said(error)}); get it anew") from error
    with archive:
        for info in infos:
            name = real_name(info)
            if info.is_dir() or is_hidden(name):
                continue
            container.budget.enter()
            yield zip_entry(container, archive, info, name)


def zip_entry(container: Container, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Document | Unread:
    """One entry of a zip, or why it is not read. Raises BombError."""
    where = entry_of(container, name)
    if climbs(name):
        return Unread(
            f"{where} leaves the archive; refused: unpack it where it can do no harm and add the file", fault=True
        )
    if info.flag_bits & 1:
        return Unread(f"{where} is encrypted; unpack it with its password and add the file", fault=True)
    kind = info.external_attr >> 28
    if info.create_system == 3 and kind not in (0, 8):
        what = {10: "a symbolic link"}.get(kind, "no regular file")
        return Unread(f"{where} is {what}; refused: add the file itself", fault=True)
    try:
        with archive.open(info) as stream:
            raw = container.budget.read(stream)  # type: ignore[arg-type]  # IO[bytes] is what is read
    except BombError as error:
        raise BombError(f"{where} {error}") from error
    except ZIP_FAULTS as error:
        return Unread(f"{where} cannot be read ({said(error)}); get the archive anew", fault=True)
    return entry(container, name, raw, info.compress_size)


def real_name(info: zipfile.ZipInfo) -> str:
    """The name of an entry, read as UTF-8 where that fits though the zip does not say so."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def open_tar(container: Container) -> Iterator[Document | Unread]:
    """The entries of a tar, one after the other."""
    where = container.document.where
    try:
        with tarfile.open(fileobj=cast("BinaryIO", Ending(container.stream)), mode="r|", errorlevel=0) as archive:
            for info in archive:
                container.budget.enter()
                found = tar_entry(container, archive, info)
                if found is not None:
                    yield found
    except (tarfile.TarError, ValueError, ArithmeticError, struct.error, *FAULTS) as error:
        raise UnreadableError(f"{where} is damaged or cut off ({said(error)}); get it anew") from error


def tar_entry(container: Container, archive: tarfile.TarFile, info: tarfile.TarInfo) -> Document | Unread | None:
    """One entry of a tar, or why it is not read; None for a folder and what is hidden. Raises BombError."""
    where = entry_of(container, info.name)
    if climbs(info.name):
        return Unread(
            f"{where} leaves the archive; refused: unpack it where it can do no harm and add the file", fault=True
        )
    if info.isdir() or is_hidden(info.name):
        return None
    if info.issym() or info.islnk():
        return link_entry(info, where)
    if not info.isreg():
        return Unread(f"{where} is a device or pipe; refused: take it out of the archive", fault=True)
    if info.size > DOCUMENT:
        return Unread(too_large(where), fault=True)
    stream = archive.extractfile(info)
    raw = stream.read() if stream else b""
    container.budget.spend(len(raw) if info.issparse() else 0)
    return entry(container, info.name, raw, 0)


class Ending:
    """A stream that is read past its end once; tarfile would go on for ever where an entry says that it is huge."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ended = False

    def read(self, size: int) -> bytes:
        """The next bytes. Raises EOFError when there were none before."""
        raw = self._stream.read(size)
        if not raw and self._ended:
            raise EOFError("an entry is longer than the archive")
        self._ended = not raw
        return raw


def link_entry(info: tarfile.TarInfo, where: str) -> Unread:
    """What is said of a link: one that stays within the archive names an entry that is read under its own name."""
    base = PurePosixPath(info.name).parent if info.issym() else PurePosixPath()
    parts: list[str] = []
    for part in (base / info.linkname).parts:
        if part == ".." and not parts:
            break
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    else:
        if not info.linkname.startswith("/"):
            return Unread(f"{where} is a link to `{info.linkname}`; passed over", fault=False)
    return Unread(
        f"{where} is a link out of the archive to `{info.linkname}`; refused: add the file itself", fault=True
    )


def entry(container: Container, name: str, raw: bytes | None, size: int) -> Document | Unread:
    """An entry as a document; its id is its path behind that of the archive."""
    where = entry_of(container, name)
    if raw is None:
        return Unread(too_large(where), fault=True)
    above = container.document
    path = PurePosixPath(name)
    return Document(
        id=f"{above.id}/{path.as_posix()}",
        title=path.stem,
        where=where,
        content=raw,
        said=above.said,
        site=above.site,
        size=size,
        depth=above.depth + 1,
    )


def entry_of(container: Container, name: str) -> str:
    """How an entry is named in messages."""
    return f"{container.document.where} entry `{name}`"


def too_large(where: str) -> str:
    """What is said of an entry that is too large to be one work."""
    return f"{where} is larger than {megabytes(DOCUMENT)}, too large for one work; unpack it and add the file in parts"


def is_hidden(name: str) -> bool:
    """Whether an entry is hidden, as dot files are, or what a Mac leaves in archives."""
    return any(part.startswith(HIDDEN) for part in PurePosixPath(name).parts if part not in (".", ".."))


def said(error: Exception) -> str:
    """What a library says of a fault, on one line."""
    return (" ".join(str(error).split()) or type(error).__name__).lower()[:120]
