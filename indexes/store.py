"""An index on disk: a set of immutable segments and a manifest. One writer at a time, any number of readers."""

import fcntl
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from indexes.errors import FairgateError, IndexUnavailableError, UsageError
from indexes.model import Work
from indexes.segment import faults, reason, write_segment
from indexes.state import MANIFEST, PARAMETERS, SegmentEntry, State, read_state, write_state
from indexes.text.build import TEXTS, SegmentBuilder, digest
from indexes.text.segment import TextSegment

SEGMENTS: Final = "segments"
LOCK: Final = "lock"
BATCH: Final = 64 << 20
"""Bytes of text that make a segment; they bound the memory that adding takes."""

Change: TypeAlias = Literal["added", "replaced", "updated", "unchanged", "removed", "missing"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one work. `replaced`: other content; `updated`: the same content, other facts about it."""

    id: str
    change: Change


@dataclass(frozen=True, slots=True)
class TextSnapshot:
    """The segments of an index at one moment; it stays whole whatever is added or removed later.

    `bytes` counts the index on disk, kept texts included; `built` is when it last changed, in seconds since 1970.
    """

    revision: str
    segments: tuple[TextSegment, ...]
    works: int
    bytes: int
    built: float


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

    def __init__(self, directory: Path, *, batch: int = BATCH) -> None:
        self.directory = directory
        self._batch = batch
        self._segments = directory / SEGMENTS
        self._open: dict[str, TextSegment] = {}

    def add(self, works: Iterable[tuple[Work, str]], *, keep_texts: bool = True) -> Iterator[Outcome]:
        """Add works with their texts, in batches; yields what became of each work, in order.

        Each batch is in the index when it is whole, or not at all; what was yielded counts when the iterator ends.
        Raises UsageError for an id given twice, FairgateError if another process writes or the disk refuses.
        """
        with self.writing() as state:
            batch = Batch(self, state, keep_texts=keep_texts)
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
                write_state(self.directory, state.without(gone))
        return outcomes

    def state(self) -> State:
        """What the index holds now; raises IndexUnavailableError if there is none or it is damaged."""
        state = read_state(self.directory)
        if state is None:
            raise IndexUnavailableError(
                f"there is no index in `{self.directory}`; make one with `fairgate index add PATH`"
            )
        return state

    def works(self) -> Iterator[Work]:
        """Every work that is not removed, in order of adding."""
        for segment in self._opened(self.state()):
            for ordinal, work in enumerate(segment.works):
                if segment.alive(ordinal):
                    yield work

    def find(self, work_id: str) -> Place | None:
        """Where a work stands."""
        return self.places(self.state()).get(work_id)

    def snapshot(self, *, check: bool = True) -> TextSnapshot:
        """The index as it is now, opened for scanning. With `check`, checksums are compared (kept texts excepted).

        Segments that this store has already opened are not read again. Raises IndexUnavailableError if the index is
        missing, damaged or empty.
        """
        state = self.state()
        if not state.works:
            raise IndexUnavailableError(
                f"index `{self.directory}` holds no works; add some with `fairgate index add PATH`"
            )
        for _ in range(3):
            try:
                return self._snapshot(state, check=check)
            except IndexUnavailableError:
                before, state = state, self.state()
                if state.segments == before.segments:
                    raise
        return self._snapshot(state, check=check)

    def verify(self) -> list[str]:
        """Re-read the whole index; one line for each fault. Raises IndexUnavailableError only if there is none."""
        if not (self.directory / MANIFEST).exists():
            self.state()
        try:
            state = self.state()
        except IndexUnavailableError as error:
            return [str(error)]
        found = [fault for entry in state.segments for fault in faults(self._segments, entry.name)]
        if not found:
            found = [
                f"`{self._segments / entry.name}` holds {len(segment.works)} works, not {entry.works}"
                for entry, segment in zip(state.segments, self._opened(state), strict=True)
                if len(segment.works) != entry.works
            ]
        return found

    def stats(self) -> dict[str, Any]:
        """Counts and sizes. `index_bytes_per_word` leaves the kept texts out."""
        state = self.state()
        works = list(self.works())
        words = sum(work.words for work in works)
        segments = self._opened(state)
        kept = sum(self._file_size(entry.name, TEXTS) for entry in state.segments)
        index = self._size(state) - kept
        return {
            "index": str(self.directory),
            "revision": state.revision,
            "built": state.built,
            "works": len(works),
            "removed": sum(len(entry.removed) for entry in state.segments),
            "words": words,
            "chars": sum(work.chars for work in works),
            "segments": len(segments),
            "grams": sum(len(segment.main) + len(segment.short_grams) for segment in segments),
            "index_bytes": index,
            "text_bytes": kept,
            "index_bytes_per_word": round(index / words, 3) if words else None,
            "parameters": PARAMETERS,
        }

    def places(self, state: State) -> dict[str, Place]:
        """Where each work that is not removed stands, by id."""
        return {
            work.id: Place(segment, ordinal)
            for segment in self._opened(state)
            for ordinal, work in enumerate(segment.works)
            if segment.alive(ordinal)
        }

    def write(self, builder: SegmentBuilder) -> SegmentEntry:
        """Write what a builder holds as a segment; it is part of the index once a manifest names it."""
        built = builder.finish()
        name = write_segment(self._segments, dict(PARAMETERS), built.arrays, built.files)
        return SegmentEntry(name, len(builder))

    def _snapshot(self, state: State, *, check: bool) -> TextSnapshot:
        segments = self._opened(state, check=check)
        return TextSnapshot(state.revision, segments, state.works, self._size(state), state.built)

    def _opened(self, state: State, *, check: bool = True) -> tuple[TextSegment, ...]:
        """The segments of a state; those opened before are taken as they are, others dropped."""
        opened = {
            entry.name: self._open.get(entry.name) or TextSegment.open(self._segments, entry.name, check=check)
            for entry in state.segments
        }
        self._open = opened
        return tuple(opened[entry.name].without(frozenset(entry.removed)) for entry in state.segments)

    def _size(self, state: State) -> int:
        files = [path for entry in state.segments for path in (self._segments / entry.name).iterdir()]
        return sum(path.stat().st_size for path in [*files, self.directory / MANIFEST])

    def _file_size(self, name: str, file: str) -> int:
        path = self._segments / name / file
        return path.stat().st_size if path.exists() else 0

    @contextmanager
    def writing(self) -> Iterator[State]:
        """Hold the lock of the one writer, which the system releases if the process dies; yields what the index holds.

        Raises FairgateError if another process writes or the disk refuses.
        """
        try:
            self._segments.mkdir(parents=True, exist_ok=True)
            lock = (self.directory / LOCK).open("wb")
        except OSError as error:
            raise FairgateError(
                f"cannot write to `{self.directory}`: {reason(error)}; choose another `--index`"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise FairgateError(
                    f"index `{self.directory}` is being written by another process; try again later"
                ) from error
            state = read_state(self.directory) or State()
            self._sweep(state)
            yield state

    def _sweep(self, state: State) -> None:
        """Delete what a writer left behind that died, and segments that no manifest names any more."""
        names = {entry.name for entry in state.segments}
        for path in self._segments.iterdir():
            if path.name not in names:
                shutil.rmtree(path, ignore_errors=True)


class Batch:
    """The works being added, until they make a segment."""

    def __init__(self, store: Store, state: State, *, keep_texts: bool) -> None:
        self._store = store
        self._state = state
        self._keep_texts = keep_texts
        self._places = store.places(state)
        self._builder = SegmentBuilder(keep_texts=keep_texts)
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
        change = change_of(work, place, keep_texts=self._keep_texts)
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
        self._state = write_state(self._store.directory, self._state.without(self._gone).with_segment(entry))
        self._builder = SegmentBuilder(keep_texts=self._keep_texts)
        self._gone = {}


def change_of(work: Work, place: Place | None, *, keep_texts: bool) -> Change:
    """What adding a work, whose digest is known, does to the one that stands in its place."""
    if place is None:
        return "added"
    kept = place.work
    if kept.digest != work.digest:
        return "replaced"
    if replace(work, words=kept.words, chars=kept.chars) != kept or place.segment.keeps_texts != keep_texts:
        return "updated"
    return "unchanged"
