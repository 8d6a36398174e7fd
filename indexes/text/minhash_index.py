"""Near-duplicate passages of a text, found by the signatures that an index holds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from indexes.model import Match, Span, Stretch, Work
from indexes.text.minhash import PASSAGE, SHINGLE, STEP, STRIDE, Low, jaccard, low, permuter, shingle_hashes, windows
from indexes.text.minhash_passages import TOKENS, Passages
from indexes.text.normalize import Tokens, tokenize
from indexes.text.segment import TextSegment

LEAST: Final = 0.4
"""Passages alike at least so much are told of; where words are unchanged, more than half of the passage then stands."""
DRIFT: Final = 24
"""Tokens by which neighbouring passages may have moved apart and still be one copy."""
BRIEF: Final = PASSAGE // 2
"""Shingles of the windows that works too short for a whole passage are compared with."""
GROUNDED: Final = 0.5
"""Share of the shingles of a place that stand in the request if it is the request's own."""


@dataclass(frozen=True, slots=True)
class Near:
    """A place of a text that is nearly a passage, or several in a row, of a work.

    `output` indexes the text, `source` the work's, in code points; `tokens` and `source_tokens` number their tokens.
    `jaccard` is the estimated similarity of the sets of shingles, `share` the estimated share of the output's shingles
    that the source holds, each the mean over the passages.
    """

    work: Work
    output: Span
    source: Span
    jaccard: float
    share: float
    tokens: Span
    source_tokens: Span


@dataclass(frozen=True, slots=True)
class Hit:
    """A window of the text, from token `first` up to `end`, that is alike a passage of a work."""

    ordinal: int
    passage: int
    first: int
    end: int
    alike: float

    def follows(self, other: "Hit") -> bool:
        """Whether this one and another before it are of one copy."""
        ahead = self.passage - other.passage
        return 0 < ahead <= 2 and abs(self.first - other.first - ahead * STRIDE) <= DRIFT

    def overlaps(self, other: "Hit") -> bool:
        """Whether both windows are of one place of the text."""
        return min(self.end, other.end) - max(self.first, other.first) > 2 * STEP

    def contradicts(self, other: "Hit") -> bool:
        """Whether this one, of a passage beside another's, is alike only for what both passages hold."""
        return abs(self.first - other.first) <= STRIDE // 2


class MinHashIndex:
    """The signatures of some segments; immutable. Segments that hold none, and removed works, are never found."""

    def __init__(self, segments: Iterable[TextSegment]) -> None:
        self._segments = [(each, each.passages) for each in segments if each.passages is not None]

    def __len__(self) -> int:
        """Passages that are held, those of removed works too."""
        return sum(passages.count for _, passages in self._segments)

    def lookup(self, text: str | Tokens, least: float = LEAST) -> list[Near]:
        """The works that a text is nearly a copy of, and where, in the order of the text.

        Passages alike less than `least` are left out. Which are seen at all is a matter of chance: at a similarity of
        0.5 about half, at 0.7 all but one in a hundred, of each passage by itself.
        """
        if not self._segments:
            return []
        tokens = tokenize(text) if isinstance(text, str) else text
        asked = Asked(tokens)
        found = [
            near(tokens, segment.works[row[0].ordinal], passages, row)
            for segment, passages in self._segments
            for row in rows_of(hit for hit in asked.hits(passages, least) if segment.alive(hit.ordinal))
        ]
        return sorted(found, key=lambda each: (each.output.start, -each.jaccard))

    def matches(self, text: str, channel: str, grounding: Sequence[str] = ()) -> tuple[Match, ...]:
        """What `lookup` finds, as matches; their words are estimated, and lie somewhere in the span.

        A match is grounded if half of the shingles of its place stand in the request.
        """
        if not self._segments:
            return ()
        tokens = tokenize(text)
        found = self.lookup(tokens)
        if not found:
            return ()
        own = np.concatenate([np.empty(0, np.uint32), *(shingle_hashes(tokenize(each).hashes) for each in grounding)])
        given = np.isin(shingle_hashes(tokens.hashes), own)
        return tuple(match(each, tokens, channel, given) for each in found)


