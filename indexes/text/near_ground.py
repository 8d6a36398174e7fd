"""What of the works the request itself holds, word by word or nearly so: near matches of that are grounded."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

from indexes.text.common import CommonGrams
from indexes.text.near_whole import found_in
from indexes.text.normalize import tokenize
from indexes.text.source import Source
from indexes.text.tracks import Output

Interval: TypeAlias = tuple[int, int]


class RequestCopies:
    """Says which positions of a source stand in the request. Reads the request only when first asked."""

    def __init__(self, requests: Sequence[str], sources: Sequence[Source], common: CommonGrams) -> None:
        self._requests = requests
        self._sources = sources
        self._common = common
        self._held: dict[int, list[Interval]] | None = None

    @property
    def asked(self) -> bool:
        """Whether there is a request at all."""
        return bool(self._requests)

    def holds(self, source: int, position: int) -> bool:
        """Whether a position of the source of this number lies in what the request copied of it."""
        if not self._requests:
            return False
        if self._held is None:
            self._held = self._read()
        held = self._held.get(source, [])
        place = bisect_right(held, (position, 1 << 60)) - 1
        return place >= 0 and position < held[place][1]

    def _read(self) -> dict[int, list[Interval]]:
        found: dict[int, list[Interval]] = {}
        for request in self._requests:
            tracks, chains = found_in(Output(tokenize(request)), self._sources, self._common)
            for track in tracks:
                shift = track.diagonal.shift
                span = (int(track.begins[0]) + shift, int(track.ends[-1]) + shift)
                found.setdefault(track.diagonal.source.number, []).append(span)
            for _, source, chain in chains:
                found.setdefault(source.number, []).append((chain.pieces[0].source, chain.source + 1))
        return {number: _joined(spans) for number, spans in found.items()}


def _joined(spans: list[Interval]) -> list[Interval]:
    """Disjoint intervals that hold the same positions, ascending."""
    joined: list[Interval] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
