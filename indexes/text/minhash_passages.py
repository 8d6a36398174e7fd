"""The signatures of the passages of a segment's works, read where they lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text.minhash import (
    FAMILIES,
    PASSAGE,
    PERMUTATIONS,
    SHINGLE,
    STRIDE,
    Family,
    Hashes,
    Low,
    Permuter,
    Signatures,
    low,
    sign,
)
from indexes.text.minhash_table import Bands
from indexes.text.normalize import Tokens

PREFIX: Final = "minhash_"
VERSION: Final = 1
BANDS: Final = 25
ROWS: Final = 5
"""What `bands_for` says of a similarity of 0.5."""
TOKENS: Final = PASSAGE + SHINGLE - 1
"""Tokens of a passage at most."""
NAMES: Final = ("form", "ids", "starts", "signatures", "edges", "spans", "works", "tokens")
Arrays = Mapping[str, NDArray[np.generic]]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of one work: its passages' signatures, the code points each reaches over, the whole, its tokens."""

    passages: Low
    spans: NDArray[np.uint32]
    whole: Signatures
    tokens: int


@dataclass(frozen=True, slots=True)
class Passages:
    """The passages of all works of a segment. Passages count through the works; `edges` says where each work's begin.

    `spans` has start and end of each in code points of its work's text, `whole` the signature of each work, `tokens`
    how many it has. One passage begins `STRIDE` tokens after the one before, and has `TOKENS` unless the work ends.
    """

    family: Family
    bands: Bands
    edges: Integers
    spans: NDArray[np.uint32]
    whole: Signatures
    tokens: NDArray[np.uint32]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.bands.low)

    @classmethod
    def of(cls, works: list[Held], family: Family) -> "Passages":
        """The passages of these works, in their order."""
        rows = np.concatenate([np.empty((0, PERMUTATIONS), np.uint8), *(work.passages for work in works)])
        return cls(
            family=family,
            bands=Bands.build(rows, BANDS, ROWS),
            edges=np.cumsum([0, *(len(work.passages) for work in works)], dtype=np.int64),
            spans=np.concatenate([np.empty((0, 2), np.uint32), *(work.spans for work in works)]),
            whole=np.stack([work.whole for work in works]) if works else np.empty((0, PERMUTATIONS), np.uint32),
            tokens=np.array([work.tokens for work in works], np.uint32),
        )

    @classmethod
    def read(cls, arrays: Arrays) -> "Passages | None":
        """The passages that a segment holds; None where it holds none. Raises ValueError if their form is not known."""
        if PREFIX + "form" not in arrays:
            return None
        said, ids, starts, rows, edges, spans, whole, tokens = (arrays[PREFIX + name] for name in NAMES)
        version, family, count, height = said.tolist()
        if version != VERSION:
            raise ValueError(version)
        return cls(
            family=FAMILIES[family],
            bands=Bands(
                rows.astype(np.uint8, copy=False).reshape(-1, PERMUTATIONS),
                height,
                ids.astype(np.uint32, copy=False).reshape(count, -1),
                starts.astype(np.uint32, copy=False).reshape(count, -1),
            ),
            edges=edges.astype(np.int64, copy=False),
            spans=spans.astype(np.uint32, copy=False).reshape(-1, 2),
            whole=whole.astype(np.uint32, copy=False).reshape(-1, PERMUTATIONS),
            tokens=tokens.astype(np.uint32, copy=False),
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What `read` reads."""
        form = [VERSION, FAMILIES.index(self.family), len(self.bands.ids), self.bands.rows]
        kept: tuple[NDArray[np.generic], ...] = (
            np.array(form, np.int64),
            self.bands.ids,
            self.bands.starts,
            self.bands.low,
            self.edges,
            self.spans,
            self.whole,
            self.tokens,
        )
        return {PREFIX + name: each.ravel() for name, each in zip(NAMES, kept, strict=True)}

    def held(self, ordinal: int) -> Held:
        """What is kept of one work."""
        rows = slice(*self.edges[ordinal : ordinal + 2].tolist())
        return Held(self.bands.low[rows], self.spans[rows], self.whole[ordinal], int(self.tokens[ordinal]))

    def works_of(self, passages: Integers) -> Integers:
        """Numbers of the works that hold these passages."""
        return np.searchsorted(self.edges, passages, "right") - 1

    def reach(self, passage: int, ordinal: int) -> tuple[int, int]:
        """First token of a passage of a work, and the one after its last."""
        first = (passage - int(self.edges[ordinal])) * STRIDE
        return first, min(first + TOKENS, int(self.tokens[ordinal]))


@dataclass(frozen=True, slots=True)
class Fresh:
    """A work still to be signed: the hashes of its shingles, the code points its passages reach over, its tokens."""

    hashes: Hashes
    spans: NDArray[np.uint32]
    tokens: int


def signed(works: list[Fresh], using: Permuter) -> list[Held]:
    """What is kept of some works; quicker for many at once."""
    found = sign([work.hashes for work in works], using)
    rows = low(found.passages)
    return [
        Held(rows[found.edges[number] : found.edges[number + 1]], work.spans, found.works[number], work.tokens)
        for number, work in enumerate(works)
    ]


def reach_of(tokens: Tokens) -> NDArray[np.uint32]:
    """Start and end, in code points, of each passage of a text."""
    shingles = len(tokens) - SHINGLE + 1
    if shingles < 1:
        return np.empty((0, 2), np.uint32)
    firsts = np.arange(max(1, -(-shingles // STRIDE) - 1)) * STRIDE
    lasts = np.minimum(firsts + TOKENS, len(tokens)) - 1
    return np.stack((tokens.starts[firsts], tokens.ends[lasts]), axis=1).astype(np.uint32)
