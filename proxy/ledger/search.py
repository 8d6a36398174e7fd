"""Looks a work up in the texts that were delivered: which answers hold a copy of it, and where.

A gram that text and work share is followed by what is kept of the words around it. It counts as a copy when it may be
part of a stretch long enough that an index, too, would have been certain to find it; so no such copy is missed, and
two grams that are alike by chance are not taken for one. Grams on one diagonal, with gaps of up to five words, are one
find.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from indexes.model import Span
from indexes.text.fingerprint import W
from indexes.text.normalize import Tokens
from proxy.ledger.batches import ROW, STEP, Member, loose, unpacked
from proxy.ledger.fingerprints import POSTING, REACH, Integers, Keys, alike, all_grams, joined, split
from proxy.ledger.stored import now_us
from proxy.ledger.tables import batches, entries, postings

GAP: Final = 5
"""Words that may differ within one find."""
FEW: Final = 1024
"""Buckets up to which a batch is asked for each; beyond, it is read whole."""
SAME: Final = 16
"""Places of a work that are alike in a gram and all around it: more are not followed."""
_FILTER_BITS: Final = 22


@dataclass(frozen=True, slots=True)
class Find:
    """A copied place in a delivered text.

    `words` are certain: whole grams are alike. `likely` adds words at their edges of which a few bits are alike.
    `output` counts the words of what was delivered on the channel, `source` those of the work; both half-open, with
    characters of scripts without spaces as words of their own, and as far as is likely.
    """

    chain: str
    seq: int
    channel: str
    words: int
    likely: int
    output: Span
    source: Span


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found and how far it looked.

    `choices` counts the choices (answers, or parts of one) whose fingerprints were looked at, `others` those written in
    the same time without any: before fingerprints were kept, or when theirs were over or erased.
    """

    finds: tuple[Find, ...]
    choices: int
    others: int
    first: datetime | None
    last: datetime | None


class Sought:
    """A work that is looked for: its grams by key, and the words around them."""

    def __init__(self, tokens: Tokens) -> None:
        grams = all_grams(tokens)
        order = _deduplicated(grams.keys, grams.context, np.lexsort((grams.last, grams.context, grams.keys)))
        self.keys: Keys = grams.keys[order]
        self.last: Integers = grams.last[order]
        self.sizes: Integers = grams.sizes[order]
        self.context: NDArray[np.uint16] = grams.context[order]
        self.count = len(tokens)
        self.measure: Integers = np.concatenate((np.zeros(1, np.int64), np.cumsum(tokens.units, dtype=np.int64)))
        self.floors = _floors(grams.last, grams.sizes, len(tokens))
        self._filter = np.zeros(1 << _FILTER_BITS, np.bool_)
        self._filter[self._short(self.keys)] = True

    @property
    def buckets(self) -> list[int]:
        """In which buckets its grams stand."""
        return [int(bucket) for bucket in np.unique(split(self.keys)[0])]

    def met(self, keys: Keys) -> Integers:
        """Numbers of the keys that may be among the work's."""
        near = np.flatnonzero(self._filter[self._short(keys)])
        places = np.searchsorted(self.keys, keys[near])
        return near[self.keys[np.minimum(places, len(self.keys) - 1)] == keys[near]] if len(self.keys) else near[:0]

    @staticmethod
    def _short(keys: Keys) -> Integers:
        return (keys & np.uint64((1 << _FILTER_BITS) - 1)).astype(np.int64)


def search(connection: Connection, sought: Sought, since_us: int = 0) -> Found:
    """Look a work up in every text whose fingerprints are kept and that was written at `since_us` or later."""
    window = _Window(since_us, now_us())
    finds: list[Find] = []
    choices, times = 0, []
    for group in _groups(connection, sought, window):
        choices += group.choices
        times += [group.first_us, group.last_us] if group.choices else []
        finds += _finds(sought, group) if len(group.keys) else []
    whole = select(func.count()).where(entries.c.kind == "choice", entries.c.at_us >= since_us)
    others = max(0, (connection.scalar(whole) or 0) - choices)
    return Found(tuple(finds), choices, others, _time(min(times, default=None)), _time(max(times, default=None)))


@dataclass(frozen=True, slots=True)
class _Window:
    """Which texts are meant: written since then, and kept beyond now."""

    since_us: int
    now_us: int

    def holds(self, member: Member | None) -> bool:
        return member is not None and member.at_us >= self.since_us and member.until_us > self.now_us


