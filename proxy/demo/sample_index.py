"""The index of the sample works, made anew for each demo: it takes a fraction of a second."""

from collections.abc import Iterator
from pathlib import Path

from indexes.corpora import find
from indexes.errors import UsageError
from indexes.model import Work
from indexes.readers.document import Unread
from indexes.store import Store
from proxy.demo.shelf import samples_folder


def build_sample_index(directory: Path) -> int:
    """Index the bundled works into `directory` and return how many there are. Raises UsageError if one is missing."""
    return sum(1 for _ in Store(directory).add(_sample_works()))


def _sample_works() -> Iterator[tuple[Work, str]]:
    for item in find([samples_folder() / "manifest.jsonl"]):
        if isinstance(item, Unread):
            raise UsageError(f"the sample works are not whole, reinstall fairgate: {item.why}")
        yield item.work, item.text
