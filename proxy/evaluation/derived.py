"""The judge of derivation behind the seams of `model`: of pairs, and of places told in other words."""

from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean
from typing import Final

from indexes.model import Match
from indexes.text.derivation import Judge
from indexes.text.derivation_candidates import WordCandidates
from indexes.text.derivation_features import Passage, compare
from indexes.text.derivation_idf import Counted
from indexes.text.derivation_matches import semantic_matches
from indexes.text.index import SegmentIndex
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment
from proxy.evaluation.baselines import READ

PIECE: Final = 400
"""Words of a passage that is judged at once."""


class Derivation:
    """How likely it is that an output was made from a source; the sources of the set are the index at hand."""

    name = "semantic"

    def __init__(self, sources: Sequence[str]) -> None:
        self._judge = Judge.beside(Counted.of(tokenize(source).hashes for source in sources))
        self._passage = lru_cache(READ)(self._read)

    def score(self, output: str, source: str) -> float:
        """A probability; of long texts the mean over pieces of the output, each with the best piece of the source."""
        sources = pieces(source)
        return fmean(max(self._alike(ours, theirs) for theirs in sources) for ours in pieces(output))

    def _alike(self, output: str, source: str) -> float:
        return self._judge.model.probability(compare(self._passage(output), self._passage(source)))

    def _read(self, text: str) -> Passage:
        return Passage.of(text, self._judge.idf)


def pieces(text: str) -> list[str]:
    """A text in pieces of 400 words, as the judge compares passages; a shorter one is one piece, as it is."""
    words = text.split()
    if len(words) <= PIECE:
        return [text]
    return [" ".join(words[at : at + PIECE]) for at in range(0, len(words), PIECE)]


class Everything:
    """An index with all that it has, and the judge of derivation, with BM25 to nominate."""

    name = "with semantic"

    def __init__(self, segment: TextSegment, index: SegmentIndex) -> None:
        self._index = index
        self._candidates = WordCandidates([segment])
        self._judge = Judge.beside(self._candidates.counted)

    def matches(self, text: str) -> tuple[Match, ...]:
        """Every copied place, in the work's words or in others."""
        known = self._index.scan(text)
        return known + semantic_matches(text, "content", self._candidates, self._judge, known=known)
