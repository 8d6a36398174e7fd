"""The file system as an index is written to it: every change of a file or a name goes through here.

What a loss of power leaves: the content of a file that was flushed, the names of a directory that was.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from typing_extensions import Buffer


class Disk:
    """Writes, renames and deletes. Every method may raise OSError; what it has done until then stays."""

    def make(self, path: Path) -> None:
        """Make a directory, and those above it, where they are missing; their names are flushed."""
        if path.is_dir():
            return
        if path.parent != path:
            self.make(path.parent)
        path.mkdir(exist_ok=True)
        self.flush(path.parent)

    def write(self, path: Path, blocks: Iterable[Buffer]) -> None:
        """Write a file and flush its content; its name is flushed with its directory."""
        with path.open("wb", buffering=0) as file:
            for block in blocks:
                rest = memoryview(block).cast("B")
                while rest:
                    rest = rest[file.write(rest) :]
            self.sync(file.fileno())

    def flush(self, directory: Path) -> None:
        """Flush the names of a directory."""
        handle = os.open(directory, os.O_RDONLY)
        try:
            self.sync(handle)
        finally:
            os.close(handle)

    def sync(self, handle: int) -> None:
        """Have the system put on the disk itself what an open file or directory holds."""
        os.fsync(handle)

    def move(self, source: Path, target: Path) -> None:
        """Give a file or a directory another name, in place of a file of that name, in one step."""
        source.replace(target)

    def drop(self, path: Path) -> None:
        """Delete a file, or a directory with all in it; what cannot be deleted stays."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


DISK: Final = Disk()
"""The disk of this machine; it has no state."""
