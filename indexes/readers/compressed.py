"""Files of one compressed stream: gz, bz2, xz and zst."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final, Protocol, cast

import zstandard
from typing_extensions import override

MAGIC: Final[Mapping[bytes, str]] = MappingProxyType(
    {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
)
SUFFIXES: Final = (".gz", ".bz2", ".xz", ".zst", ".tgz", ".tbz2", ".txz", ".tzst")
FAULTS: Final = (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError)
"""What a damaged stream raises."""
CHUNK: Final = 1 << 10
"""Bytes fed at a time; the blocks of zstandard unpack to as much as 32 KiB a byte."""
LARGEST_WINDOW: Final = 1 << 27
MEMORY: Final = 512 << 20
"""Memory that a stream may ask for to be unpacked; xz -9 takes 65 MiB."""


def kind_of(head: bytes) -> str | None:
    """How a stream is compressed, by its first bytes."""
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)


def unpacked(kind: str, stream: BinaryIO) -> BinaryIO:
    """The stream that a compressed stream holds."""
    return cast("BinaryIO", OPENERS[kind](stream))


class Machine(Protocol):
    """Unpacks one stream, as the decompressors of the standard library do."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether more bytes are needed to go on."""

    @property
    def unused_data(self) -> bytes:
        """What stands behind the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """What some more bytes unpack to, not much more than `max_length`."""


class ZstMachine:
    """A frame of zstandard, whose window is bounded."""

    needs_input = True

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()

    @property
    def eof(self) -> bool:
        """Whether the frame has ended."""
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        """What stands behind the frame."""
        return self._frame.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """What some more bytes unpack to: at most 32 KiB for each byte, however long."""
        return self._frame.decompress(data) if max_length else b""


class Unpacked(io.RawIOBase):
    """What streams hold. Unlike the libraries' own files it bounds memory, and knows a stream that is cut off."""

    def __init__(self, stream: BinaryIO, start: Callable[[], Machine]) -> None:
        self._stream = stream
        self._start = start
        self._machine = start()
        self._next = b""
        self._rest = b""

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # a buffer, as typeshed says
        """Read into a buffer. Raises what the libraries raise, and EOFError for a stream that is cut off."""
        while not self._rest and self._more():
            self._rest = self._machine.decompress(self._input(), len(buffer))
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def _more(self) -> bool:
        """Whether there is more to unpack; goes on to a further stream."""
        if self._machine.eof:
            self._next = (self._machine.unused_data or self._stream.read(CHUNK)).lstrip(b"\0")
            if not self._next:
                return False
            self._machine = self._start()
        return True

    def _input(self) -> bytes:
        """Bytes for the machine, if it needs any."""
        if not self._machine.needs_input:
            return b""
        raw, self._next = self._next or self._stream.read(CHUNK), b""
        if not raw:
            raise EOFError("compressed file ended before its end was marked")
        return raw


def open_xz(stream: BinaryIO) -> object:
    """What an xz stream holds; one that asks for too much memory is refused."""
    return Unpacked(stream, lambda: lzma.LZMADecompressor(memlimit=MEMORY))


OPENERS: Final[Mapping[str, Callable[[BinaryIO], object]]] = MappingProxyType(
    {
        "gz": lambda stream: gzip.GzipFile(fileobj=stream),
        "bz2": bz2.BZ2File,
        "xz": open_xz,
        "zst": lambda stream: Unpacked(stream, ZstMachine),
    }
)


def inner_name(name: str) -> str:
    """What a compressed file is called when it is unpacked."""
    lower = name.lower()
    for suffix in (".tgz", ".tbz2", ".txz", ".tzst"):
        if lower.endswith(suffix):
            return name[: -len(suffix)] + ".tar"
    return name[: name.rindex(".")] if lower.endswith((".gz", ".bz2", ".xz", ".zst")) else name
