"""Files of one compressed stream: gz, bz2, xz and zst."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final, cast

import zstandard
from typing_extensions import override

MAGIC: Final[Mapping[bytes, str]] = MappingProxyType(
    {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
)
SUFFIXES: Final = (".gz", ".bz2", ".xz", ".zst", ".tgz", ".tbz2", ".txz", ".tzst")
FAULTS: Final = (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError)
"""What a damaged stream raises."""
CHUNK: Final = 1 << 16
LARGEST_WINDOW: Final = 1 << 27
MEMORY: Final = 512 << 20
"""Memory that a stream may ask for to be unpacked; xz -9 takes 65 MiB."""


def kind_of(head: bytes) -> str | None:
    """How a stream is compressed, by its first bytes."""
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)


def unpacked(kind: str, stream: BinaryIO) -> BinaryIO:
    """The stream that a compressed stream holds."""
    return cast("BinaryIO", OPENERS[kind](stream))


class XzStream(io.RawIOBase):
    """What an xz stream holds; one that asks for too much memory to be unpacked is refused, which LZMAFile cannot."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._machine = lzma.LZMADecompressor(memlimit=MEMORY)

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # a buffer, as typeshed says
        """Read into a buffer. Raises LZMAError, and EOFError for a stream that is cut off."""
        while True:
            raw = self._stream.read(CHUNK) if self._machine.needs_input else b""
            if self._machine.needs_input and not raw:
                raise EOFError("compressed file ended before its end was marked")
            part = self._machine.decompress(raw, len(buffer))
            if part:
                buffer[: len(part)] = part
                return len(part)
            if self._machine.eof and not self._next():
                return 0

    def _next(self) -> bool:
        """Go on to a further stream, if there is one."""
        rest = (self._machine.unused_data or self._stream.read(CHUNK)).lstrip(b"\0")
        if rest:
            self._stream = cast("BinaryIO", Chained(rest, self._stream))
            self._machine = lzma.LZMADecompressor(memlimit=MEMORY)
        return bool(rest)


class Chained(io.RawIOBase):
    """Some bytes, and then a stream."""

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._first = first
        self._stream = stream

    @override
    def read(self, size: int = -1) -> bytes:
        """The bytes that come next."""
        first, self._first = self._first, b""
        return first or self._stream.read(size)


def open_zst(stream: BinaryIO) -> object:
    """A zstandard stream of one or several frames, whose window is bounded."""
    reader = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    return reader.stream_reader(stream, read_across_frames=True)


OPENERS: Final[Mapping[str, Callable[[BinaryIO], object]]] = MappingProxyType(
    {"gz": lambda stream: gzip.GzipFile(fileobj=stream), "bz2": bz2.BZ2File, "xz": XzStream, "zst": open_zst}
)


def inner_name(name: str) -> str:
    """What a compressed file is called when it is unpacked."""
    lower = name.lower()
    for suffix in (".tgz", ".tbz2", ".txz", ".tzst"):
        if lower.endswith(suffix):
            return name[: -len(suffix)] + ".tar"
    return name[: name.rindex(".")] if lower.endswith((".gz", ".bz2", ".xz", ".zst")) else name
