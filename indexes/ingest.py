"""A corpus into an index, over several cores: what is read, tokenised and fingerprinted is so in worker processes.

One process walks the corpus, judges what is new and commits; the order of the works, and so the index, is the same
whatever the number of workers. Batches of texts become segments; each is in the index when it is whole. What a killed
process leaves is what a shorter run would have left, and the next run finds it by id and digest.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from indexes.corpora import Corpus, Item, Read, Seen, read
from indexes.model import Work
from indexes.readers.document import Document, Unread
from indexes.state import SegmentEntry, State
from indexes.store import Change, Place, Store, change_of
from indexes.text.keep import Keep
from indexes.workers import Here, Pool, Task, Workers

GROUP: Final = 1 << 20
"""Bytes of documents that are read together."""
GROUP_DOCUMENTS: Final = 64
AHEAD: Final = 3
"""Groups for each process that may be read before they are needed."""
PATIENCE: Final = 60.0
"""Seconds after which a batch that is not full becomes a segment, so that little is lost where reading is slow."""
SMALL: Final = 4 << 20
"""Bytes of a corpus under which starting workers takes longer than it saves."""
SMALL_EMBEDDED: Final = 1 << 17
"""The same where a slow model reads it."""
SHARE: Final = 8
LEAST: Final = 8 << 20
MOST: Final = 32 << 20
"""A segment is an eighth of the corpus, within these bounds; building one takes twelve times its text in memory."""
EMBEDDED: Final = 2 << 20
"""A segment where a slow model reads it: some minutes of a core, which is what a killed process loses."""
GRAMS: Final = Keep()

Built: TypeAlias = Callable[[int, int], None]
"""Is told how many characters are in the index now, and how many were taken so far."""
Works: TypeAlias = list[tuple[Work, str]]


@dataclass(frozen=True, slots=True)
class Added:
    """A work that was read, and what adding it did. It counts when the iterator that gave it ends."""

    item: Read
    change: Change


def jobs_for(corpus: Corpus, keep: Keep = GRAMS) -> int:
    """How many processes to add a corpus with, if nobody says: one for little, else one a core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if keep.embedding is not None and keep.embedding.takes_all_cores:
        return 1
    return 1 if corpus.size < (SMALL_EMBEDDED if len(keep.models) > 1 else SMALL) else cores


def batch_for(corpus: Corpus, keep: Keep) -> int:
    """How many characters of text make a segment, whatever the number of processes."""
    if len(keep.models) > 1:
        return EMBEDDED
    return min(MOST, max(LEAST, corpus.size // SHARE))


def ingest(
    store: Store,
    corpus: Corpus,
    *,
    jobs: int = 1,
    keep: Keep = GRAMS,
    batch: int | None = None,
    built: Built | None = None,
) -> Iterator[Added | Unread]:
    """Add the works of a corpus; yields what became of each document, in order.

    `keep` says what is kept of the works. After each `batch` characters of text a segment is
    built, and `built` is told. Raises FairgateError if another process writes the index,
    the disk refuses or a worker dies.
    """
    with ExitStack() as stack:
        state = stack.enter_context(store.writing())
        workers: Pool = Here() if jobs == 1 else stack.enter_context(Workers(jobs))
        adding = Adding(store, state, workers, keep, batch or batch_for(corpus, keep))
        adding.built = built
        try:
            yield from adding.all(corpus)
        except KeyboardInterrupt:
            adding.settle()
            raise


class Adding:
    """The works on their way into an index: judged, gathered into batches, built, committed in order."""

    def __init__(self, store: Store, state: State, workers: Pool, keep: Keep, batch: int) -> None:
        self.built: Built | None = None
        self._store = store
        self._state = state
        self._workers = workers
        self._keep = keep
        self._batch = batch
        self._places = store.places(state)
        self._seen = Seen()
        self._works: Works = []
        self._size = 0
        self._taken = 0
        self._done = 0
        self._gone: dict[str, set[int]] = {}
        self._since = time.monotonic()
        self._built: deque[Building] = deque()

    def all(self, corpus: Corpus) -> Iterator[Added | Unread]:
        """Add everything."""
        for items in self._read(groups(corpus.documents())):
            for item in map(self._seen.unless, items):
                yield self._take(item) if isinstance(item, Read) else item
                if self._size >= self._batch or time.monotonic() - self._since > PATIENCE:
                    self._build()
        self._build()
        while self._built:
            self._commit()

    def _read(self, given: Iterable[list[Document | Unread]]) -> Iterator[list[Item]]:
        """What documents hold, read some ahead, in order."""
        coming: deque[Task[list[Item]]] = deque()
        most = AHEAD * self._workers.jobs if self._workers.jobs > 1 else 0
        for each in given:
            coming.append(self._workers.submit(read_all, each))
            while len(coming) > most:
                yield self._workers.result(coming.popleft())
        while coming:
            yield self._workers.result(coming.popleft())

    def settle(self) -> None:
        """Put into the index what is built by now."""
        while self._built and self._built[0].task.done:
            self._commit()

    def _take(self, item: Read) -> Added:
        place = self._places.get(item.work.id)
        change = change_of(item.work, place, self._keep)
        if change != "unchanged":
            self._works.append((item.work, item.text))
            self._size += len(item.text)
            self._taken += len(item.text)
            if place is not None:
                self._bury(place)
        return Added(item, change)

    def _bury(self, place: Place) -> None:
        self._gone.setdefault(place.segment.name, set()).add(place.ordinal)

    def _build(self) -> None:
        """Have what was gathered built; wait for the oldest if as many are on their way as there are workers."""
        self._since = time.monotonic()
        if not self._works:
            return
        task = self._workers.submit(build, self._store.directory, self._works, self._keep)
        self._built.append(Building(task, self._size, self._gone))
        self._works, self._size, self._gone = [], 0, {}
        self.settle()
        while len(self._built) > self._workers.jobs:
            self._commit()

    def _commit(self) -> None:
        building = self._built.popleft()
        entry = self._workers.result(building.task)
        self._state = self._store.commit(self._state.without(building.replaced).with_segment(entry))
        self._done += building.size
        if self.built is not None:
            self.built(self._done, self._taken)


@dataclass(frozen=True, slots=True)
class Building:
    """A segment being built of `size` characters, and the places of the works that those in it replace."""

    task: Task[SegmentEntry]
    size: int
    replaced: dict[str, set[int]] = field(default_factory=dict)


def groups(documents: Iterable[Document | Unread]) -> Iterator[list[Document | Unread]]:
    """Documents in groups that are worth sending to another process."""
    group: list[Document | Unread] = []
    size = 0
    for each in documents:
        group.append(each)
        size += weight(each)
        if size >= GROUP or len(group) >= GROUP_DOCUMENTS:
            yield group
            group, size = [], 0
    if group:
        yield group


def weight(document: Document | Unread) -> int:
    """Bytes that reading a document takes."""
    if isinstance(document, Unread):
        return 0
    try:
        return document.content.stat().st_size if isinstance(document.content, Path) else len(document.content)
    except OSError:
        return 0  # said when it is read


def read_all(documents: list[Document | Unread]) -> list[Item]:
    """The works of some documents, and the lines for what gave none."""
    return [each if isinstance(each, Unread) else read(each) for each in documents]


def build(directory: Path, works: Works, keep: Keep) -> SegmentEntry:
    """Write some works as a segment, which is part of the index once a manifest names it."""
    builder = keep.builder()
    for work, text in works:
        builder.add(work, text)
    return Store(directory).write(builder)
