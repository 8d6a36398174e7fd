"""An index on disk: a set of immutable segments and a manifest. One writer at a time, any number of readers."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from indexes.compaction import MERGED, merge, plan
from indexes.disk import DISK, Disk
from indexes.errors import FairgateError, IndexUnavailableError, UsageError
from indexes.lock import locked, unwritable
from indexes.model import Work
from indexes.segment import REBUILD, clear, faults, write_segment
from indexes.state import (
    ASIDE,
    MANIFEST,
    PARAMETERS,
    SEGMENTS,
    SegmentEntry,
    State,
    content_of,
    read_state,
    total,
    write_state,
)
from indexes.text.build import TEXTS, digest
from indexes.text.embeddings_vectors import Embedding
from indexes.text.keep import Builder, Keep
from indexes.text.minhash import Family
from indexes.text.segment import TextSegment

BATCH: Final = 64 << 20
"""Bytes of text that make a segment; they bound the memory that adding takes."""

Change: TypeAlias = Literal["added", "replaced", "updated", "unchanged", "removed", "missing"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one work. `replaced`: other content; `updated`: the same content, other facts about it."""

    id: str
    change: Change


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting did: segments and bytes on disk before and after, and removed works whose data is gone."""

    segments_before: int
    segments: int
    bytes_before: int
    bytes: int
    dropped: int


Stamp: TypeAlias = tuple[int, int, int]
"""How the manifest looks from outside: its time (in nanoseconds, later for every change), its inode, its length."""


@dataclass(frozen=True, slots=True)
class TextSnapshot:
    """The segments of an index at one moment; it stays whole whatever is added, removed or compacted later.

    Files that are deleted meanwhile stay mapped, and take their space, until the last snapshot that holds them goes.
    `bytes` counts the index on disk, kept texts included; `built` is when it last changed, in seconds since 1970.
    """

    revision: str
    segments: tuple[TextSegment, ...]
    works: int
    bytes: int
    built: float

    @property
    def layout(self) -> tuple[str, ...]:
        """Names of the segments; other ones may hold the same works, and so have the same revision."""
        return tuple(segment.name for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a work stands in an index."""

    segment: TextSegment
    ordinal: int

    @property
    def work(self) -> Work:
        """The work."""
        return self.segment.works[self.ordinal]

    @property
    def text(self) -> str | None:
        """Its text; None where only fingerprints are kept."""
        return self.segment.text(self.ordinal)


