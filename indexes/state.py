"""The manifest of an index: which segments it has and which of their works are removed; replaced as a whole."""

import json
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from indexes.disk import DISK, Disk
from indexes.errors import FairgateError, IndexUnavailableError
from indexes.segment import REBUILD, clear, reason, remedy
from indexes.text.build import WORKS
from indexes.text.fingerprint import K_UNSPACED, MULTIPLIER, NEGATIVE_VERSION, SHORT_K, SHORT_UNITS, K, W
from indexes.text.tables import NORMALISER
from indexes.text.vocabulary import FREQUENT_VERSION

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
ASIDE: Final = f"{MANIFEST}.aside"
SEGMENTS: Final = "segments"
PARAMETERS: Final = {
    "gram": K,
    "gram_unspaced": K_UNSPACED,
    "gram_short": SHORT_K,
    "short_units": SHORT_UNITS,
    "window": W,
    "multiplier": MULTIPLIER,
    "normaliser": NORMALISER,
    "frequent_words": FREQUENT_VERSION,
}
"""What the contents of an index of text depend on; one made with others cannot be read."""


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment of an index: its name, the works in it and the numbers of those removed since.

    `content` names what the others say, in whatever order they stand: 64 hexadecimal digits, which add up over
    segments modulo 2**256; None where it is not known yet.
    """

    name: str
    works: int
    removed: tuple[int, ...] = ()
    content: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What an index holds at one moment. `built` is when it last changed, in seconds since 1970."""

    segments: tuple[SegmentEntry, ...] = ()
    built: float = 0.0
    parameters: dict[str, int] = field(default_factory=lambda: dict(PARAMETERS))

    @property
    def revision(self) -> str:
        """Names the exact set of works, the parameters and the shipped lists: 16 hexadecimal digits.

        How the works lie in segments, and in which order they came, makes no difference. An index as fairgate wrote
        it before it kept `content` names its segments instead, until it is next written.
        """
        contents = [entry.content for entry in self.segments]
        works: object = total(contents) if None not in contents else [asdict(entry) for entry in self.segments]
        said = [FORMAT, NEGATIVE_VERSION, self.parameters, works]
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def works(self) -> int:
        """Works that are not removed."""
        return sum(entry.works - len(entry.removed) for entry in self.segments)

    def with_segment(self, entry: SegmentEntry) -> "State":
        """The state with one segment more."""
        return replace(self, segments=(*self.segments, entry))

    def without(self, gone: dict[str, set[int]]) -> "State":
        """The state with more works removed, by segment; a segment with none left is dropped."""
        left: list[SegmentEntry] = []
        for entry in self.segments:
            removed = tuple(sorted(gone.get(entry.name, set()).union(entry.removed)))
            if len(removed) >= entry.works:
                continue
            left.append(entry if removed == entry.removed else replace(entry, removed=removed, content=None))
        return replace(self, segments=tuple(left))

    def merged(self, names: Collection[str], entries: Sequence[SegmentEntry]) -> "State":
        """The state with some segments in place of others, where the first of those stood."""
        left = [entry for entry in self.segments if entry.name not in names]
        at = next(number for number, entry in enumerate(self.segments) if entry.name in names)
        return replace(self, segments=(*left[:at], *entries, *left[at:]))


def total(contents: Sequence[str | None]) -> str:
    """What several sets of works are together."""
    return f"{sum(int(each or '0', 16) for each in contents) % (1 << 256):064x}"


def content_of(directory: Path, entry: SegmentEntry) -> str:
    """What an entry's `content` is, by its works as they stand on disk; raises IndexUnavailableError."""
    path = directory / SEGMENTS / entry.name / WORKS
    removed = frozenset(entry.removed)
    try:
        with path.open("rb") as lines:
            alive = [sha256(line).hexdigest() for number, line in enumerate(lines) if number not in removed]
    except OSError as error:
        raise IndexUnavailableError(f"index file `{path}` cannot be read: {reason(error)}; {REBUILD}") from error
    return total(alive)


def write_state(directory: Path, state: State, disk: Disk = DISK) -> State:
    """Replace the manifest of an index; after a crash it is the old one or the new one. Returns what was written."""
    entries = (
        entry if entry.content else replace(entry, content=content_of(directory, entry)) for entry in state.segments
    )
    state = replace(state, segments=tuple(entries), built=time.time())
    said = {"format": FORMAT, "revision": state.revision, **asdict(state)}
    content = json.dumps({"checksum": checksum(said), "index": said}, indent=1).encode()
    aside = directory / ASIDE
    try:
        disk.write(aside, [content])
        date(aside, directory / MANIFEST)
        disk.move(aside, directory / MANIFEST)
        disk.flush(directory)
    except OSError as error:
        clear(aside, disk)
        raise FairgateError(f"cannot write `{directory / MANIFEST}`: {reason(error)}; {remedy(error)}") from error
    return state


def date(aside: Path, manifest: Path) -> None:
    """Have the new manifest be younger than the one it replaces, however quickly they follow and clocks go.

    So whoever looks at the file's time alone sees every change.
    """
    if manifest.exists() and aside.stat().st_mtime_ns <= (before := manifest.stat().st_mtime_ns):
        os.utime(aside, ns=(before + 1, before + 1))


def read_state(directory: Path) -> State | None:
    """What an index holds; None where there is no index.

    Raises IndexUnavailableError if its manifest is damaged or was made with other parameters.
    """
    path = directory / MANIFEST
    damaged = f"index file `{path}` is damaged; move `{directory}` away and add its works again"
    try:
        said = json.loads(path.read_bytes())
        refuse_newer(directory, said["index"])
        if said["checksum"] != checksum(said["index"]):
            raise IndexUnavailableError(damaged)
        refuse_other(directory, said["index"])
        return parse(said["index"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IndexUnavailableError(f"index file `{path}` cannot be read: {reason(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexUnavailableError(damaged) from error


def refuse_newer(directory: Path, said: dict[str, Any]) -> None:
    """Raise IndexUnavailableError for an index of a later format, of which nothing else may be presumed."""
    found = said["format"]
    if isinstance(found, int) and found > FORMAT:
        raise IndexUnavailableError(
            f"index `{directory}` has format {found}, this fairgate reads {FORMAT}; take the fairgate that made it, or "
            "build it again elsewhere"
        )


def refuse_other(directory: Path, said: dict[str, Any]) -> None:
    """Raise IndexUnavailableError for an index of another format or other parameters."""
    if said["format"] != FORMAT:
        why = f"format {said['format']}, this fairgate reads {FORMAT}"
    elif said["parameters"] != PARAMETERS:
        other = [name for name, value in PARAMETERS.items() if said["parameters"].get(name) != value]
        why = f"another {', '.join(other)} than this fairgate uses"
    else:
        return
    raise IndexUnavailableError(f"index `{directory}` has {why}; build it again with `fairgate index add`")


def parse(said: dict[str, Any]) -> State:
    """A state from its JSON."""
    entries = tuple(
        SegmentEntry(str(entry["name"]), int(entry["works"]), tuple(map(int, entry["removed"])), entry.get("content"))
        for entry in said["segments"]
    )
    return State(entries, float(said["built"]), dict(said["parameters"]))


def checksum(said: dict[str, Any]) -> str:
    """The checksum of a manifest's contents."""
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
