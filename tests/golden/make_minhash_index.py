"""How the stored index of signatures was made: `python -m tests.golden.make_minhash_index FOLDER`.

All texts are in the public domain. A stored index is never made again: when the format changes, a new one is stored
beside it, and the old one still has to open.
"""

import sys
from pathlib import Path

from indexes.model import Work
from indexes.store import Store
from indexes.text.minhash import FAMILIES
from tests.golden.make_index import CHARS, EMMA, GONE, MOON, ROSE, TALE

LONG = f"{EMMA} {TALE}. {GONE}. {CHARS}"


def texts(family: str) -> dict[str, str]:
    """A work of several passages, one shorter than a passage, one of another script, one too short for any."""
    return {f"{family} long": LONG, f"{family} rose": ROSE, f"{family} moon": MOON, f"{family} end": "Fin."}


def make(folder: Path) -> Store:
    """An index with a segment of each family, and with a work removed."""
    store = Store(folder)
    for family in FAMILIES:
        works = [(Work(name, name.title(), license="PDM-1.0"), text) for name, text in texts(family).items()]
        for _ in store.add([*works, (Work(f"{family} gone", "Gone"), TALE)], minhash=family):
            pass
        store.remove([f"{family} gone"])
    return store


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    (Path(sys.argv[1]) / "lock").unlink()
