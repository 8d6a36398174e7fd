"""One segment of works of text, read where it lies: tokens, where they stand, grams, works, kept texts."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from indexes.errors import IndexUnavailableError
from indexes.model import Work
from indexes.segment import REBUILD, Facts, open_segment
from indexes.text.build import TEXT_BLOCK, TEXTS, WORKS, Arrays, Built, build
from indexes.text.embeddings_models import Cascade
from indexes.text.embeddings_vectors import FACTS, Codes, Models, Vectors, first_passages, read_vectors
from indexes.text.gramtable import GramTable
from indexes.text.layout import STRIDE, Layout
from indexes.text.minhash_passages import Passages
from indexes.text.normalize import Tokens

NOBODY: Final[frozenset[int]] = frozenset()
NOWHERE: Final[Mapping[str, int]] = MappingProxyType({})


class TextSegment:
    """Works of text and their grams, immutable. A position counts the tokens of all works, one after another.

    One made with signatures has these in `passages`, and neither tokens nor grams nor texts.

    `array` holds the token hashes (uint32), `tokens` the same for single looks. `main` has the winnowed grams of
    works that are not short, `short_grams` every gram of three tokens of those that are. Both may name places that
    hold another gram of the same table key: compare tokens before believing. Works in `removed` are still in both.
    `vectors` has those of the passages, the finder's and then the judge's; it is empty where none were made, else
    `first_passages` numbers each work's first passage. `sizes` has the bytes of each file, if it lies on disk; once
    open, it is whole even when they are deleted.
    """

    __slots__ = (
        "_edges",
        "_layout",
        "_shorts",
        "_texts",
        "_unspaced",
        "array",
        "edges",
        "first_passages",
        "main",
        "name",
        "passages",
        "removed",
        "short_grams",
        "short_units",
        "sizes",
        "tokens",
        "vectors",
        "works",
    )

    def __init__(
        self,
        arrays: Arrays,
        files: Mapping[str, bytes | memoryview],
        name: str,
        removed: frozenset[int] = NOBODY,
        *,
        sizes: Mapping[str, int] = NOWHERE,
        embeddings: Sequence[Facts] = (),
    ) -> None:
        self.name = name
        self.sizes = sizes
        self.removed = removed
        self.array: NDArray[np.uint32] = arrays["tokens"].astype(np.uint32, copy=False)
        self.tokens = self.array.data
        self.edges: NDArray[np.int64] = arrays["edges"].astype(np.int64, copy=False)
        self.short_units: NDArray[np.uint8] = arrays["shorts"].astype(np.uint8, copy=False)
        self.works = Works(arrays["work_offsets"].data, files[WORKS])
        self.main = GramTable(table(arrays, "main_"))
        self.short_grams = GramTable(table(arrays, "short_"))
        self._edges = self.edges.data
        self._shorts = self.short_units.data
        self._layout = Layout(arrays)
        self._unspaced = arrays["unspaced"].data
        self._texts = Texts(arrays, files[TEXTS]) if TEXTS in files else None
        self.passages = Passages.read(arrays)
        self.first_passages: NDArray[np.int64] = first_passages(self.edges) if embeddings else np.empty(0, np.int64)
        self.vectors: tuple[Vectors, ...] = read_vectors(arrays, embeddings, self.first_passages)

    @classmethod
    def built(cls, built: Built, name: str = "memory") -> "TextSegment":
        """A segment in memory, as it was built."""
        return cls(built.arrays, built.files, name, embeddings=built.facts.get(FACTS, ()))

    @classmethod
    def from_texts(
        cls, works: Iterable[tuple[Work, str]], *, every_gram: bool = False, cascade: Cascade | None = None
    ) -> "TextSegment":
        """A segment in memory of these works and their texts; with `cascade` their passages have vectors."""
        return cls.built(build(works, every_gram=every_gram, cascade=cascade))

    @classmethod
    def open(cls, directory: Path, name: str, removed: frozenset[int] = NOBODY, *, check: bool = True) -> "TextSegment":
        """A segment on disk, mapped; raises IndexUnavailableError if it is missing or not whole.

        With `check` every file but the kept texts is compared with its checksum.
        """
        segment = open_segment(directory, name, unread=(TEXTS,) if check else None)
        try:
            said = segment.facts["parameters"].get(FACTS, ())
            return cls(segment.arrays, segment.files, segment.name, removed, sizes=segment.sizes, embeddings=said)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise IndexUnavailableError(f"index segment `{directory / name}` is damaged; {REBUILD}") from error

    def without(self, removed: frozenset[int]) -> "TextSegment":
        """The same segment, with these works removed."""
        if removed == self.removed:
            return self
        other = copy(self)
        other.removed = removed
        return other

    def __len__(self) -> int:
        """Tokens of all works."""
        return len(self.tokens)

    def work_at(self, position: int) -> int:
        """Number of the work that holds a position."""
        return bisect_right(self._edges, position) - 1

    def work_bounds(self, ordinal: int) -> tuple[int, int]:
        """First position of a work, and the one after its last."""
        return self._edges[ordinal], self._edges[ordinal + 1]

    def short(self, ordinal: int) -> bool:
        """Whether a work is short, so that its grams are in `short_grams` and not in `main`."""
        return self._shorts[ordinal] != 0

    def alive(self, ordinal: int) -> bool:
        """Whether a work may match; removed ones may not."""
        return ordinal not in self.removed

    def unit(self, position: int) -> int:
        """Units of a token: 2 for a word, 1 for a character of a script without spaces."""
        return 2 - (self._unspaced[position >> 3] >> (position & 7) & 1) if len(self._unspaced) else 2

    def units(self, first: int, end: int) -> NDArray[np.uint8]:
        """Units of the tokens from `first` up to `end`."""
        if not len(self._unspaced):
            return np.full(end - first, 2, np.uint8)
        packed = np.frombuffer(self._unspaced[first >> 3 : (end + 7) >> 3], np.uint8)
        return 2 - np.unpackbits(packed, bitorder="little")[first & 7 :][: end - first]

    def char_span(self, first: int, end: int) -> tuple[int, int]:
        """Start of token `first` and end of token `end - 1`, of one work, in code points of its text."""
        begin = self._edges[self.work_at(first)]
        before = self._layout.end_before(first, begin)
        start = before + self._layout.shape(first)[0]
        if end - first <= STRIDE:
            return start, before + self._layout.length(first, end)
        return start, self._layout.end_before(end - 1, begin) + self.step(end - 1)

    def char_start(self, position: int) -> int:
        """Where a token starts, in code points of its work's text."""
        first = self._edges[self.work_at(position)]
        return self._layout.end_before(position, first) + self._layout.shape(position)[0]

    def char_end(self, position: int) -> int:
        """Where a token ends, in code points of its work's text."""
        first = self._edges[self.work_at(position)]
        return self._layout.end_before(position, first) + self.step(position)

    def step(self, position: int) -> int:
        """Code points from the end of the token before (or the beginning of the text) to the end of this one."""
        return sum(self._layout.shape(position))

    def read(self, ordinal: int) -> Tokens:
        """The tokens of a work, as they were when its text was read."""
        first, end = self.work_bounds(ordinal)
        starts, ends = self._layout.spans(first, end)
        return Tokens(self.array[first:end], starts, ends, self.units(first, end))

    @property
    def models(self) -> Models:
        """The models that its passages have vectors of, the finder first; empty where there are none."""
        return tuple(each.model for each in self.vectors)

    def vectors_of(self, ordinal: int) -> list[Codes]:
        """The vectors of a work's passages, one array for each model."""
        first, end = self.first_passages[ordinal : ordinal + 2] if self.vectors else (0, 0)
        return [each.codes[first:end] for each in self.vectors]

    @property
    def keeps_texts(self) -> bool:
        """Whether the texts of the works are kept beside their fingerprints."""
        return self._texts is not None

    def text(self, ordinal: int) -> str | None:
        """The text of a work; None where only fingerprints are kept."""
        return self._texts.read(ordinal).decode("utf-8", "surrogatepass") if self._texts else None

    def raw_text(self, ordinal: int) -> bytes:
        """The text of a work in UTF-8, its lone surrogates too; empty where only fingerprints are kept."""
        return self._texts.read(ordinal) if self._texts else b""


