"""The directory of one segment: arrays and files that never change, with a manifest that says what must be in them.

A segment is written aside, flushed to disk and renamed into place; its manifest names format, parameters and the
length and checksum (xxh3-128) of every file. Arrays lie in one file and are mapped into memory, not read.
"""

import errno
import json
import mmap
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray
from typing_extensions import Buffer

from indexes.disk import DISK, Disk
from indexes.errors import FairgateError, IndexUnavailableError

FORMAT: Final = 1
MANIFEST: Final = "segment.json"
ARRAYS: Final = "arrays.bin"
ASIDE: Final = ".aside-"
ALIGNMENT: Final = 64
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REBUILD: Final = "run `fairgate index verify`, then add its works again"

Arrays: TypeAlias = dict[str, NDArray[np.generic]]
Facts: TypeAlias = dict[str, Any]
"""What a manifest says, as JSON."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment opened for reading: its name, what its manifest says, its arrays and the other files, mapped.

    `sizes` has the bytes of every file. What is mapped stays readable after the files are deleted.
    """

    name: str
    facts: Facts
    arrays: Arrays
    files: dict[str, memoryview]
    sizes: dict[str, int]


def write_segment(
    directory: Path, parameters: Facts, arrays: Arrays, files: Mapping[str, bytes], disk: Disk = DISK
) -> str:
    """Write a segment under `directory`; returns its name. After a crash there is a whole segment or none."""
    aside = directory / f"{ASIDE}{os.getpid()}"
    try:
        disk.drop(aside)
        disk.make(directory)
        aside.mkdir()
        said = {ARRAYS: put(disk, aside / ARRAYS, pack(arrays))}
        for name, content in files.items():
            said[name] = put(disk, aside / name, [content])
        facts = {"format": FORMAT, "parameters": parameters, "arrays": places(arrays), "files": said}
        manifest = json.dumps(facts, indent=1, sort_keys=True).encode()
        name = checksum(manifest)[:16]
        disk.write(aside / MANIFEST, [manifest])
        disk.flush(aside)
        settle(aside, directory, name, disk)
    except OSError as error:
        clear(aside, disk)
        raise FairgateError(f"cannot write to `{directory}`: {reason(error)}; {remedy(error)}") from error
    return name


def put(disk: Disk, path: Path, blocks: Iterable[Buffer]) -> Facts:
    """Write a file; returns its length and checksum."""
    state, size = xxhash.xxh3_128(), 0

    def measured() -> Iterator[Buffer]:
        nonlocal size
        for block in blocks:
            state.update(block)
            size += memoryview(block).nbytes
            yield block

    disk.write(path, measured())
    return {"bytes": size, "xxh3": state.hexdigest()}


def settle(aside: Path, directory: Path, name: str, disk: Disk) -> None:
    """Give a written segment its place, unless the same segment already stands there whole."""
    if (directory / name).exists():
        if not faults(directory, name):
            disk.drop(aside)
            disk.flush(directory)
            return
        disk.drop(directory / name)
    disk.move(aside, directory / name)
    disk.flush(directory)


def clear(path: Path, disk: Disk) -> None:
    """Delete what could not be finished, as far as the disk lets us; the next writer deletes the rest."""
    with suppress(OSError):
        disk.drop(path)


def pack(arrays: Arrays) -> Iterator[Buffer]:
    """Arrays one after another, aligned, little-endian."""
    for array in arrays.values():
        content = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        yield content.data.cast("B") if len(content) else b""
        yield bytes(-content.nbytes % ALIGNMENT)


def places(arrays: Arrays) -> dict[str, list[Any]]:
    """The place of each array where all are packed: dtype, offset, count."""
    found: dict[str, list[Any]] = {}
    at = 0
    for name, array in arrays.items():
        found[name] = [array.dtype.name, at, len(array)]
        at += array.nbytes + -array.nbytes % ALIGNMENT
    return found


