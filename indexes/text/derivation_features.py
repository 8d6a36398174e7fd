"""What two passages share, as numbers: the features of the judge of derivation. Pure.

All are of token hashes, so that a source of which only fingerprints are kept is read like any other.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from indexes.text.derivation_idf import FREQUENT, Hashes, Idf, Weights
from indexes.text.normalize import tokenize

MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
RARE: Final = 5.0
"""Weight from which a capitalised word is a rare name: it stands in fewer than one of 150 passages."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage, read once for many comparisons.

    `hashes` are its tokens in order and `words` the same; `kinds` the distinct ones, sorted, with `weights` (tf-idf, a
    vector of length 1) and `rarity` (idf), `mass` the sum of that, `rare` that over rare ones; `pairs` and `grams`
    its distinct 2-grams and 4-grams, sorted; `content` its words that are not on the frequent-word list, with `heft`
    (idf) and `bulk` the sum of that; `names` the places in `kinds` of rare words written with a capital.
    """

    hashes: Hashes
    words: list[int]
    kinds: Hashes
    weights: Weights
    rarity: Weights
    mass: float
    rare: float
    pairs: NDArray[np.uint64]
    grams: NDArray[np.uint64]
    content: list[int]
    heft: Weights
    bulk: float
    names: NDArray[np.int64]

    @classmethod
    def of(cls, text: str, idf: Idf) -> "Passage":
        """Read a text."""
        tokens = tokenize(text)
        return cls.of_tokens(tokens.hashes, idf, capitals(text, tokens.starts))

    @classmethod
    def of_tokens(cls, hashes: Hashes, idf: Idf, capital: NDArray[np.bool_] | None = None) -> "Passage":
        """Read tokens; `capital` says which are written with a capital, where that is known."""
        kinds, counts = np.unique(hashes, return_counts=True)
        rarity = idf(kinds)
        weights = (1 + np.log(counts)) * rarity
        content = hashes[hashes & FREQUENT == 0]
        heft = rarity[np.searchsorted(kinds, content)]
        names = np.empty(0, np.int64)
        if capital is not None:
            names = np.flatnonzero((rarity >= RARE) & (kinds & FREQUENT == 0) & np.isin(kinds, hashes[capital]))
        return cls(
            hashes=hashes,
            words=hashes.tolist(),
            kinds=kinds,
            weights=weights / (np.linalg.norm(weights) or 1.0),
            rarity=rarity,
            mass=float(rarity.sum()),
            rare=float(rarity[rarity >= RARE].sum()),
            pairs=grams(hashes, 2),
            grams=grams(hashes, 4),
            content=content.tolist(),
            heft=heft,
            bulk=float(heft.sum()),
            names=names,
        )


def capitals(text: str, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which tokens of a text, given where they start, are written with a capital."""
    return np.array([text[start].isupper() for start in starts.tolist()], np.bool_)


@dataclass(frozen=True, slots=True)
class Features:
    """What an output passage and a source passage share; shares and cosines are 0 to 1, weights are idf.

    - `cosine`: of their words, by tf-idf; `jaccard`: weight of the words of both over that of the words of either;
      `held`: over that of the words of the lighter; `rare`: the same, of rare words alone.
    - `rouge`: ROUGE-L, F1; `kept`: the longest common subsequence over the shorter.
    - `run`: words of the longest common run; `pairs`, `grams`: share of the shorter's distinct 2-grams, 4-grams.
    - `chain`: weight of the words that are not frequent and that both hold in the same order, over that of all such
      words of the lighter; `chained`: over that of the heavier.
    - `names`: how many rare names of the output stand in the source, and `strange` how many do not.
    - `ratio`: the length of the shorter over that of the longer; `length`: words of the shorter.
    - `embedding`: the cosine of their embeddings, where there are any.
    """

    cosine: float
    jaccard: float
    held: float
    rare: float
    rouge: float
    kept: float
    run: int
    pairs: float
    grams: float
    chain: float
    chained: float
    names: int
    strange: int
    ratio: float
    length: int
    embedding: float | None = None


