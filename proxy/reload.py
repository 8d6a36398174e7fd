"""Takes over what changed on disk between requests: the index, the files of policies, tenants and policies by name.

The new is opened aside, off the event loop, and put in force whole; requests that run keep what they began with. What
cannot be opened leaves the old in force, and says so.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeAlias

import anyio
import anyio.to_thread

from indexes.errors import FairgateError
from indexes.state import MANIFEST
from indexes.store import Store, TextSnapshot
from indexes.text.index import SegmentIndex
from proxy.auth import Doorkeeper
from proxy.metrics import Metrics, Reloaded
from proxy.retelling import Retelling
from proxy.settings import Settings, again, taken_over
from proxy.world import World

PERIOD = 1.0
"""Seconds between two looks at the files."""
RETRY = 10.0
"""Seconds until what could not be taken over is tried again though its files did not change."""

Stamp: TypeAlias = Mapping[Path, tuple[int, int, int] | None]
logger = logging.getLogger("fairgate")


class Holder(Protocol):
    """Whose world is replaced."""

    world: World


@dataclass(frozen=True, slots=True)
class Taken:
    """A new world, and what of it is new, in words; `snapshot` where the index is."""

    world: World
    says: str
    snapshot: TextSnapshot | None = None


class Source(Protocol):
    """One thing on disk that a world is made of. `settles`: its files are written in place, so one may be half done."""

    what: Reloaded
    settles: bool

    def files(self, world: World) -> Sequence[Path]:
        """The files to watch."""

    def open(self, world: World) -> Taken | None:
        """The world with this thing as it is now, None where it says the same; blocks, raises FairgateError."""


class IndexSource:
    """The index's folder, by its manifest, which is replaced as a whole."""

    what: Reloaded = "index"
    settles = False

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layout = store.layout

    def files(self, world: World) -> Sequence[Path]:
        """The manifest."""
        return (self._store.directory / MANIFEST,)

    def open(self, world: World) -> Taken | None:
        """The world with the works that the index has now; segments that were open are not read again."""
        snapshot = self._store.snapshot()
        before, self._layout = self._layout, snapshot.layout
        if (snapshot.revision, snapshot.layout) == (world.index.revision, before):
            return None
        # The same works in other segments are taken over too: until then deleted files stay mapped and take space.
        index = SegmentIndex(snapshot.segments, snapshot.revision)
        says = f"index {snapshot.revision}, {snapshot.works} works (was {world.index.revision})"
        retelling = Retelling(snapshot.segments) if world.retelling else None
        return Taken(replace(world, index=index, retelling=retelling), says, snapshot)


class PolicySource:
    """The files of the policies that the settings name."""

    what: Reloaded = "policy"
    settles = True

    def files(self, world: World) -> Sequence[Path]:
        """The policies' own files; presets change with fairgate alone."""
        return world.doorkeeper.files

    def open(self, world: World) -> Taken | None:
        """The world with all policies as they stand now."""
        doorkeeper = Doorkeeper(world.doorkeeper.settings)
        says = _changes(world.doorkeeper, doorkeeper)
        return Taken(replace(world, doorkeeper=doorkeeper), f"policy {says}") if says else None


class ConfigSource:
    """fairgate.yaml, as far as it says who may call, and by which policies and private works they are judged."""

    what: Reloaded = "config"
    settles = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def files(self, world: World) -> Sequence[Path]:
        """The file, if there was one at start."""
        return () if self._settings.file is None else (self._settings.file,)

    def open(self, world: World) -> Taken | None:
        """The world as the file has tenants, policies, licences and `index.private_works` now.

        Other keys wait for a restart.
        """
        old = world.doorkeeper.settings
        values, waiting = taken_over(self._settings.values, again(self._settings))
        if waiting:
            logger.warning("%s: a restart takes over what changed in %s", self._settings.file, ", ".join(waiting))
        if values == old:
            return None
        doorkeeper = Doorkeeper(values)
        names = {name: name for name in values.__struct_fields__} | {"index": "index.private_works"}
        changed = [said for name, said in names.items() if getattr(values, name) != getattr(old, name)]
        return Taken(replace(world, doorkeeper=doorkeeper), f"{self._settings.file}: {', '.join(changed)}")


