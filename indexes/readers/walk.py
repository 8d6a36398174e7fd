"""From a file to the documents in it, through archives within archives, within bounds."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import BinaryIO, Final, cast

from indexes.readers.archive import open_tar, open_zip
from indexes.readers.bounds import DEPTH, DOCUMENT, BombError, Budget, Metered, megabytes
from indexes.readers.compressed import FAULTS, inner_name, unpacked
from indexes.readers.document import Container, Document, Opener, Unread, UnreadableError
from indexes.readers.formats import ADVICE, COMPRESSED, CONTAINERS, HEAD, format_of
from indexes.readers.lines import open_lines
from indexes.readers.parquet import open_parquet
from indexes.readers.warc import Crawl, gather, open_warc
from indexes.segment import reason

OPENERS: Final[Mapping[str, Opener]] = MappingProxyType(
    {"lines": open_lines, "zip": open_zip, "tar": open_tar, "parquet": open_parquet}
)


def walk(document: Document, crawl: Crawl) -> Iterator[Document | Unread]:
    """The documents in a file, each with its format; what cannot be opened as one line, and the rest goes on.

    Their sizes add up to that of the document.
    """
    way = Walk(Budget(document.size), crawl)
    last: Document | Unread | None = None
    at = 0
    for found in within_bounds(document, way):
        if last is not None:
            yield last
        last = replace(found, size=max(0, way.position - at))
        at += last.size
    if last is not None:
        yield replace(last, size=last.size + document.size - at)


def within_bounds(document: Document, way: "Walk") -> Iterator[Document | Unread]:
    """The documents in a file, up to where it turns out to be a bomb or cannot be read."""
    try:
        yield from way.into(document, document.name)
    except BombError as error:
        said = str(error) if str(error).startswith("`") else f"{document.where} {error}"
        yield Unread(f"{said}; refused as a bomb: unpack it yourself if you trust it, and add the folder", fault=True)
    except OSError as error:
        yield Unread(f"{document.where} cannot be read: {reason(error)}", fault=True)


class Walk:
    """The way through one file, whose budget all that is nested in it shares."""

    def __init__(self, budget: Budget, crawl: Crawl) -> None:
        self._budget = budget
        self._openers = {**OPENERS, "warc": partial(open_warc, crawl=crawl)}
        self._crawl = crawl
        self._file: io.BufferedReader | None = None

    @property
    def position(self) -> int:
        """Bytes of the file that were gone through."""
        return self._file.tell() if self._file and not self._file.closed else 0

    def into(self, document: Document, name: str) -> Iterator[Document | Unread]:
        """The documents in a document of this name. Raises BombError, and OSError for a file that cannot be read."""
        if isinstance(document.content, str):
            yield replace(document, format="plain")
            return
        with opened(document.content) as stream:
            self._file = self._file or stream
            kind = format_of(name, stream.peek(HEAD)[:HEAD], document.media)
            if kind == "html" and document.said.get("kind") == "code":
                kind = "plain"
            if kind in ADVICE:
                yield Unread(f"{document.where} {ADVICE[kind]}", fault=True)
            elif kind not in COMPRESSED | CONTAINERS:
                yield replace(document, format=kind)
            elif document.depth > DEPTH:
                why = f"{document.where} lies in more than {DEPTH} archives; unpack them and add the folder"
                yield Unread(why, fault=True)
            elif kind in COMPRESSED:
                yield from self._decompressed(document, name, kind, stream)
            else:
                yield from self._held(Container(document, cast("BinaryIO", stream), self._budget), kind)

    def _held(self, container: Container, kind: str) -> Iterator[Document | Unread]:
        """What a container holds, opened in turn."""
        if kind == "warc" and isinstance(container.document.content, bytes):
            gather(io.BytesIO(container.document.content), self._crawl)
        try:
            for found in self._openers[kind](container):
                if isinstance(found, Unread) or isinstance(found.content, Path):
                    yield self._alone(found) if isinstance(found, Document) else found
                else:
                    yield from self.into(found, found.name)
        except UnreadableError as error:
            yield Unread(str(error), error.fault)

    def _alone(self, document: Document) -> Document | Unread:
        """A file that a manifest names as one work."""
        with opened(document.content) as stream:
            kind = format_of(document.name, stream.peek(HEAD)[:HEAD])
        if kind in ADVICE:
            return Unread(f"{document.where} {ADVICE[kind]}", fault=True, size=document.size)
        if kind in COMPRESSED | CONTAINERS:
            why = f"{document.where} is an archive, which may hold many works; unpack it, or add it by itself"
            return Unread(why, fault=True, size=document.size)
        html_as_code = kind == "html" and document.said.get("kind") == "code"
        return replace(document, format="plain" if html_as_code else kind)

    def _decompressed(
        self, document: Document, name: str, kind: str, stream: io.BufferedReader
    ) -> Iterator[Document | Unread]:
        inner = inner_name(name)
        try:
            plain = io.BufferedReader(Metered(unpacked(kind, cast("BinaryIO", stream)), self._budget), 1 << 16)
            held = format_of(inner, plain.peek(HEAD)[:HEAD], document.media)
            if held in ("tar", "lines", "warc"):
                yield from self._held(Container(document, cast("BinaryIO", plain), self._budget), held)
                return
            raw = plain.read(DOCUMENT + 1)
        except FAULTS as error:
            yield Unread(f"{document.where} is damaged or cut off ({reason(error)}); get it anew", fault=True)
            return
        if len(raw) > DOCUMENT:
            yield Unread(
                f"{document.where} holds more than {megabytes(DOCUMENT)}; unpack it, and add it in parts", fault=True
            )
            return
        title = PurePosixPath(inner).stem if document.title == PurePosixPath(name).stem else document.title
        yield from self.into(replace(document, content=raw, title=title, depth=document.depth + 1), inner)


def opened(content: Path | bytes | str) -> io.BufferedReader:
    """The bytes of a document, to be looked into. Raises OSError."""
    if isinstance(content, Path):
        return content.open("rb")
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return io.BufferedReader(cast("io.RawIOBase", io.BytesIO(raw)))


def gather_from(path: Path, crawl: Crawl) -> None:
    """Add what the sites of a crawl say, from one of its files; what is wrong with it is said when it is walked."""
    try:
        budget = Budget(path.stat().st_size)
        with path.open("rb") as stream:
            kind = format_of(path.name, stream.peek(HEAD)[:HEAD])
            packed = kind in COMPRESSED
            plain = io.BufferedReader(Metered(unpacked(kind, stream), budget), 1 << 16) if packed else stream
            gather(cast("BinaryIO", plain), crawl)
    except (BombError, *FAULTS):
        return