@dataclass(frozen=True, slots=True)
class _Group:
    """Texts by the thousand: how many choices they are of and from when, and the grams that the work has, too.

    A gram by key: whose it is, the number of its last token in the text, the bits around it.
    """

    choices: int
    first_us: int
    last_us: int
    members: Sequence[Member | None]
    keys: Keys
    text: Integers
    place: Integers
    context: NDArray[np.uint16]


def _groups(connection: Connection, sought: Sought, window: _Window) -> Iterator[_Group]:
    """Texts in batches, then those that are loose."""
    query = select(batches.c.id).where(
        batches.c.complete, batches.c.last_us >= window.since_us, batches.c.until_us > window.now_us
    )
    buckets = sought.buckets
    for batch in connection.scalars(query.order_by(batches.c.id)).all():
        if (found := _batch(connection, batch, sought, buckets, window)) is not None:
            yield found
    members: list[Member] = []
    parts: list[bytes] = []
    for row in loose(connection, window.since_us):
        members += row.members()
        parts += [piece.postings for piece in row.pieces] or [b""]
        if len(members) >= STEP:
            yield _loose(members, parts, sought, window)
            members, parts = [], []
    yield _loose(members, parts, sought, window)


def _batch(
    connection: Connection, batch: int, sought: Sought, buckets: Sequence[int], window: _Window
) -> _Group | None:
    """The texts of a batch; None where it is of an unknown format. Its members are read only when they matter."""
    mine = postings.c.batch == batch
    if len(buckets) <= FEW:
        mine &= postings.c.bucket.in_(buckets)
    read = connection.execute(select(postings.c.bucket, postings.c.content).where(mine)).all()
    rows = np.frombuffer(b"".join(content for _, content in read), ROW)
    counts = [len(content) // ROW.itemsize for _, content in read]
    keys = joined(np.repeat(np.array([bucket for bucket, _ in read], np.uint16), counts), rows["rest"])
    met = sought.met(keys)
    it = connection.execute(select(batches).where(batches.c.id == batch)).one()
    members: list[Member | None] = []
    if len(met) or it.first_us < window.since_us or it.due_us <= window.now_us:
        found = unpacked(it.members)
        if found is None:
            return None
        return _group(found, keys[met], rows[met], rows["text"][met].astype(np.int64), window)
    nothing = np.zeros(0, np.int64)
    context = np.zeros(0, np.uint16)
    return _Group(it.choices, it.first_us, it.last_us, members, keys[:0], nothing, nothing, context)


def _loose(members: Sequence[Member], parts: Sequence[bytes], sought: Sought, window: _Window) -> _Group:
    rows = np.frombuffer(b"".join(parts), POSTING)
    text = np.repeat(np.arange(len(parts)), [len(part) // POSTING.itemsize for part in parts])
    keys = joined(rows["bucket"], rows["rest"])
    met = sought.met(keys)
    return _group(members, keys[met], rows[met], text[met], window)


def _group(
    members: Sequence[Member | None], keys: Keys, rows: NDArray[np.void], text: Integers, window: _Window
) -> _Group:
    """Those of the window, with their grams."""
    there = [each for each in members if each is not None and window.holds(each)]
    firsts = np.array([0 if each is None else each.first for each in members], np.int64)
    chosen = np.array([window.holds(each) for each in members], np.bool_)[text]
    return _Group(
        choices=len({(each.chain, each.seq) for each in there}),
        first_us=min((each.at_us for each in there), default=0),
        last_us=max((each.at_us for each in there), default=0),
        members=members,
        keys=keys[chosen],
        text=text[chosen],
        place=(rows["place"].astype(np.int64) + firsts[text])[chosen],
        context=rows["context"][chosen],
    )


@dataclass(frozen=True, slots=True)
class _Hits:
    """Grams alike in text and work, each with how many tokens before and after it look alike, too."""

    text: Integers
    place: Integers
    at: Integers
    size: Integers
    before: Integers
    after: Integers

    def only(self, chosen: NDArray[np.bool_] | Integers) -> "_Hits":
        return _Hits(*(getattr(self, name)[chosen] for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.text)


def _finds(sought: Sought, group: _Group) -> list[Find]:
    members = group.members
    lengths = np.array([0 if each is None else each.tokens for each in members], np.int64)
    hits = _hits(sought, group, lengths)
    telling = _telling(sought, hits)
    worth = np.zeros(len(members), np.bool_)
    worth[hits.text[telling]] = True
    chosen = worth[hits.text]
    hits, telling = hits.only(chosen), telling[chosen]
    order = np.lexsort((hits.place, hits.at - hits.place, hits.text))
    runs = _runs(sought, hits.only(order), telling[order])
    finds: list[Find] = []
    for number, its in groupby(runs, key=attrgetter("text")):
        member = members[number]
        assert member is not None  # noqa: S101 (those taken out were left out before)
        finds += [
            Find(member.chain, member.seq, member.channel, run.words, run.likely, run.output, run.source)
            for run in _outermost(its)
        ]
    return finds


def _hits(sought: Sought, group: _Group, lengths: Integers) -> _Hits:
    low = np.searchsorted(sought.keys, group.keys, "left")
    counts = np.searchsorted(sought.keys, group.keys, "right") - low
    which = np.repeat(np.arange(len(counts)), counts)
    entry = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)
    place, at, size = group.place[which], sought.last[entry], sought.sizes[entry]
    before, after = alike(group.context[which] ^ sought.context[entry])
    ends = lengths[group.text[which]]
    before = np.minimum(before, np.minimum(place, at) - size + 1)
    after = np.minimum(after, np.minimum(ends - place, sought.count - at) - 1)
    return _Hits(group.text[which], place, at, size, before, after)


def _telling(sought: Sought, hits: _Hits) -> NDArray[np.bool_]:
    """Which grams may be part of a stretch that an index would be certain to find: four grams in a row lie in it.

    What lies beyond the tokens of which something is kept may be alike.
    """
    found = np.zeros(len(hits), np.bool_)
    first = hits.at - hits.size + 1 - hits.before
    for ahead in range(W):
        end = hits.at + ahead
        there = (ahead <= hits.after) & (end < sought.count)
        floor = sought.floors[np.where(there, end, 0)]
        found |= there & (floor >= 0) & ((floor >= first) | (hits.before == REACH))
    return found


@dataclass(slots=True)
class _Run:
    """Hits on one diagonal; `certain` and `ends` are where its grams, and its likely words, end in the work."""

    text: int
    shift: int
    first: int
    certain: int
    end: int
    words: int = 0
    likely: int = 0
    telling: bool = False

    @property
    def output(self) -> Span:
        return Span(self.first - self.shift, self.end - self.shift)

    @property
    def source(self) -> Span:
        return Span(self.first, self.end)


def _runs(sought: Sought, hits: _Hits, telling: NDArray[np.bool_]) -> Iterator[_Run]:
    """Runs of hits, by text; half words (units) are counted first, and halved when a run is whole."""
    run: _Run | None = None
    measure = sought.measure
    columns = (getattr(hits, name).tolist() for name in ("text", "place", "at", "size", "before", "after"))
    for text, place, at, size, before, after, tells in zip(*columns, telling.tolist(), strict=True):
        begin, shift = at - size + 1, at - place
        if run is None or (run.text, run.shift) != (text, shift) or begin - before - run.end > GAP:
            if run is not None and run.telling:
                yield _halved(run)
            run = _Run(text, shift, begin - before, begin, begin - before)
        run.words += int(measure[at + 1] - measure[max(begin, min(run.certain, at + 1))])
        end = max(run.end, at + 1 + after)
        run.likely += int(measure[end] - measure[max(begin - before, run.end)])
        run.certain, run.end = at + 1, end
        run.telling |= tells
    if run is not None and run.telling:
        yield _halved(run)


def _halved(run: _Run) -> _Run:
    run.words //= 2
    run.likely //= 2
    return run


def _outermost(runs: Iterator[_Run]) -> Iterator[_Run]:
    """The runs of one text that lie in no other: a passage that the work has twice is one find."""
    reached = -1
    for run in sorted(runs, key=lambda run: (run.output.start, -run.output.end, -run.words)):
        if run.output.end > reached:
            reached = run.output.end
            yield run


def _floors(last: Integers, sizes: Integers, count: int) -> Integers:
    """By token: where the earliest of the four grams that end with it and before it begins; -1 where there are none."""
    starts = np.full(count, -1, np.int64)
    starts[last] = last - sizes + 1
    found = starts.copy()
    for step in range(1, W):
        found[step:] = np.minimum(found[step:], starts[: max(0, count - step)])
        found[:step] = -1
    return found


def _deduplicated(keys: Keys, context: NDArray[np.uint16], order: Integers) -> Integers:
    """An order without what comes after `SAME` places that are alike."""
    ordered = (keys[order] << np.uint64(16)) | context[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[SAME:] = ordered[SAME:] != ordered[:-SAME]
    return order[fresh]


def _time(at_us: int | None) -> datetime | None:
    return None if at_us is None else datetime.fromtimestamp(at_us / 1_000_000, tz=UTC)
