"""Signatures that `datasketch` made or reads: looked up here, or handed over.

Two signatures can be compared if they come of the same shingles, hash, scheme and seed. Whoever has `datasketch` make
them of `shingles(text)` with `hashfunc=shingle_hash` gets, bit for bit, those of `signature(text)`.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from indexes.errors import UsageError
from indexes.text.minhash import (
    EMPTY,
    PERMUTATIONS,
    SEED,
    SHINGLE,
    Family,
    Signatures,
    jaccard,
    low,
    permuter,
    shingle_hash,
    shingle_hashes,
    signatures,
)
from indexes.text.minhash_passages import BANDS, ROWS
from indexes.text.minhash_table import Bands
from indexes.text.normalize import tokenize

__all__ = ["Stored", "read", "shingle_hash", "shingles", "signature", "write"]

BYTES: Final = "<"
"""Byte order of what is read and written."""
WANTING: Final = "`datasketch` is not installed; run `pip install 'fairgate[minhash]'`"


class Sketch(Protocol):
    """A `datasketch.MinHash` or `LeanMinHash`."""

    seed: int
    scheme: str
    hashvalues: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Alike:
    """A stored signature that is alike the one looked up, by the key it is stored under."""

    key: str
    jaccard: float


def shingles(text: str) -> list[bytes]:
    """The shingles of a text, each as the bytes that `shingle_hash` reads: what `update_batch` is to be given."""
    raw = tokenize(text).hashes.astype("<u4").tobytes()
    return [raw[at : at + 4 * SHINGLE] for at in range(0, len(raw) - 4 * SHINGLE + 1, 4)]


def signature(text: str, family: Family = "affine32", seed: int = SEED) -> Signatures:
    """The signature of all shingles of a text, 128 values; that of an empty set if it has none."""
    hashes = shingle_hashes(tokenize(text).hashes)
    return signatures(hashes[None], permuter(family, seed))[0] if len(hashes) else np.full(PERMUTATIONS, EMPTY)


def write(signed: Signatures, family: Family = "affine32", seed: int = SEED) -> bytes:
    """A signature as `datasketch.LeanMinHash.deserialize(..., byteorder="<")` reads it."""
    lean = library().LeanMinHash(seed=seed, hashvalues=signed, scheme=scheme_of(family))
    content = bytearray(lean.bytesize(BYTES))
    lean.serialize(content, BYTES)
    return bytes(content)


def read(content: bytes) -> Sketch:
    """A signature as `datasketch.LeanMinHash.serialize(..., byteorder="<")` wrote it; UsageError if it is none."""
    try:
        found: Sketch = library().LeanMinHash.deserialize(content, BYTES)
        if not len(found.hashvalues):
            raise ValueError("it holds no values")  # noqa: TRY301 (said like the faults that `datasketch` finds)
    except (ValueError, struct.error) as error:
        raise UsageError(f"this is no signature as `datasketch` stores it: {error}; serialize with `<`") from error
    return found


class Stored:
    """Signatures that `datasketch` made, by key, in a table of their own; all of one scheme and seed."""

    def __init__(self, sketches: Mapping[str, Sketch], bands: int = BANDS, rows: int = ROWS) -> None:
        self._keys = list(sketches)
        self._kind = kinds(list(sketches.values()))
        rows_of = [np.asarray(each.hashvalues).astype(np.uint32) for each in sketches.values()]
        self._table = Bands.build(low(np.stack(rows_of)), bands, rows)

    def lookup(self, sketch: Sketch, least: float = 0.5) -> list[Alike]:
        """The stored signatures that are estimated to be alike at least so much, most alike first."""
        if kinds([sketch]) != self._kind:
            raise UsageError(f"the signature is of {kinds([sketch])}, those stored are of {self._kind}; make it anew")
        asked = low(np.asarray(sketch.hashvalues).astype(np.uint32)[None])
        query, number = self._table.candidates(asked)
        alike = jaccard(self._table.alike(asked, query, number)).tolist()
        found = [Alike(self._keys[at], how) for at, how in zip(number.tolist(), alike, strict=True) if how >= least]
        return sorted(found, key=lambda each: -each.jaccard)


def kinds(sketches: Sequence[Sketch]) -> tuple[str, int]:
    """Scheme and seed of some signatures; raises UsageError if they differ, or are not of 128 values of 32 bits."""
    said = {(each.scheme, each.seed) for each in sketches}
    if len(said) != 1:
        raise UsageError(f"signatures of {len(said)} schemes and seeds cannot be compared; give those of one")
    if {len(each.hashvalues) for each in sketches} != {PERMUTATIONS}:
        raise UsageError(f"signatures of {PERMUTATIONS} values are compared; make them with `num_perm={PERMUTATIONS}`")
    ((scheme, seed),) = said
    if scheme not in ("affine32", "legacy"):
        raise UsageError(f"signatures of scheme `{scheme}` have 64 bits a value; make them with `affine32`")
    return scheme, seed


def scheme_of(family: Family) -> str:
    """The name that `datasketch` has for a family; raises UsageError if it has none."""
    if family == "densified":
        raise UsageError("`densified` signatures are of no scheme that `datasketch` knows; take `affine32`")
    return family


def library() -> Any:
    """`datasketch`, which takes half a second to import; raises UsageError if it is not there."""
    try:
        import datasketch
    except ImportError as error:
        raise UsageError(WANTING) from error
    return datasketch
