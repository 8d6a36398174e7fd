"""Passages in other words, in whole texts: the candidates of an index and their judge, made when first asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from indexes.model import Match, Work
from indexes.text.derivation import Judge
from indexes.text.derivation_candidates import Candidates, Together, WordCandidates
from indexes.text.derivation_matches import semantic_matches
from indexes.text.embeddings import open_candidates
from indexes.text.segment import TextSegment


@dataclass(slots=True)
class _Made:
    """What is made once, for all who share it."""

    lock: Lock = field(default_factory=Lock)
    sources: tuple[Candidates, ...] = ()
    judge: Judge | None = None


@dataclass(frozen=True, slots=True)
class Retelling:
    """Finds what was made from works of some segments; from any thread. `knows` says which works a caller may know.

    The first to ask waits until the words of all passages are counted. Raises IndexUnavailableError where embeddings of
    the index cannot be read.
    """

    segments: tuple[TextSegment, ...]
    knows: Callable[[Work], bool] | None = None
    _made: _Made = field(default_factory=_Made)

    def for_those_who(self, know: Callable[[Work], bool]) -> "Retelling":
        """The same for a caller who knows some private works only."""
        return replace(self, knows=know)

    def matches(self, text: str, channel: str, grounding: Sequence[str], known: Sequence[Match]) -> tuple[Match, ...]:
        """What of a text was made from works in other words, and is not mostly in `known` already."""
        candidates, judge = self._ready()
        return semantic_matches(text, channel, candidates, judge, grounding, known)

    def _ready(self) -> tuple[Candidates, Judge]:
        made = self._made
        with made.lock:
            if made.judge is None:
                words = WordCandidates(self.segments)
                embedded = open_candidates(self.segments)
                made.sources = (words,) if embedded is None else (embedded, words)
                made.judge = Judge.beside(words.counted)
        knows = self.knows
        sources = made.sources if knows is None else tuple(source.known_to(knows) for source in made.sources)
        return Together(sources), made.judge