class Store:
    """The index in a directory. Reading never waits for writing. `batch` bytes of text make a segment."""

    def __init__(self, directory: Path, *, batch: int = BATCH, disk: Disk = DISK) -> None:
        self.directory = directory
        self._batch = batch
        self._disk = disk
        self._segments = directory / SEGMENTS
        self._open: dict[str, TextSegment] = {}

    def add(
        self,
        works: Iterable[tuple[Work, str]],
        *,
        keep_texts: bool = True,
        minhash: Family | None = None,
        embedding: Embedding | None = None,
    ) -> Iterator[Outcome]:
        """Add works with their texts, in batches; yields what became of each work, in order.

        With `minhash` nothing is kept of them but signatures of their passages, of that family. With `embedding` their
        passages get vectors too.
        Each batch is in the index when it is whole, or not at all; what was yielded counts when the iterator ends.
        Raises UsageError for an id given twice, FairgateError if another process writes or the disk refuses.
        """
        with self.writing() as state:
            batch = Batch(self, state, Keep(texts=keep_texts, minhash=minhash, embedding=embedding))
            for work, text in works:
                yield Outcome(work.id, batch.take(work, text))
                if batch.size >= self._batch:
                    batch.commit()
            batch.commit()

    def remove(self, ids: Iterable[str]) -> list[Outcome]:
        """Remove works, so that they no longer match in any snapshot taken later."""
        self.state()
        with self.writing() as state:
            places = self.places(state)
            gone: dict[str, set[int]] = {}
            outcomes: list[Outcome] = []
            for each in ids:
                place = places.pop(each, None)
                outcomes.append(Outcome(each, "removed" if place else "missing"))
                if place:
                    gone.setdefault(place.segment.name, set()).add(place.ordinal)
            if gone:
                self.commit(state.without(gone))
        return outcomes

    def compact(self, *, most: int = MERGED) -> Compacted:
        """Merge segments into fewer ones of `most` tokens, and delete all that belongs to removed works from the disk.

        The works stay the same, and so does the revision. Readers go on with what they have open. Raises
        IndexUnavailableError, having changed nothing, if a segment that is to be merged is damaged; FairgateError if
        another process writes or the disk refuses.
        """
        self.state()
        with self.writing() as state:
            before, now = self._opened(state), state
            for group in plan(before, most):
                now = self._merge(now, [segment.name for segment in group], merge(group, most))
            if left := self._sweep(now):
                raise FairgateError(f"cannot delete `{left[0]}`, removed works may still be in it; delete it by hand")
            after = self._opened(now)
            removed = sum(len(segment.removed) for segment in before)
            return Compacted(len(before), len(after), self._size(before), self._size(after), removed)

    def state(self) -> State:
        """What the index holds now; raises IndexUnavailableError if there is none or it is damaged."""
        state = read_state(self.directory)
        if state is None:
            raise IndexUnavailableError(
                f"there is no index in `{self.directory}`; make one with `fairgate index add PATH`"
            )
        return state

    @property
    def layout(self) -> tuple[str, ...]:
        """Names of the segments that this store has open, those of its last snapshot."""
        return tuple(self._open)

    def stamp(self) -> Stamp | None:
        """How the index looks from outside, None where there is none: one look at one file's facts.

        It differs after every change, compaction included. Take it before the snapshot that it stands for.
        """
        try:
            found = (self.directory / MANIFEST).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def changed_since(self, stamp: Stamp | None) -> bool:
        """Whether the index has changed since it looked so; as quick as `stamp`."""
        return self.stamp() != stamp

    def revision(self) -> str:
        """The revision of the index now, by its manifest alone; raises IndexUnavailableError."""
        return self.state().revision

    def works(self) -> Iterator[Work]:
        """Every work that is not removed, in order of adding."""
        for segment in self._now()[1]:
            for ordinal, work in enumerate(segment.works):
                if segment.alive(ordinal):
                    yield work

    def find(self, work_id: str) -> Place | None:
        """Where a work stands."""
        return places(self._now()[1]).get(work_id)

    def snapshot(self, *, check: bool = True) -> TextSnapshot:
        """The index as it is now, opened for scanning. With `check`, checksums are compared (kept texts excepted).

        Segments that this store has already opened are not read again. Raises IndexUnavailableError if the index is
        missing, damaged or empty.
        """
        state, segments = self._now(check=check)
        if not state.works:
            raise IndexUnavailableError(
                f"index `{self.directory}` holds no works; add some with `fairgate index add PATH`"
            )
        return TextSnapshot(state.revision, segments, state.works, self._size(segments), state.built)

    def verify(self) -> list[str]:
        """Re-read the whole index; one line for each fault. Raises IndexUnavailableError only if there is none."""
        if not (self.directory / MANIFEST).exists():
            self.state()
        try:
            state = self.state()
            while (found := self._faults(state)) and (now := self.state()).segments != state.segments:
                state = now
        except IndexUnavailableError as error:
            return [str(error)]
        return found

    def stats(self) -> dict[str, Any]:
        """Counts and sizes. `index_bytes_per_word` leaves the kept texts out."""
        state, segments = self._now()
        works = [work for segment in segments for number, work in enumerate(segment.works) if segment.alive(number)]
        words = sum(work.words for work in works)
        kept = sum(segment.sizes.get(TEXTS, 0) for segment in segments)
        index = self._size(segments) - kept
        return {
            "index": str(self.directory),
            "revision": state.revision,
            "built": state.built,
            "works": len(works),
            "minhash_only": sum(work.minhash_only for work in works),
            "removed": sum(len(entry.removed) for entry in state.segments),
            "words": words,
            "chars": sum(work.chars for work in works),
            "segments": len(segments),
            "grams": sum(len(segment.main) + len(segment.short_grams) for segment in segments),
            "embedded": sum(len(segment.works) - len(segment.removed) for segment in segments if segment.vectors),
            "passages": sum(segment.passages.count for segment in segments if segment.passages is not None),
            "index_bytes": index,
            "text_bytes": kept,
            "index_bytes_per_word": round(index / words, 3) if words else None,
            "parameters": PARAMETERS,
        }

    def places(self, state: State) -> dict[str, Place]:
        """Where each work that is not removed stands, by id."""
        return places(self._opened(state))

    def write(self, builder: Builder) -> SegmentEntry:
        """Write what a builder holds as a segment; it is part of the index once a manifest names it."""
        built = builder.finish()
        parameters = {**PARAMETERS, **built.facts}
        name = write_segment(self._segments, parameters, built.arrays, built.files, self._disk)
        return SegmentEntry(name, len(builder))

    def commit(self, state: State) -> State:
        """Make this what the index holds; to be called while `writing`. Returns what was written."""
        return write_state(self.directory, state, self._disk)

    @contextmanager
    def writing(self) -> Iterator[State]:
        """Hold the lock of the one writer, which the system releases if the process dies; yields what the index holds.

        What a dead writer left is deleted first, and at the end the segments that the index has no more. Raises
        FairgateError if another process writes or the disk refuses.
        """
        try:
            self._disk.make(self._segments)
        except OSError as error:
            raise unwritable(self.directory, error) from error
        with locked(self.directory):
            state = read_state(self.directory) or State()
            self._sweep(state)
            yield state
            self._sweep(read_state(self.directory) or State())

    def _merge(self, state: State, names: list[str], builders: Iterable[Builder]) -> State:
        """Put segments with the same works in the place of some; deletes those once the index is without them."""
        damage = [fault for name in names for fault in faults(self._segments, name)]
        if damage:
            raise IndexUnavailableError(f"{damage[0]}; nothing was merged, {REBUILD}")
        entries = [self._known(self.write(builder)) for builder in builders]
        replaced = [self._known(entry) for entry in state.segments if entry.name in names]
        if total([entry.content for entry in entries]) != total([entry.content for entry in replaced]):
            raise FairgateError(f"merging segments of `{self.directory}` would change its works; nothing was merged")
        merged = self.commit(state.merged(names, entries))
        self._sweep(merged)
        return merged

    def _known(self, entry: SegmentEntry) -> SegmentEntry:
        """The entry with its content read anew."""
        return replace(entry, content=content_of(self.directory, entry))

    def _faults(self, state: State) -> list[str]:
        """One line for each file that is not as it was written, or not what the manifest says."""
        found = [fault for entry in state.segments for fault in faults(self._segments, entry.name)]
        try:
            return found or list(self._strangers(state))
        except IndexUnavailableError as error:
            return [str(error)]

    def _strangers(self, state: State) -> Iterator[str]:
        """One line for each segment that is whole and not the one that the manifest means."""
        for entry, segment in zip(state.segments, self._opened(state), strict=True):
            home = self._segments / entry.name
            if len(segment.works) != entry.works:
                yield f"`{home}` holds {len(segment.works)} works, not {entry.works}"
            elif entry.content not in (None, content_of(self.directory, entry)):
                yield f"`{home}` holds other works than the manifest says"

    def _now(self, *, check: bool = True) -> tuple[State, tuple[TextSegment, ...]]:
        """What the index holds, and its segments; a writer that replaces these meanwhile is followed."""
        state = self.state()
        while True:
            try:
                return state, self._opened(state, check=check)
            except IndexUnavailableError:
                before, state = state, self.state()
                if state.segments == before.segments:
                    raise

    def _opened(self, state: State, *, check: bool = True) -> tuple[TextSegment, ...]:
        """The segments of a state; those opened before are taken as they are, others dropped."""
        opened = {
            entry.name: self._open.get(entry.name) or TextSegment.open(self._segments, entry.name, check=check)
            for entry in state.segments
        }
        self._open = opened
        return tuple(opened[entry.name].without(frozenset(entry.removed)) for entry in state.segments)

    def _size(self, segments: Iterable[TextSegment]) -> int:
        """Bytes of segments and manifest."""
        stamp = self.stamp()
        return sum(size for segment in segments for size in segment.sizes.values()) + (stamp[2] if stamp else 0)

    def _sweep(self, state: State) -> list[Path]:
        """Delete what a writer left behind that died, and segments that no manifest names any more.

        Returns what could not be deleted.
        """
        names = {entry.name for entry in state.segments}
        if found := self._strays(names):
            for path in found:
                clear(path, self._disk)
            with suppress(OSError):
                self._disk.flush(self._segments)
        return self._strays(names)

    def _strays(self, names: Collection[str]) -> list[Path]:
        """What is not of the index."""
        aside = self.directory / ASIDE
        found = [path for path in self._segments.iterdir() if path.name not in names]
        return [*found, aside] if aside.exists() else found


