"""Passages of a whole text that were made from works in other words: `detector: semantic`. Pure.

The text is read in windows of sentences. For each the candidates are judged; what the judge believes in is cut down to
the sentences that bear it, and neighbours that tell of the same place of a work become one match. Such a match has no
stretches and counts no words: it stands in no limit, and softens nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from indexes.model import Match, Span
from indexes.text.derivation import Judge
from indexes.text.derivation_candidates import Candidates, Nominee, hashes_of, work_of
from indexes.text.derivation_features import Passage, capitals, compare, shared
from indexes.text.derivation_idf import FREQUENT
from indexes.text.normalize import Tokens, tokenize

WINDOW: Final = 120
"""Words from which a window is full."""
LEAST: Final = 20
"""Words of a text that is worth judging."""
TOP: Final = 6
"""Candidates that are judged for a window."""
FAINT: Final = 0.2
"""`held` under which no window was ever believed to be made from a passage; what is left of it need not be read."""
BORNE: Final = 0.2
"""Share of a sentence's weight that must stand in the source, in order, for it to be a part of what is retold."""
ADJACENT: Final = 100
"""Tokens of a source that may lie between what two windows retell of it, for these to be one match."""
SENTENCE: Final = re.compile(r"[.!?\u2026][\"'\u201d\u2019\u00bb)\]]*\s|[\u3002\uff01\uff1f]|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Found:
    """What a window retells: token spans in output and work."""

    nominee: Nominee
    output: Span
    source: Span
    probability: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text in tokens and sentences; `edges` are the token numbers at which sentences begin, and the end."""

    text: str
    tokens: Tokens
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, text: str) -> "Text":
        """Read a text."""
        tokens = tokenize(text)
        ends = [found.end() for found in SENTENCE.finditer(text)]
        edges = np.searchsorted(tokens.starts, np.array(ends, np.int64))
        return cls(text, tokens, np.unique(np.concatenate([np.zeros(1, np.int64), edges, [len(tokens)]])))

    def windows(self) -> Iterator[Span]:
        """Token spans of whole sentences that overlap by about half; a sentence that is far too long is cut."""
        start, end, last = 0, 0, len(self.tokens)
        while end < last:
            end = self._edge(start + WINDOW, start + 2 * WINDOW)
            if last - end < WINDOW // 4:
                end = last
            yield Span(start, end)
            start = min(self._edge(start + WINDOW // 2, end), start + WINDOW)

    def sentences(self, span: Span) -> list[tuple[int, int]]:
        """The sentences of a window, in token numbers."""
        inside = self.edges[(self.edges > span.start) & (self.edges < span.end)].tolist()
        return list(zip([span.start, *inside], [*inside, span.end], strict=True))

    def chars(self, span: Span) -> Span:
        """A span of tokens in code points."""
        return Span(int(self.tokens.starts[span.start]), int(self.tokens.ends[span.end - 1]))

    def of_window(self, span: Span) -> str:
        """The text of a window."""
        chars = self.chars(span)
        return self.text[chars.start : chars.end]

    def _edge(self, least: int, most: int) -> int:
        """The first edge at or after a token; `most` where there is none up to there."""
        at = int(self.edges[min(int(np.searchsorted(self.edges, least)), len(self.edges) - 1)])
        return min(at, most)


def semantic_matches(
    text: str,
    channel: str,
    candidates: Candidates,
    judge: Judge,
    grounding: Sequence[str] = (),
    known: Sequence[Match] = (),
) -> tuple[Match, ...]:
    """What of a whole text was made from works in other words, in order of where it begins.

    `grounding` holds the request's own texts: what was made from them is grounded. A passage that matches in `known`
    (verbatim, near) of the same work already cover for the most part is left out.
    """
    read = Text.of(text)
    if len(read.tokens) < LEAST:
        return ()
    windows = list(read.windows())
    named = candidates.find([read.of_window(window) for window in windows], TOP)
    found = [
        each for window, nominees in zip(windows, named, strict=True) for each in _judged(read, window, nominees, judge)
    ]
    matches = [_match(read, channel, each) for each in _joined(found)]
    told = [match for match in matches if not _covered(match, known)]
    told.sort(key=lambda match: (match.output.start, match.output.end, match.work.id))
    return tuple(replace(match, grounded=_grounded(read, match, judge, grounding)) for match in told)


def _judged(read: Text, window: Span, nominees: Sequence[Nominee], judge: Judge) -> Iterator[Found]:
    """The best passage of each work from which the window was made, as far as the judge believes that."""
    output = _passage(read, window, judge)
    best: dict[str, Found] = {}
    for nominee in nominees:
        hashes = hashes_of(nominee)
        if shared(output, hashes, judge.idf) < FAINT:
            continue
        source = Passage.of_tokens(hashes, judge.idf)
        probability = judge.model.probability(compare(output, source, nominee.cosine))
        work = work_of(nominee).id
        if probability >= judge.least and (work not in best or probability > best[work].probability):
            best[work] = Found(nominee, window, nominee.tokens, probability)
    for found in best.values():
        yield _cut_down(read, found, judge)


def _passage(read: Text, window: Span, judge: Judge) -> Passage:
    tokens = read.tokens
    part = slice(window.start, window.end)
    return Passage.of_tokens(tokens.hashes[part], judge.idf, capitals(read.text, tokens.starts[part]))


def _probability(read: Text, span: Span, nominee: Nominee, judge: Judge) -> float:
    """How likely it is that these words were made from a passage; 0 for too few to tell."""
    if len(span) < LEAST:
        return 0.0
    source = Passage.of_tokens(hashes_of(nominee), judge.idf)
    return judge.model.probability(compare(_passage(read, span, judge), source, nominee.cosine))


def _cut_down(read: Text, found: Found, judge: Judge) -> Found:
    """The same without the sentences at both ends that bear nothing; the source from first to last word told."""
    output = read.tokens.hashes[found.output.start : found.output.end]
    source = hashes_of(found.nominee)
    ours, theirs = np.flatnonzero(output & FREQUENT == 0), np.flatnonzero(source & FREQUENT == 0)
    told = np.full(len(output), -1)
    for block in LCSseq.opcodes(output[ours].tolist(), source[theirs].tolist()):
        if block.tag == "equal":
            told[ours[block.src_start : block.src_end]] = theirs[block.dest_start : block.dest_end]
    weights = np.where(output & FREQUENT == 0, judge.idf(output), 0.0)
    bearing = []
    for start, end in read.sentences(found.output):
        part = slice(start - found.output.start, end - found.output.start)
        weight = weights[part].sum()
        if weight and weights[part][told[part] >= 0].sum() >= BORNE * weight:
            bearing.append((start, end))
    if not bearing:
        return found
    span = Span(bearing[0][0], bearing[-1][1])
    places = told[span.start - found.output.start : span.end - found.output.start]
    places = places[places >= 0] + found.nominee.tokens.start
    return replace(
        found,
        output=span,
        source=Span(int(places.min()), int(places.max()) + 1),
        probability=max(found.probability, _probability(read, span, found.nominee, judge)),
    )


def _joined(found: Sequence[Found]) -> list[Found]:
    """Neighbours that retell the same place of a work, as one."""
    joined: list[Found] = []
    last: dict[str, int] = {}
    for each in found:
        work = work_of(each.nominee).id
        before = joined[last[work]] if work in last else None
        if before is not None and each.output.start <= before.output.end and _near(before.source, each.source):
            joined[last[work]] = replace(
                before if before.probability >= each.probability else each,
                output=Span(before.output.start, max(before.output.end, each.output.end)),
                source=Span(min(before.source.start, each.source.start), max(before.source.end, each.source.end)),
            )
        else:
            last[work] = len(joined)
            joined.append(each)
    return joined


def _near(first: Span, second: Span) -> bool:
    return first.start - ADJACENT <= second.end and second.start - ADJACENT <= first.end


def _match(read: Text, channel: str, found: Found) -> Match:
    segment, ordinal = found.nominee.segment, found.nominee.ordinal
    first = segment.work_bounds(ordinal)[0]
    output, source = found.output, found.source
    theirs = segment.array[first + source.start : first + source.end]
    units = read.tokens.units[output.start : output.end]
    return Match(
        detector="semantic",
        work=segment.works[ordinal],
        channel=channel,
        output=read.chars(output),
        source=Span(*segment.char_span(first + source.start, first + source.end)),
        stretches=(),
        words=LCSseq.similarity(read.tokens.hashes[output.start : output.end].tolist(), theirs.tolist()),
        counted=0,
        span_words=max(1, int(units.sum(dtype=np.int64)) // 2),
        probability=found.probability,
    )


def _covered(match: Match, known: Sequence[Match]) -> bool:
    """Whether matches of the same work hold more than half of the span already."""
    edges = sorted(
        (max(each.output.start, match.output.start), min(each.output.end, match.output.end))
        for each in known
        if each.work.id == match.work.id and each.channel == match.channel and each.detector != "semantic"
    )
    held, reached = 0, match.output.start
    for start, end in edges:
        held += max(0, end - max(start, reached))
        reached = max(reached, end)
    return 2 * held > len(match.output)


def _grounded(read: Text, match: Match, judge: Judge, grounding: Sequence[str]) -> bool:
    """Whether the span was made from the request's own text just as well."""
    if not grounding:
        return False
    output = Passage.of(read.text[match.output.start : match.output.end], judge.idf)
    for text in grounding:
        hashes = tokenize(text).hashes
        for start in range(0, max(1, len(hashes) - WINDOW // 2), WINDOW // 2):
            source = Passage.of_tokens(hashes[start : start + 2 * WINDOW], judge.idf)
            if judge.model.probability(compare(output, source)) >= judge.least:
                return True
    return False
