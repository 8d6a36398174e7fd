"""Grams of tokens, and which of them an index keeps (winnowing: Schleimer, Wilkerson, Aiken 2003).

A gram is named by the number of its last token. Its hash is the polynomial of its token hashes in `MULTIPLIER` modulo
2**64 with the last token as the constant term: `gram(n) = gram(n-1) * M + hash(n) - hash(n-k) * M**k`.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.text.normalize import Tokens, tokenize
from indexes.text.tables import DATA

K: Final = 5
"""Tokens of a gram that ends with a word."""
K_UNSPACED: Final = 10
"""Tokens of a gram that ends with a character of a script without spaces."""
W: Final = 4
"""Of so many grams in a row the index keeps at least one."""
T: Final = K + W - 1
"""Any copy of so many words is found."""
SHORT_K: Final = 3
"""Tokens of a gram of a short work."""
SHORT_UNITS: Final = 4 * T
"""A work of fewer units (two a word) is short: the index keeps every gram of three tokens of it."""
MULTIPLIER: Final = 0x9E3779B97F4A7C15
MASK: Final = (1 << 64) - 1
NEGATIVE_VERSION: Final = 1
"""Version of the shipped list of common expressions."""

LAST: Final = np.uint64(MASK)


def is_frequent(token: int) -> bool:
    """Whether a token hash is that of a frequent word."""
    return bool(token & 1)


def gram_hashes(hashes: NDArray[np.uint32], size: int) -> NDArray[np.uint64]:
    """The hash of the gram of `size` tokens that ends at each token; zero where too few tokens stand before it."""
    found = np.zeros(len(hashes), np.uint64)
    if len(hashes) < size:
        return found
    wide = hashes.astype(np.uint64)
    count = len(hashes) - size + 1
    sums = found[size - 1 :]
    sums += wide[:count]
    for step in range(1, size):
        sums *= np.uint64(MULTIPLIER)
        sums += wide[step : step + count]
    return found


def frequent_grams(hashes: NDArray[np.uint32], size: int) -> NDArray[np.bool_]:
    """Whether the gram of `size` tokens that ends at each token is made of frequent words alone."""
    rare = np.concatenate((np.zeros(1, np.int64), np.cumsum(~hashes & 1, dtype=np.int64)))
    found = np.zeros(len(hashes), np.bool_)
    if len(hashes) >= size:
        found[size - 1 :] = rare[size:] == rare[:-size]
    return found


def grams(hashes: NDArray[np.uint32], units: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The gram that ends at each token, 5 tokens or 10 by the kind of its last, and whether there is one."""
    found = gram_hashes(hashes, K)
    valid = np.arange(len(hashes)) >= K - 1
    unspaced = units == 1
    if unspaced.any():
        found = np.where(unspaced, gram_hashes(hashes, K_UNSPACED), found)
        valid &= ~unspaced | (np.arange(len(hashes)) >= K_UNSPACED - 1)
    return found, valid


def common_grams(hashes: NDArray[np.uint32], units: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the gram that ends at each token, as `grams` makes them, is made of frequent words alone."""
    found = frequent_grams(hashes, K)
    unspaced = units == 1
    if unspaced.any():
        found = np.where(unspaced, frequent_grams(hashes, K_UNSPACED), found)
    return found


def winnow(found: NDArray[np.uint64], valid: NDArray[np.bool_], common: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which grams the index keeps: of every four in a row, all valid, the least; of equal ones the rightmost.

    Grams of frequent words alone (`common`) come after all others, then the hash decides. A text that has grams but
    never four in a row keeps all it has.
    """
    chosen = np.zeros(len(found), np.bool_)
    order = (found >> np.uint64(1)) | (common.astype(np.uint64) << np.uint64(63))
    order[~valid] = LAST
    windows = len(found) - W + 1
    whole = valid[: max(windows, 0)].copy()
    for step in range(1, W):
        whole &= valid[step : step + max(windows, 0)]
    if not whole.any():
        return valid.copy()
    least = order[:windows].copy()
    for step in range(1, W):
        np.minimum(least, order[step : step + windows], out=least)
    for step in range(W - 1, -1, -1):
        hit = whole & (order[step : step + windows] == least)
        chosen[step : step + windows] |= hit
        whole &= ~hit
    return chosen


def short_grams(hashes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The gram of three tokens that ends at each token; zero for the first two."""
    return gram_hashes(hashes, SHORT_K)


def fingerprint(tokens: Tokens) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The grams that the index keeps of a work that is not short, and the numbers of their last tokens."""
    found, valid = grams(tokens.hashes, tokens.units)
    kept = np.flatnonzero(winnow(found, valid, common_grams(tokens.hashes, tokens.units)))
    return found[kept], kept


def short_fingerprint(tokens: Tokens) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Every gram of three tokens, and the numbers of their last tokens: what the index keeps of a short work."""
    found = short_grams(tokens.hashes)[SHORT_K - 1 :]
    return found, np.arange(len(found)) + SHORT_K - 1


def is_short(tokens: Tokens) -> bool:
    """Whether a work of these tokens is short."""
    return int(tokens.units.sum(dtype=np.int64)) < SHORT_UNITS


@cache
def negative_grams() -> frozenset[int]:
    """The grams of the shipped common expressions, those of a long work and those of a short one.

    Each paragraph of `data/common.txt`, and each text in `data/licences`, is one; read once a process, when first
    asked for.
    """
    lines = (DATA / "common.txt").read_text("utf-8").splitlines()
    texts = "\n".join(line for line in lines if line[:1] != "#").split("\n\n")
    texts += [path.read_text("utf-8") for path in sorted((DATA / "licences").glob("*.txt"))]
    found: set[int] = set()
    for text in texts:
        tokens = tokenize(text)
        long, valid = grams(tokens.hashes, tokens.units)
        found.update(long[valid].tolist(), short_fingerprint(tokens)[0].tolist())
    return frozenset(found)
