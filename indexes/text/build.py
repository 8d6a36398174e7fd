"""Works to the arrays and files of one segment."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from indexes.model import Work
from indexes.text.embeddings_models import Cascade
from indexes.text.embeddings_vectors import Codes, VectorWriter
from indexes.text.fingerprint import fingerprint, is_short, short_fingerprint
from indexes.text.gramtable import build_table
from indexes.text.layout import LayoutWriter
from indexes.text.normalize import Tokens, tokenize

Arrays = dict[str, NDArray[np.generic]]
T = TypeVar("T", bound=np.generic)

TEXT_BLOCK: Final = 1 << 18
"""Bytes of text compressed together."""
LEVEL: Final = 3
WORKS: Final = "works.jsonl"
TEXTS: Final = "texts.zst"


@dataclass(frozen=True, slots=True)
class Built:
    """What a segment is made of: arrays by name, the contents of its other files by name, facts for its manifest."""

    arrays: Arrays
    files: dict[str, bytes]
    facts: dict[str, Any] = field(default_factory=dict)


class SegmentBuilder:
    """Takes works one by one; `size` counts the bytes of text taken so far, `tokens` their tokens.

    With `keep_texts` the texts are kept, compressed. With `every_gram` each work is indexed as short works are. With
    `vectors` the passages get vectors.
    """

    def __init__(
        self, *, keep_texts: bool = True, every_gram: bool = False, vectors: VectorWriter | None = None
    ) -> None:
        self.size = 0
        self._every_gram = every_gram
        self._works = Lines()
        self._texts = Blocks() if keep_texts else None
        self._vectors = vectors or VectorWriter(())
        self._layout = LayoutWriter()
        self._hashes: list[NDArray[np.uint32]] = []
        self._units: list[NDArray[np.uint8]] = []
        self._edges = [0]
        self._shorts: list[int] = []
        self._main = Postings()
        self._short = Postings()

    def __len__(self) -> int:
        return len(self._shorts)

    @property
    def tokens(self) -> int:
        """Tokens of all works taken so far."""
        return self._edges[-1]

    def add(self, work: Work, text: str) -> Work:
        """Add a work; returns it with its words, characters and digest filled in."""
        tokens = tokenize(text)
        raw = text.encode("utf-8", "surrogatepass")
        work = replace(work, words=tokens.words, chars=len(text), digest=work.digest or digest(text))
        self._vectors.add(text, tokens)
        self._put(work, tokens, raw)
        return work

    def put(self, work: Work, tokens: Tokens, raw: bytes, vectors: Sequence[Codes] = ()) -> None:
        """Add a work that is read already; `raw` is its text in UTF-8, not looked at unless texts are kept.

        `vectors` has those of its passages, one array for each model that this segment is to have.
        """
        self._vectors.put(vectors)
        self._put(work, tokens, raw)

    def _put(self, work: Work, tokens: Tokens, raw: bytes) -> None:
        first = self._edges[-1]
        short = self._every_gram or is_short(tokens)
        grams, places = short_fingerprint(tokens) if short else fingerprint(tokens)
        (self._short if short else self._main).add(grams, places + first)
        self._shorts.append(min(255, int(tokens.units.sum(dtype=np.int64))) if short else 0)
        self._layout.add(tokens)
        self._hashes.append(tokens.hashes)
        self._units.append(tokens.units)
        self._edges.append(first + len(tokens))
        self._works.add(encode_work(work))
        if self._texts is not None:
            self._texts.add(raw)
        self.size += len(raw)

    def finish(self) -> Built:
        """The arrays and files of the segment; to be called once, it lets go of what it has put together."""
        tokens, units = joined(self._hashes, np.uint32), joined(self._units, np.uint8)
        works, work_offsets = self._works.finish()
        arrays: Arrays = {
            "tokens": tokens,
            "unspaced": np.packbits(units == 1, bitorder="little") if (units == 1).any() else np.empty(0, np.uint8),
            "edges": np.array(self._edges, np.int64),
            "shorts": np.array(self._shorts, np.uint8),
            "work_offsets": work_offsets,
            **self._layout.arrays(),
            **prefixed("main_", build_table(*self._main.arrays())),
            **prefixed("short_", build_table(*self._short.arrays())),
        }
        files = {WORKS: works}
        if self._texts is not None:
            files[TEXTS], arrays["text_offsets"], arrays["block_offsets"] = self._texts.finish()
        vectors, facts = self._vectors.finish()
        return Built({**arrays, **vectors}, files, facts)


class Postings:
    """Grams and where they end, collected work by work."""

    def __init__(self) -> None:
        self._grams: list[NDArray[np.uint64]] = []
        self._positions: list[NDArray[np.uint32]] = []

    def add(self, grams: NDArray[np.uint64], positions: NDArray[np.int64]) -> None:
        """Add the grams of the next work."""
        self._grams.append(grams)
        self._positions.append(positions.astype(np.uint32))

    def arrays(self) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """All grams, and the position of each; to be called once."""
        return joined(self._grams, np.uint64), joined(self._positions, np.uint32)


def joined(parts: list[NDArray[T]], dtype: type[T]) -> NDArray[T]:
    """Arrays one after another; the list is empty afterwards, so that they are not held twice."""
    whole = np.concatenate(parts) if parts else np.empty(0, dtype)
    parts.clear()
    return whole


class Lines:
    """Lines of a file, and where each begins."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._offsets = [0]

    def add(self, line: bytes) -> None:
        """Add a line, without its end."""
        self._lines.append(line + b"\n")
        self._offsets.append(self._offsets[-1] + len(line) + 1)

    def finish(self) -> tuple[bytes, NDArray[np.generic]]:
        """The file, and the offsets of its lines, its length last."""
        return b"".join(self._lines), np.array(self._offsets, np.int64)