def compare(output: Passage, source: Passage, embedding: float | None = None) -> Features:
    """The features of two passages."""
    shorter, longer = sorted((len(output.words), len(source.words)))
    common = LCSseq.similarity(output.words, source.words)
    _, here, there = np.intersect1d(output.kinds, source.kinds, assume_unique=True, return_indices=True)
    shared = output.rarity[here]
    held, rare = float(shared.sum()), float(shared[shared >= RARE].sum())
    chained = chain(output, source)
    light, heavy = sorted((output.mass, source.mass))
    thin, thick = sorted((output.bulk, source.bulk))
    names = len(np.intersect1d(here, output.names, assume_unique=True))
    return Features(
        cosine=float(output.weights[here] @ source.weights[there]),
        jaccard=over(held, light + heavy - held),
        held=over(held, light),
        rare=over(rare, min(output.rare, source.rare)),
        rouge=over(2 * common, shorter + longer),
        kept=over(common, shorter),
        run=longest_run(output.hashes, source.hashes),
        pairs=alike(output.pairs, source.pairs),
        grams=alike(output.grams, source.grams),
        chain=over(chained, thin),
        chained=over(chained, thick),
        names=names,
        strange=len(output.names) - names,
        ratio=over(shorter, longer),
        length=shorter,
        embedding=embedding,
    )


def shared(output: Passage, source: Hashes, idf: Idf) -> float:
    """The feature `held` alone, of a passage that is not read yet: quick."""
    kinds = np.unique(source)
    rarity = idf(kinds)
    held = float(rarity[np.isin(kinds, output.kinds, assume_unique=True)].sum())
    return over(held, min(output.mass, float(rarity.sum())))


def over(part: float, whole: float) -> float:
    """A share; 0 of nothing."""
    return min(1.0, part / whole) if whole else 0.0


def alike(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    """The share of the fewer grams that the others hold too."""
    return over(len(np.intersect1d(first, second, assume_unique=True)), min(len(first), len(second)))


def chain(output: Passage, source: Passage) -> float:
    """The weight of the longest common subsequence of words that are not frequent."""
    blocks = LCSseq.opcodes(output.content, source.content)
    return sum(float(output.heft[each.src_start : each.src_end].sum()) for each in blocks if each.tag == "equal")


def longest_run(output: Hashes, source: Hashes) -> int:
    """The words of the longest run that both hold; found by doubling, then halving, the length of equal diagonals."""
    if not len(output) or not len(source):
        return 0
    runs = [output[:, None] == source[None, :]]
    if not runs[0].any():
        return 0
    while (longer := joined(runs[-1], runs[-1], 1 << len(runs) - 1)).any():
        runs.append(longer)
    length = 1 << len(runs) - 1
    best = runs[-1]
    for power in reversed(range(len(runs) - 1)):
        longer = joined(best, runs[power], length)
        if longer.any():
            best, length = longer, length + (1 << power)
    return length


def joined(first: NDArray[np.bool_], second: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Where a run of `length` is followed on its diagonal by one of `second`."""
    rows = min(first.shape[0], second.shape[0] - length)
    columns = min(first.shape[1], second.shape[1] - length)
    if rows <= 0 or columns <= 0:
        return np.zeros((0, 0), np.bool_)
    return first[:rows, :columns] & second[length : length + rows, length : length + columns]


def grams(hashes: Hashes, size: int) -> NDArray[np.uint64]:
    """The distinct grams of so many words, hashed, sorted."""
    if len(hashes) < size:
        return np.empty(0, np.uint64)
    found = np.zeros(len(hashes) - size + 1, np.uint64)
    for place in range(size):
        found = (found + hashes[place : place + len(found)]) * MULTIPLIER
    return np.unique(found ^ found >> np.uint64(32))
