"""What is kept of a delivered text so that a copy in it can be found later: grams, where they stand, and a hint of
the words around them. Pure.

The grams are those an index would keep of the text (winnowing: Schleimer, Wilkerson, Aiken 2003), so any copy of
eight words (thirteen characters where words have no spaces between them) has one of them. A gram alone proves five
words. What stands within three tokens on each side of it is therefore kept, too, as a few bits a token: a true copy of
eight always shows there, and five words that are alike by chance mostly do not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from indexes.text.fingerprint import K_UNSPACED, K, fingerprint, grams
from indexes.text.normalize import Tokens, tokenize
from proxy.ledger.record import Sent

FORMAT: Final = 1
REACH: Final = 3
"""Tokens on each side of a gram that are kept as a few bits."""
BUCKET_BITS: Final = 13
REST_BITS: Final = 32
PIECE: Final = 1 << 16
"""Tokens of a piece: a longer text is kept as several, so that a place takes two bytes."""
POSTING: Final = np.dtype([("bucket", "<u2"), ("rest", "<u4"), ("place", "<u2"), ("context", "<u2")])
"""A gram as it is kept: its key in two parts, the number of its last token in its piece, the bits around it."""
_BITS: Final = (3, 3, 2)
_SHIFTS: Final = (0, 3, 6)
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)
_FOLD: Final = np.uint64(33)

Keys = NDArray[np.uint64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Piece:
    """The grams of up to 65,536 tokens of one channel.

    `tokens` counts those of the whole channel, `first` is the number of the piece's first; `postings` are bytes of
    `POSTING`.
    """

    channel: str
    tokens: int
    first: int
    postings: bytes


@dataclass(frozen=True, slots=True)
class Grams:
    """Grams by their last tokens: `keys` of 45 bits, `last` the tokens' numbers, `sizes` in tokens, `context` bits."""

    keys: Keys
    last: Integers
    sizes: Integers
    context: NDArray[np.uint16]


def all_grams(tokens: Tokens) -> Grams:
    """Every gram of a text, as a work that is looked for needs them."""
    found, valid = grams(tokens.hashes, tokens.units)
    last = np.flatnonzero(valid)
    return _grams(tokens, found[last], last)


def kept_grams(tokens: Tokens) -> Grams:
    """The grams that are kept of a text that was delivered."""
    return _grams(tokens, *fingerprint(tokens))


def content(sent: Iterable[Sent]) -> bytes:
    """What is stored of the channels of one choice."""
    return msgspec.msgpack.encode((FORMAT, [piece for each in sent for piece in pieces(each)]))


def pieces(sent: Sent) -> Iterator[Piece]:
    """The grams of one channel; none where it has too few words for a gram."""
    tokens = tokenize(sent.text)
    kept = kept_grams(tokens)
    rows = np.empty(len(kept.keys), POSTING)
    rows["bucket"], rows["rest"] = split(kept.keys)
    rows["place"] = kept.last & (PIECE - 1)
    rows["context"] = kept.context
    edges = np.searchsorted(kept.last, np.arange(0, len(tokens) + PIECE, PIECE))
    for number, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        if end > start:
            yield Piece(sent.channel, len(tokens), number * PIECE, rows[start:end].tobytes())


def read(stored: bytes) -> list[Piece] | None:
    """The pieces that `content` stored; None where they are of a format that this fairgate does not know."""
    try:
        version, found = msgspec.msgpack.decode(stored, type=tuple[int, list[Piece]])
    except msgspec.MsgspecError:
        return None
    return found if version == FORMAT else None


def split(keys: Keys) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]:
    """Keys as bucket and rest."""
    return (keys >> np.uint64(REST_BITS)).astype(np.uint16), keys.astype(np.uint32)


def joined(buckets: NDArray[np.uint16], rests: NDArray[np.uint32]) -> Keys:
    """Bucket and rest as keys."""
    return (buckets.astype(np.uint64) << np.uint64(REST_BITS)) | rests


def alike(context: NDArray[np.uint16]) -> tuple[Integers, Integers]:
    """How many tokens before and after a gram look alike, given the bits in which two contexts differ."""
    return _run(context & np.uint16(0xFF)), _run(context >> np.uint16(8))


def _run(bits: NDArray[np.uint16]) -> Integers:
    found = np.zeros(len(bits), np.int64)
    going = np.ones(len(bits), np.bool_)
    for width, shift in zip(_BITS, _SHIFTS, strict=True):
        going &= (bits >> shift) & ((1 << width) - 1) == 0
        found += going
    return found


def _grams(tokens: Tokens, values: Keys, last: Integers) -> Grams:
    mixed = (values ^ (values >> _FOLD)) * _MIX
    sizes = np.where(tokens.units[last] == 1, K_UNSPACED, K).astype(np.int64)
    before = _context(tokens, last - sizes, -1)
    after = _context(tokens, last + 1, 1)
    return Grams(mixed >> np.uint64(64 - BUCKET_BITS - REST_BITS), last, sizes, before | (after << np.uint16(8)))


def _context(tokens: Tokens, nearest: Integers, way: int) -> NDArray[np.uint16]:
    """A few bits of each of the three tokens from `nearest` on; zeros where the text has none."""
    found = np.zeros(len(nearest), np.uint16)
    for step, (width, shift) in enumerate(zip(_BITS, _SHIFTS, strict=True)):
        at = nearest + way * step
        there = (at >= 0) & (at < len(tokens))
        bits = (tokens.hashes[np.where(there, at, 0)] >> 1) & ((1 << width) - 1)  # bit 0 says only: a frequent word
        found |= np.where(there, bits << shift, 0).astype(np.uint16)
    return found