def open_segment(directory: Path, name: str, *, unread: Collection[str] | None = None) -> Segment:
    """Open a segment. Sizes are checked always, checksums of all files but `unread` where that is given.

    Raises IndexUnavailableError naming the file if anything is missing, of the wrong size or of another format.
    """
    home = directory / name
    try:
        facts = read_manifest(home, name)
        mapped = {file: map_file(home / file, said["bytes"]) for file, said in facts["files"].items()}
        arrays = {key: view(mapped[ARRAYS], *place) for key, place in facts["arrays"].items()}
        sizes = {file: said["bytes"] for file, said in facts["files"].items()}
        sizes[MANIFEST] = (home / MANIFEST).stat().st_size
        if unread is not None:
            check(home, facts, {file: each for file, each in mapped.items() if file not in unread})
    except OSError as error:
        raise IndexUnavailableError(f"index segment `{home}` cannot be read: {reason(error)}; {REBUILD}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise IndexUnavailableError(f"index segment `{home}` is damaged; {REBUILD}") from error
    return Segment(name, facts, arrays, {file: each for file, each in mapped.items() if file != ARRAYS}, sizes)


def check(home: Path, facts: Facts, mapped: Mapping[str, memoryview]) -> None:
    """Raise IndexUnavailableError for the first file whose checksum is not that of the manifest."""
    for file, content in mapped.items():
        if checksum(content) != facts["files"][file]["xxh3"]:
            raise IndexUnavailableError(f"index file `{home / file}` is damaged; {REBUILD}")


def read_manifest(home: Path, name: str) -> Facts:
    """What a segment's manifest says; its own checksum is the segment's name."""
    raw = (home / MANIFEST).read_bytes()
    if checksum(raw)[:16] != name:
        raise IndexUnavailableError(f"index file `{home / MANIFEST}` is damaged; {REBUILD}")
    facts: Facts = json.loads(raw)
    if facts["format"] != FORMAT:
        raise IndexUnavailableError(
            f"index segment `{home}` has format {facts['format']}, this fairgate reads {FORMAT}; build the index again"
        )
    return facts


def map_file(path: Path, size: int) -> memoryview:
    """A file of known size, mapped into memory for reading."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise IndexUnavailableError(f"index file `{path}` has {found} bytes, not {size}; {REBUILD}")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")


def view(packed: memoryview, dtype: str, offset: int, count: int) -> NDArray[np.generic]:
    """One array of a packed file; not copied where the machine is little-endian too."""
    if sys.byteorder == "little":
        return np.frombuffer(packed, dtype, count, offset)
    return np.frombuffer(packed, np.dtype(dtype).newbyteorder("<"), count, offset).astype(dtype)


def faults(directory: Path, name: str) -> list[str]:
    """Re-read every file of a segment; one line for each that is not what the manifest says."""
    home = directory / name
    try:
        facts = read_manifest(home, name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"`{home / MANIFEST}` cannot be read: {reason(error)}"]
    except IndexUnavailableError as error:
        return [str(error)]
    return [
        f"`{home / file}` {fault}"
        for file, said in facts["files"].items()
        if (fault := file_fault(home / file, said["bytes"], said["xxh3"]))
    ]


def file_fault(path: Path, size: int, expected: str) -> str | None:
    """What is wrong with a file, or None."""
    state = xxhash.xxh3_128()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                state.update(block)
        found = path.stat().st_size
    except OSError as error:
        return f"cannot be read: {reason(error)}"
    if found != size:
        return f"has {found} bytes, not {size}"
    return None if state.hexdigest() == expected else "is damaged: its checksum is not that of its manifest"


def checksum(content: bytes | memoryview) -> str:
    """The xxh3-128 of a content, as 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(content)


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be written."""
    if error.errno in FULL:
        return "free space"
    return "see that the disk is sound and that this user may write to it"


def reason(error: Exception) -> str:
    """What the system says of a failure, in lower case."""
    said = error.strerror if isinstance(error, OSError) else None
    return (said or str(error) or type(error).__name__).lower()
