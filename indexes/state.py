"""The manifest of an index: which segments it has and which of their works are removed; replaced as a whole."""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from indexes.errors import FairgateError, IndexUnavailableError
from indexes.segment import flush_directory, reason, write_flushed
from indexes.text.fingerprint import K_UNSPACED, MULTIPLIER, NEGATIVE_VERSION, SHORT_K, SHORT_UNITS, K, W
from indexes.text.tables import NORMALISER
from indexes.text.vocabulary import FREQUENT_VERSION

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
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
    """One segment of an index: its name, the works in it and the numbers of those removed since."""

    name: str
    works: int
    removed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """What an index holds at one moment. `built` is when it last changed, in seconds since 1970."""

    segments: tuple[SegmentEntry, ...] = ()
    built: float = 0.0
    parameters: dict[str, int] = field(default_factory=lambda: dict(PARAMETERS))

    @property
    def revision(self) -> str:
        """Names the exact set of works, the parameters and the shipped lists: 16 hexadecimal digits."""
        said = [FORMAT, NEGATIVE_VERSION, self.parameters, [asdict(entry) for entry in self.segments]]
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
            if len(removed) < entry.works:
                left.append(replace(entry, removed=removed))
        return replace(self, segments=tuple(left))


def write_state(directory: Path, state: State) -> State:
    """Replace the manifest of an index; after a crash it is the old one or the new one. Returns what was written."""
    state = replace(state, built=time.time())
    said = {"format": FORMAT, "revision": state.revision, **asdict(state)}
    content = json.dumps({"checksum": checksum(said), "index": said}, indent=1).encode()
    aside = directory / f"{MANIFEST}.aside"
    try:
        write_flushed(aside, content)
        aside.replace(directory / MANIFEST)
        flush_directory(directory)
    except OSError as error:
        raise FairgateError(f"cannot write `{directory / MANIFEST}`: {reason(error)}") from error
    return state


def read_state(directory: Path) -> State | None:
    """What an index holds; None where there is no index.

    Raises IndexUnavailableError if its manifest is damaged or was made with other parameters.
    """
    path = directory / MANIFEST
    damaged = f"index file `{path}` is damaged; move `{directory}` away and add its works again"
    try:
        said = json.loads(path.read_bytes())
        if said["checksum"] != checksum(said["index"]):
            raise IndexUnavailableError(damaged)
        refuse_other(directory, said["index"])
        return parse(said["index"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IndexUnavailableError(f"index file `{path}` cannot be read: {reason(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise IndexUnavailableError(damaged) from error


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
        SegmentEntry(str(entry["name"]), int(entry["works"]), tuple(map(int, entry["removed"])))
        for entry in said["segments"]
    )
    return State(entries, float(said["built"]), dict(said["parameters"]))


def checksum(said: dict[str, Any]) -> str:
    """The checksum of a manifest's contents."""
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