class _Watch:
    """One source, and how its files looked when they were taken over, last looked at, and last refused."""

    def __init__(self, source: Source, world: World) -> None:
        self.source = source
        self.taken: Stamp | None = None  # the first look compares in any case: files change while a server starts
        self.seen = stamp(source.files(world))
        self.refused: Stamp | None = None
        self.retry_at = 0.0

    def due(self, world: World, *, at_once: bool) -> Stamp | None:
        """How the files look now, if that is to be taken over."""
        found = stamp(self.source.files(world))
        settled = found == self.seen or not self.source.settles
        self.seen = found
        if at_once:
            return found
        if found == self.taken or not settled or (found == self.refused and time.monotonic() < self.retry_at):
            return None
        return found


class Reloader:
    """Keeps a holder's world as the files on disk are. What was refused is tried again after `retry` seconds."""

    def __init__(self, holder: Holder, metrics: Metrics, sources: Sequence[Source], *, retry: float = RETRY) -> None:
        self._retry = retry
        self._holder = holder
        self._metrics = metrics
        self._watches = [_Watch(source, holder.world) for source in sources]
        self._asked = anyio.Event()

    def ask(self) -> None:
        """Look at once, and take over even what may be half written."""
        self._asked.set()

    async def run(self) -> None:
        """Look every second, for ever."""
        while True:
            with anyio.move_on_after(PERIOD):
                await self._asked.wait()
            at_once = self._asked.is_set()
            if at_once:
                self._asked = anyio.Event()
            changed = await self.look(at_once=at_once)
            if at_once and not changed:
                logger.info("asked to reload: nothing has changed, index %s", self._holder.world.index.revision)

    async def look(self, *, at_once: bool = False) -> bool:
        """Take over what has changed since the last look; returns whether anything was, or was refused."""
        found = [await self._look(watch, at_once=at_once) for watch in self._watches]
        return any(found)

    async def _look(self, watch: _Watch, *, at_once: bool) -> bool:
        found = watch.due(self._holder.world, at_once=at_once)
        if found is None:
            return False
        world = [self._holder.world]  # given away: an idle thread keeps its last arguments, and so an old index
        try:
            taken = await anyio.to_thread.run_sync(lambda: watch.source.open(world.pop()))
        except Exception as error:  # noqa: BLE001 (whatever is wrong with the new, the old stays in force)
            self._refuse(watch, found, error, at_once=at_once)
            return True
        watch.taken, watch.refused = found, None
        if taken is None:
            return False
        self._holder.world = taken.world
        self._tell(watch.source.what, taken)
        return True

    def _tell(self, what: Reloaded, taken: Taken) -> None:
        doorkeeper = taken.world.doorkeeper
        self._metrics.know(doorkeeper.tenants, [policy.name for policy in doorkeeper.policies])
        if taken.snapshot is not None:
            count_index(self._metrics, taken.snapshot)
        self._metrics.reloaded(what, "changed")
        logger.info("took over %s", taken.says)

    def _refuse(self, watch: _Watch, found: Stamp, error: Exception, *, at_once: bool) -> None:
        """Count each try, so that what stands broken shows; say it once a state of the files, and if asked."""
        watch.retry_at = time.monotonic() + self._retry
        self._metrics.reloaded(watch.source.what, "failed")
        if found == watch.refused and not at_once:
            return
        watch.refused = found
        said = str(error) if isinstance(error, FairgateError) else f"{type(error).__name__}: {error}"
        logger.error("the old %s stays in force: %s", watch.source.what, said)


def stamp(files: Sequence[Path]) -> Stamp:
    """Which file stands at each path, how long it is and when it was written; None where none can be seen."""
    found: dict[Path, tuple[int, int, int] | None] = {}
    for file in files:
        try:
            seen = file.stat()
        except OSError:
            found[file] = None
        else:
            found[file] = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
    return found


def count_index(metrics: Metrics, snapshot: TextSnapshot) -> None:
    """Show the index that is judged against."""
    metrics.index_opened({"text": snapshot.works}, snapshot.bytes, datetime.fromtimestamp(snapshot.built, UTC))


def _changes(old: Doorkeeper, new: Doorkeeper) -> str:
    """Which policies say something else now, by label."""
    before = {name: policy.label for name, policy in old.named.items()}
    return ", ".join(
        f"{policy.label} (was {before[name]})" for name, policy in new.named.items() if policy.label != before[name]
    )
