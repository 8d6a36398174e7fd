"""What fairgate has of its own to tell copies with, behind the two small seams of `model`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexes.model import Match, Work
from indexes.text.index import SegmentIndex
from indexes.text.minhash_build import build
from indexes.text.minhash_index import MinHashIndex
from indexes.text.segment import TextSegment
from proxy.evaluation.baselines import READ, Bm25, Containment, Quip, Reader, RougeL, TfIdf, Winnowing
from proxy.evaluation.derived import Derivation, Everything
from proxy.evaluation.model import Detector, Method

REVISION = "0" * 16


@dataclass(frozen=True, slots=True)
class Indexed:
    """An index that is scanned; with `only`, no other detector's matches count."""

    name: str
    index: SegmentIndex
    only: str | None = None

    def matches(self, text: str) -> tuple[Match, ...]:
        """Every copied place."""
        found = self.index.scan(text)
        return tuple(match for match in found if match.detector == self.only) if self.only else found


class Signatures:
    """An index that keeps signatures of passages alone, as `--minhash-only` makes it."""

    name = "minhash only"

    def __init__(self, works: Iterable[tuple[Work, str]]) -> None:
        self._index = MinHashIndex([TextSegment.built(build(works))])

    def matches(self, text: str) -> tuple[Match, ...]:
        """Every place that is nearly a passage."""
        return self._index.matches(text, "content")


class Verbatim:
    """The share of the output's words that the verbatim scanner finds in the source, longer runs before shorter."""

    name = "verbatim"

    def __init__(self, reader: Reader, sources: Iterable[str]) -> None:
        self._reader = reader
        self._numbers = {source: str(number) for number, source in enumerate(dict.fromkeys(sources))}
        self._index = index_of((Work(id=number, title=number), source) for source, number in self._numbers.items())
        self._found = lru_cache(READ)(self._scan)

    def score(self, output: str, source: str) -> float:
        """From 0 to a little above 1: the longest run decides between equal shares."""
        words, longest = self._found(output).get(self._numbers[source], (0, 0))
        length = max(1, len(self._reader(output)))
        return words / length + longest / length / 1000

    def _scan(self, output: str) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for match in self._index.scan(output):
            if match.detector == "verbatim":
                words, longest = found.get(match.work.id, (0, 0))
                found[match.work.id] = words + match.words, max(longest, match.words)
        return found


def index_of(works: Iterable[tuple[Work, str]]) -> SegmentIndex:
    """An index in memory."""
    return SegmentIndex([TextSegment.from_texts(works)], REVISION)


def detectors(works: Sequence[tuple[Work, str]]) -> list[Detector]:
    """Each detector of copied places, from the one that has least to the one that has all of them."""
    segment = TextSegment.from_texts(works)
    plain, seen = SegmentIndex([segment], REVISION), SegmentIndex([segment], REVISION, views=True)
    scanned = [Indexed("verbatim", plain, "verbatim"), Indexed("with near", plain), Indexed("with views", seen)]
    return [Signatures(works), *scanned, Everything(segment, seen)]


def methods(sources: Sequence[str], reader: Reader) -> list[Method]:
    """What scores the pairs of a set: ours, the last of them the one that answers for targets, then the baselines."""
    ours = [Method(Verbatim(reader, sources), "detector"), Method(Derivation(sources), "detector", is_probability=True)]
    plain = (RougeL(reader), Containment(reader), TfIdf(reader, sources), Winnowing(reader), Quip())
    return ours + [Method(each, "baseline") for each in plain]


def ranking(sources: Sequence[str], reader: Reader) -> Bm25:
    """What ranks the sources of a set."""
    return Bm25(reader, sources)
