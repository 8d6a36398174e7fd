"""Near matches of a channel as it is read, token by token."""

from collections.abc import Callable, Sequence

from indexes.text.common import CommonGrams
from indexes.text.near import NEVER, Events, Hunt
from indexes.text.near_ground import RequestCopies
from indexes.text.near_run import NearRun
from indexes.text.runs import Channel
from indexes.text.source import Source


class NearScan:
    """The chains of all sources in one channel. `due` is the token at which `end` is to be called next."""

    def __init__(
        self, sources: Sequence[Source], channel: Channel, copies: RequestCopies, open_: Callable[[NearRun], None]
    ) -> None:
        self.due = NEVER
        self._channel = channel
        self._copies = copies
        self._open = open_
        self._hunts = {source.number: Hunt(source, channel.reading.hashes, channel.reading) for source in sources}
        self._live: list[NearRun] = []

    def seeds(self, at: int, gram: int, grams: CommonGrams) -> bool:
        """Whether the gram that ends at token `at` may seed a chain: it is not common, and in not too many places."""
        reading = self._channel.reading
        if at in self._channel.crowded[False] or gram in grams.negative:
            return False
        return not reading.frequent(at - reading.size(at, 0) + 1, at)

    def anchors(self, at: int, found: Sequence[tuple[int, Sequence[int]]]) -> int:
        """Sources hold the gram that ends at token `at` in these places; returns as `end` does."""
        size, cost = self._channel.reading.size(at, 0), 0
        for number, positions in found:
            hunt = self._hunts[number]
            cost = max(cost, self._take(hunt, hunt.anchors(at, size, positions)))
            self.due = min(self.due, hunt.due)
        return cost

    def end(self, at: int) -> int:
        """End what no anchor can join any more; returns by how many tokens a match grew, 1 for an opening."""
        cost = 0
        for hunt in self._hunts.values():
            if hunt.due <= at:
                cost = max(cost, self._take(hunt, hunt.end(at)))
        self.due = min([hunt.due for hunt in self._hunts.values()], default=NEVER)
        return cost

    def close(self) -> int:
        """The output ends here."""
        self.due = NEVER
        count = self._channel.reading.count
        return max([self._take(hunt, hunt.close(count)) for hunt in self._hunts.values()], default=0)

    def _take(self, hunt: Hunt, events: Events) -> int:
        for run in self._live:
            run.update()
        self._live = [run for run in self._live if run.live]
        channel = self._channel
        for chain in events.opened:
            run = NearRun(chain, hunt.source, channel.reading, self._copies, channel.tally, channel.name)
            self._open(run)
            if run.live:
                self._live.append(run)
        return max(events.grown, 1 if events.opened else 0)
