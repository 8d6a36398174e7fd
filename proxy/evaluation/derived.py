"""The judge of derivation behind the seams of `model`: of pairs, and of places told in other words."""

from collections.abc import Sequence
from functools import lru_cache

from indexes.model import Match, Work
from indexes.text.derivation import Judge
from indexes.text.derivation_candidates import WordCandidates
from indexes.text.derivation_features import Passage, compare
from indexes.text.derivation_idf import Counted
from indexes.text.derivation_matches import semantic_matches
from indexes.text.index import SegmentIndex
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment
from proxy.evaluation.baselines import READ


class Derivation:
    """How likely it is that an output was made from a source; the sources of the set are the index at hand."""

    name = "semantic"

    def __init__(self, sources: Sequence[str]) -> None:
        self._judge = Judge.beside(Counted.of(tokenize(source).hashes for source in sources))
        self._passage = lru_cache(READ)(self._read)

    def score(self, output: str, source: str) -> float:
        """A probability."""
        return self._judge.model.probability(compare(self._passage(output), self._passage(source)))

    def _read(self, text: str) -> Passage:
        return Passage.of(text, self._judge.idf)


class Everything:
    """An index with all that it has, and the judge of derivation, with BM25 to nominate."""

    name = "with semantic"

    def __init__(self, works: Sequence[tuple[Work, str]], index: SegmentIndex) -> None:
        self._index = index
        self._candidates = WordCandidates([TextSegment.from_texts(works)])
        self._judge = Judge.beside(self._candidates.counted)

    def matches(self, text: str) -> tuple[Match, ...]:
        """Every copied place, in the work's words or in others."""
        known = self._index.scan(text)
        return known + semantic_matches(text, "content", self._candidates, self._judge, known=known)
