"""Bounds on what unpacking may give, so that a small file cannot fill memory or time."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from typing_extensions import override

DOCUMENT: Final = 256 << 20
"""Bytes of one document."""
FLOOR: Final = 64 << 20
"""Bytes that any file may unpack to."""
RATIO: Final = 200
"""Bytes that one byte of a larger file may unpack to."""
TOTAL: Final = 64 << 30
"""Bytes that any one file may unpack to."""
ENTRIES: Final = 1_000_000
"""Documents in one file."""
DEPTH: Final = 3
"""Archives within archives."""


class BombError(Exception):
    """A file unpacks to more than its bounds; the message says to how much."""


@dataclass(slots=True)
class Budget:
    """What may still come out of one file of `given` bytes, whatever is nested in it."""

    given: int
    entries: int = 0
    out: int = 0

    @property
    def limit(self) -> int:
        """Bytes that may come out of it in all."""
        return min(TOTAL, max(FLOOR, RATIO * self.given))

    def spend(self, size: int) -> None:
        """So many bytes came out. Raises BombError when it is too much."""
        self.out += size
        if self.out > self.limit:
            raise BombError(f"unpacks to more than {megabytes(self.limit)} from {self.given} bytes")

    def enter(self) -> None:
        """One more entry. Raises BombError when there are too many."""
        self.entries += 1
        if self.entries > ENTRIES:
            raise BombError(f"holds more than {ENTRIES} entries")

    def read(self, stream: BinaryIO, most: int = DOCUMENT) -> bytes | None:
        """All that a stream gives; None if that is more than `most` bytes. Raises BombError."""
        parts: list[bytes] = []
        left = most + 1
        while left and (part := stream.read(min(left, 1 << 20))):
            self.spend(len(part))
            parts.append(part)
            left -= len(part)
        return b"".join(parts) if left else None


class Metered(io.RawIOBase):
    """A stream whose bytes are counted against a budget as they are read."""

    def __init__(self, stream: BinaryIO, budget: Budget) -> None:
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._budget = budget

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # a buffer, as typeshed says
        """Read into a buffer. Raises BombError."""
        part = self._read(len(buffer))
        self._budget.spend(len(part))
        buffer[: len(part)] = part
        return len(part)


def megabytes(size: int) -> str:
    """A size in words."""
    return f"{size >> 20} MiB" if size < 1 << 30 else f"{size >> 30} GiB"