class Asked:
    """A text that is looked up: the signatures of its windows, made when they are first needed."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = len(tokens)
        self._hashes = shingle_hashes(tokens.hashes)
        self._windows: dict[tuple[str, int], Low] = {}

    def hits(self, passages: Passages, least: float) -> Iterator[Hit]:
        """The places at which some window is alike a passage, each as the window that is most alike it."""
        found = [self._pairs(passages, least, PASSAGE)]
        if len(self._hashes) > BRIEF and bool((passages.tokens < TOKENS).any()):
            found.append(self._pairs(passages, least, BRIEF))
        taken: dict[tuple[int, int], list[Hit]] = {}
        for hit in sorted(chain(*found), key=lambda each: (-each.alike, each.passage, each.first)):
            same = taken.setdefault((hit.ordinal, hit.passage), [])
            beside = [each for way in (-1, 1) for each in taken.get((hit.ordinal, hit.passage + way), ())]
            if not any(map(hit.overlaps, same)) and not any(map(hit.contradicts, beside)):
                same.append(hit)
                yield hit

    def _pairs(self, passages: Passages, least: float, size: int) -> list[Hit]:
        """Windows of so many shingles with the passages alike them; the small ones with works that are short."""
        key = (passages.family, size)
        if key not in self._windows:
            self._windows[key] = low(windows(self._hashes, permuter(passages.family), size))
        queries = self._windows[key]
        query, passage = passages.bands.candidates(queries)
        alike = jaccard(passages.bands.alike(queries, query, passage))
        ordinals = passages.works_of(passage)
        kept = alike >= least
        if size < PASSAGE:
            kept &= passages.tokens[ordinals] < TOKENS
        firsts = query[kept] * STEP
        ends = np.minimum(firsts + size + SHINGLE - 1, self._tokens)
        rows = (ordinals[kept], passage[kept], firsts, ends, alike[kept])
        return [Hit(*row) for row in zip(*(row.tolist() for row in rows), strict=True)]


def rows_of(hits: Iterable[Hit]) -> Iterator[list[Hit]]:
    """Hits of passages in a row of one work, that stand in a row in the text, together."""
    going: list[list[Hit]] = []
    for hit in sorted(hits, key=lambda each: (each.ordinal, each.passage, each.first)):
        if going and going[0][0].ordinal != hit.ordinal:
            yield from going
            going = []
        for row in going:
            if hit.follows(row[-1]):
                row.append(hit)
                break
        else:
            going.append([hit])
    yield from going


def near(tokens: Tokens, work: Work, passages: Passages, row: Sequence[Hit]) -> Near:
    """Where a row of hits stands in the text and in its work."""
    first, end = row[0].first, max(hit.end for hit in row)
    reaches = [passages.reach(hit.passage, hit.ordinal) for hit in row]
    shares = [share(hit, stop - begin) for hit, (begin, stop) in zip(row, reaches, strict=True)]
    return Near(
        work=work,
        output=Span(int(tokens.starts[first]), int(tokens.ends[end - 1])),
        source=Span(int(passages.spans[row[0].passage, 0]), int(passages.spans[row[-1].passage, 1])),
        jaccard=sum(hit.alike for hit in row) / len(row),
        share=sum(shares) / len(row),
        tokens=Span(first, end),
        source_tokens=Span(reaches[0][0], reaches[-1][1]),
    )


def share(hit: Hit, tokens: int) -> float:
    """The share of a window's shingles that its passage, of so many tokens, holds too."""
    ours, theirs = hit.end - hit.first - SHINGLE + 1, tokens - SHINGLE + 1
    return min(1.0, hit.alike / (1 + hit.alike) * (ours + theirs) / ours)


def match(found: Near, tokens: Tokens, channel: str, given: NDArray[np.bool_]) -> Match:
    """A near-duplicate as a match: as many tokens as shingles are shared, laid where the place begins."""
    first, end = found.tokens.start, found.tokens.end
    units = tokens.units[first:end]
    most = min(end - first, len(found.source_tokens))
    count = min(most, round(found.share * (end - first - SHINGLE + 1)) + SHINGLE - 1)
    unit: Literal[1, 2] = 1 if int((units == 1).sum()) * 2 > len(units) else 2
    words = count * unit // 2
    return Match(
        detector="near",
        work=found.work,
        channel=channel,
        output=found.output,
        source=found.source,
        stretches=(Stretch(first, found.source_tokens.start, count, unit),),
        words=words,
        counted=words,
        span_words=max(words, int(units.sum(dtype=np.int64)) // 2),
        grounded=bool(given[first : end - SHINGLE + 1].mean() >= GROUNDED),
    )
