"""Disks that fail: one that loses power, one that is full."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

from typing_extensions import Buffer

from indexes.disk import Disk

Names = dict[str, int]


class WatchedDisk(Disk):
    """Calls `before` ahead of each change; what that raises keeps the change from happening.

    Nothing is really flushed: the power of this machine stays on, and flushing takes most of the time.
    """

    def __init__(self, before: Callable[[str], None]) -> None:
        self._before = before

    def make(self, path: Path) -> None:
        self._before("make")
        super().make(path)

    def write(self, path: Path, blocks: Iterable[Buffer]) -> None:
        self._before("write")
        super().write(path, self._each(blocks))

    def _each(self, blocks: Iterable[Buffer]) -> Iterator[Buffer]:
        for number, block in enumerate(blocks):
            half = memoryview(block).nbytes // 2
            yield memoryview(block).cast("B")[:half]
            if number % 8 == 0:
                self._before("write more")
            yield memoryview(block).cast("B")[half:]

    def sync(self, handle: int) -> None:
        self._before("sync")

    def move(self, source: Path, target: Path) -> None:
        self._before("move")
        super().move(source, target)

    def drop(self, path: Path) -> None:
        self._before("drop")
        super().drop(path)


class Power:
    """What a folder may look like after a loss of power, by what was flushed until then.

    A file that was flushed keeps its content; of one that was not, anything may be left. A directory keeps the names
    it had when it was last flushed, and of each later change the disk may have taken note or not. Everything seen is
    held open, so that no inode is used twice.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: dict[int, int] = {}
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, Names] = {self._pin(root): {}}

    def flushed(self, handle: int) -> None:
        """What an open file or directory holds is on the disk now."""
        path = Path(f"/proc/self/fd/{handle}").readlink()
        number = self._pin(path)
        if path.is_dir():
            self._names[number] = names_of(path, self._pin)
        else:
            self._contents[number] = path.read_bytes()

    def left(self, target: Path, random: Random) -> None:
        """Make a folder as it may be found when the power is back."""
        paths = {path.stat().st_ino: path for path in [self._root, *self._root.rglob("*")]}
        self._restore(self._root.stat().st_ino, target, paths, random)

    def _restore(self, number: int, target: Path, paths: dict[int, Path], random: Random) -> None:
        path = paths.get(number)
        if number not in self._names and not (path and path.is_dir()):
            target.write_bytes(self._content(number, path, random))
            return
        target.mkdir()
        durable = self._names.get(number, {})
        now = names_of(path, self._pin) if path else durable
        for name in durable | now:
            chosen = random.choice((durable, now)).get(name)
            if chosen is not None:
                self._restore(chosen, target / name, paths, random)

    def _content(self, number: int, path: Path | None, random: Random) -> bytes:
        if number in self._contents:
            return self._contents[number]
        whole = path.read_bytes() if path else b""
        half = whole[: len(whole) // 2]
        return random.choice((b"", half, half + bytes(len(whole) - len(half)), whole))

    def _pin(self, path: Path) -> int:
        number = path.stat().st_ino
        if number not in self._held:
            self._held[number] = os.open(path, os.O_RDONLY)
        return number

    def close(self) -> None:
        """Let go of everything."""
        for handle in self._held.values():
            os.close(handle)


def names_of(path: Path, pin: Callable[[Path], int]) -> Names:
    """The names in a directory, and what each stands for."""
    return {each.name: pin(each) for each in path.iterdir()}


class PowerDisk(WatchedDisk):
    """A disk that may lose its power before any change; `deaf` to flushing of a `file`, a `directory` or nothing."""

    def __init__(self, power: Power, before: Callable[[str], None], deaf: str = "") -> None:
        super().__init__(before)
        self._power = power
        self._deaf = deaf

    def sync(self, handle: int) -> None:
        super().sync(handle)
        kind = "directory" if Path(f"/proc/self/fd/{handle}").readlink().is_dir() else "file"
        if kind != self._deaf:
            self._power.flushed(handle)


class Full:
    """Raises from the change of this number on, for so many changes (-1: for ever)."""

    def __init__(self, first: int, count: int = -1, code: int = errno.ENOSPC) -> None:
        self.reached = False
        self._first = first
        self._last = first + count if count >= 0 else None
        self._code = code
        self._at = -1

    def __call__(self, change: str) -> None:
        self._at += 1
        if self._at >= self._first and (self._last is None or self._at < self._last):
            self.reached = True
            raise OSError(self._code, os.strerror(self._code))
