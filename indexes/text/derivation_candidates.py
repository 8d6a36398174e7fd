"""Who may be the source of a passage: nominated by BM25 over passages, or by whatever else keeps to `Candidates`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from indexes.model import Span, Work
from indexes.text.derivation_idf import FREQUENT, Counted, Hashes
from indexes.text.embeddings_passages import passages
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment

ASKED: Final = 64
"""Words of a window that BM25 looks up: its rarest."""


class Nominee(Protocol):
    """A passage of a work that a window may derive from."""

    @property
    def segment(self) -> TextSegment:
        """Where the work lies."""

    @property
    def ordinal(self) -> int:
        """The number of the work in that segment."""

    @property
    def tokens(self) -> Span:
        """The passage, in token numbers of the work."""

    @property
    def cosine(self) -> float | None:
        """The cosine of the embeddings of window and passage, where there are any."""


class Candidates(Protocol):
    """A source of nominees; immutable, to be asked from any thread."""

    def find(self, texts: Sequence[str], top: int = 10) -> Sequence[Sequence[Nominee]]:
        """For each text at most `top` passages, best first; none where nothing is near."""

    def known_to(self, knows: Callable[[Work], bool]) -> "Candidates":
        """The same without the works that are private to some and that `knows` says no to."""


@dataclass(frozen=True, slots=True)
class Together:
    """Several sources, each asked for its best; a passage that more than one names is named once, as the first did."""

    sources: tuple[Candidates, ...]

    def find(self, texts: Sequence[str], top: int = 10) -> list[list[Nominee]]:
        """For each text at most `top` passages of each source."""
        named = [source.find(texts, top) for source in self.sources]
        return [_once(nominee for each in named for nominee in each[number]) for number in range(len(texts))]

    def known_to(self, knows: Callable[[Work], bool]) -> "Together":
        """The same without the works that are private to some and that `knows` says no to."""
        return Together(tuple(source.known_to(knows) for source in self.sources))


@dataclass(frozen=True, slots=True)
class Passing:
    """A nominee that was found by its words."""

    segment: TextSegment
    ordinal: int
    tokens: Span
    cosine: float | None = None


class WordCandidates:
    """BM25 over the passages of some segments, held in memory.

    Frequent words are left out. Building takes about 0.13 ms and 4 KB a passage.
    """

    def __init__(self, segments: Sequence[TextSegment]) -> None:
        from bm25s import BM25

        self._places = list(places(segments))
        contents = [content(each) for each in self._places]
        self.counted = Counted.of(contents)
        self._hidden = np.zeros(len(self._places), np.bool_)
        self._words = BM25()
        if len(self.counted.words):
            rows = [np.searchsorted(self.counted.words, row).tolist() for row in contents]
            vocabulary = {str(number): number for number in range(len(self.counted.words))}
            self._words.index((rows, vocabulary), show_progress=False)

    def __len__(self) -> int:
        return len(self._places)

    def known_to(self, knows: Callable[[Work], bool]) -> "WordCandidates":
        """The same without the works that are private to some and that `knows` says no to."""
        hidden = [bool(work.private_to) and not knows(work) for work in map(work_of, self._places)]
        if not any(hidden):
            return self
        other = copy(self)
        other._hidden = np.array(hidden, np.bool_)
        return other

    def find(self, texts: Sequence[str], top: int = 10) -> list[list[Passing]]:
        """For each text at most `top` passages that share words with it, best first."""
        return [self._near(tokenize(text).hashes, top) for text in texts]

    def _near(self, hashes: Hashes, top: int) -> list[Passing]:
        asked = self._asked(hashes)
        if not len(asked):
            return []
        scores = self._words.get_scores_from_ids(asked.tolist())
        scores[self._hidden] = 0
        top = min(top, len(scores))
        best = np.argpartition(-scores, top - 1)[:top]
        best = best[np.argsort(-scores[best], kind="stable")]
        return [self._places[place] for place in best.tolist() if scores[place] > 0]

    def _asked(self, hashes: Hashes) -> NDArray[np.int64]:
        """The rarest distinct words of a window that stand in some passage, as BM25 numbers them."""
        kinds = np.unique(hashes[hashes & FREQUENT == 0])
        found = self.counted(kinds)
        kinds, found = kinds[found > 0], found[found > 0]
        rarest = np.argsort(found, kind="stable")[:ASKED]
        return np.searchsorted(self.counted.words, kinds[rarest])


def _once(nominees: Iterable[Nominee]) -> list[Nominee]:
    found: dict[tuple[str, int, Span], Nominee] = {}
    for each in nominees:
        found.setdefault((each.segment.name, each.ordinal, each.tokens), each)
    return list(found.values())


def places(segments: Sequence[TextSegment]) -> Iterator[Passing]:
    """Every passage of every work that is not removed."""
    for segment in segments:
        for ordinal in range(len(segment.works)):
            if segment.alive(ordinal):
                first, end = segment.work_bounds(ordinal)
                yield from (Passing(segment, ordinal, span) for span in passages(end - first))


def hashes_of(nominee: Nominee) -> Hashes:
    """The token hashes of a passage, in order."""
    first = nominee.segment.work_bounds(nominee.ordinal)[0]
    found: Hashes = nominee.segment.array[first + nominee.tokens.start : first + nominee.tokens.end]
    return found


def content(nominee: Nominee) -> Hashes:
    """Those of its words that are not on the frequent-word list."""
    hashes = hashes_of(nominee)
    found: Hashes = hashes[hashes & FREQUENT == 0]
    return found


def work_of(nominee: Nominee) -> Work:
    """The work that a passage is of."""
    return nominee.segment.works[nominee.ordinal]