def places(segments: Iterable[TextSegment]) -> dict[str, Place]:
    """Where each work that is not removed stands, by id."""
    return {
        work.id: Place(segment, ordinal)
        for segment in segments
        for ordinal, work in enumerate(segment.works)
        if segment.alive(ordinal)
    }


class Batch:
    """The works being added, until they make a segment."""

    def __init__(self, store: Store, state: State, keep: Keep) -> None:
        self._store = store
        self._state = state
        self._keep = keep
        self._places = store.places(state)
        self._builder = keep.builder()
        self._given: set[str] = set()
        self._gone: dict[str, set[int]] = {}

    @property
    def size(self) -> int:
        """Bytes of text taken and not yet in the index."""
        return self._builder.size

    def take(self, work: Work, text: str) -> Change:
        """Take a work, unless it is in the index as it is."""
        if work.id in self._given:
            raise UsageError(f"work id `{work.id}` is given twice; give each work an id of its own")
        self._given.add(work.id)
        work = replace(work, digest=digest(text))
        place = self._places.get(work.id)
        change = change_of(work, place, self._keep)
        if change == "unchanged":
            return change
        self._builder.add(work, text)
        if place:
            self._gone.setdefault(place.segment.name, set()).add(place.ordinal)
        return change

    def commit(self) -> None:
        """Put what was taken into the index."""
        if not len(self._builder):
            return
        entry = self._store.write(self._builder)
        self._state = self._store.commit(self._state.without(self._gone).with_segment(entry))
        self._builder = self._keep.builder()
        self._gone = {}


def change_of(work: Work, place: Place | None, keep: Keep) -> Change:
    """What adding a work, whose digest is known, does to the one that stands in its place."""
    if place is None:
        return "added"
    kept = place.work
    if kept.digest != work.digest:
        return "replaced"
    work = replace(work, words=kept.words, chars=kept.chars, minhash_only=keep.minhash is not None)
    if work != kept or not keep.kept_by(place.segment):
        return "updated"
    return "unchanged"