class Blocks:
    """Texts one after another in UTF-8, compressed block by block."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._rest = bytearray()
        self._blocks: list[bytes] = []
        self._offsets = [0]

    def add(self, raw: bytes) -> None:
        """Add a text."""
        self._offsets.append(self._offsets[-1] + len(raw))
        self._rest += raw
        while len(self._rest) >= TEXT_BLOCK:
            self._blocks.append(self._compressor.compress(bytes(self._rest[:TEXT_BLOCK])))
            del self._rest[:TEXT_BLOCK]

    def finish(self) -> tuple[bytes, NDArray[np.generic], NDArray[np.generic]]:
        """The file, the byte offset of each text before compression, and the offset of each block in the file."""
        if self._rest:
            self._blocks.append(self._compressor.compress(bytes(self._rest)))
        sizes = np.cumsum([0, *(len(block) for block in self._blocks)], dtype=np.int64)
        return b"".join(self._blocks), np.array(self._offsets, np.int64), sizes


def build(
    works: Iterable[tuple[Work, str]],
    *,
    keep_texts: bool = True,
    every_gram: bool = False,
    cascade: Cascade | None = None,
) -> Built:
    """One segment's arrays and files of these works; with `cascade` their passages have vectors."""
    builder = SegmentBuilder(keep_texts=keep_texts, every_gram=every_gram, vectors=VectorWriter.by(cascade))
    for work, text in works:
        builder.add(work, text)
    return builder.finish()


def digest(text: str) -> str:
    """The SHA-256 of a text, as it names a work's content."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def encode_work(work: Work) -> bytes:
    """A work as one line of JSON, without what has its default."""
    said: dict[str, Any] = {}
    for each in fields(work):
        value = getattr(work, each.name)
        if value != each.default:
            said[each.name] = value
    return msgspec.json.encode(said)


def prefixed(prefix: str, arrays: Arrays) -> Arrays:
    """Arrays under longer names."""
    return {prefix + name: array for name, array in arrays.items()}
