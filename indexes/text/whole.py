"""The whole-text form of the scanner: the same matches, found with arrays instead of token by token."""

from collections.abc import Sequence

from indexes.model import Match
from indexes.text.common import CommonGrams
from indexes.text.near_ground import RequestCopies
from indexes.text.near_run import NearRun
from indexes.text.near_whole import Place, found_in
from indexes.text.normalize import tokenize
from indexes.text.runs import Tally
from indexes.text.source import Source
from indexes.text.tracks import Judge, Output, Track


def scan(
    text: str, sources: Sequence[Source], common: CommonGrams, channel: str, grounding: Sequence[str]
) -> tuple[Match, ...]:
    """All matches in a whole text, field for field those of a scanner that was stepped over it and closed."""
    output = Output(tokenize(text))
    tracks, chains = found_in(output, sources, common)
    if not tracks and not chains:
        return ()
    judge = Judge(output, common, channel, grounding)
    copies = RequestCopies(grounding, sources, common)
    found: list[tuple[Place, Sequence[Match]]] = []
    for place, track in sorted([(place_of(track), track) for track in tracks], key=lambda each: each[0]):
        found.append((place, tuple(judge.matches(track))))
    for place, source, chain in chains:
        found.append((place, NearRun(chain, source, output, copies, Tally(), channel).matches))
    found.sort(key=lambda each: each[0])
    return tuple([match for _, matches in found for match in matches])


def place_of(track: Track) -> Place:
    """Where a run stands among all that opened; before the chains that opened at the same token."""
    return track.opened, -1, track.diagonal.source.number, int(track.begins[0]) + track.diagonal.shift