def table(arrays: Arrays, prefix: str) -> dict[str, NDArray[np.generic]]:
    """The arrays of one gram table."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


class Works:
    """The works of a segment, each read when it is first asked for."""

    def __init__(self, offsets: memoryview, lines: bytes | memoryview) -> None:
        self._offsets = offsets
        self._lines = lines
        self._known: dict[int, Work] = {}

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> Work:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index not in self._known:
            self._known[index] = self._read(index)
        return self._known[index]

    def __iter__(self) -> Iterator[Work]:
        return (self._known.get(index) or self._read(index) for index in range(len(self)))

    def _read(self, index: int) -> Work:
        line = self._lines[self._offsets[index] : self._offsets[index + 1]]
        try:
            return msgspec.json.decode(line, type=Work)
        except msgspec.DecodeError as error:
            raise IndexUnavailableError(f"a work of the index cannot be read; {REBUILD}") from error


class Texts:
    """The kept texts of a segment."""

    def __init__(self, arrays: Arrays, blocks: bytes | memoryview) -> None:
        self._texts = arrays["text_offsets"].data
        self._offsets = arrays["block_offsets"].data
        self._blocks = blocks

    def read(self, ordinal: int) -> bytes:
        """One text in UTF-8, decompressed."""
        start, end = self._texts[ordinal], self._texts[ordinal + 1]
        first = start // TEXT_BLOCK
        last = (max(start, end - 1)) // TEXT_BLOCK
        expand = zstandard.ZstdDecompressor().decompress
        try:
            blocks = [
                expand(self._blocks[self._offsets[block] : self._offsets[block + 1]])
                for block in range(first, last + 1 if end > start else first)
            ]
        except zstandard.ZstdError as error:
            raise IndexUnavailableError(f"a kept text of the index is damaged; {REBUILD}") from error
        return b"".join(blocks)[start - first * TEXT_BLOCK :][: end - start]
