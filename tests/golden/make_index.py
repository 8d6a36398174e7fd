# ruff: noqa: RUF001 (a text in Chinese)
"""How the stored index of this format was made: `python -m tests.golden.make_index FOLDER`.

All texts are in the public domain. A stored index is never made again: when the format changes, a new one is stored
beside it, and the old one still has to open.
"""

import sys
from pathlib import Path

from indexes.model import Work
from indexes.store import Store

EMMA = (
    "Emma Woodhouse, handsome, clever, and rich, with a comfortable home and happy disposition, seemed to unite some "
    "of the best blessings of existence; and had lived nearly twenty-one years in the world with very little to "
    "distress or vex her."
)
TALE = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of "
    "Darkness"
)
ROSE = "O Rose thou art sick. The invisible worm,"
MOON = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。" * 2
CHARS = "Je préfère les Œuvres de Molière; l’été, à la plage, je les relis — toujours — avec un plaisir extrême !"
GONE = "Once upon a midnight dreary, while I pondered, weak and weary, over many a quaint and curious volume"

KEPT = (
    (
        Work("emma", "Emma", creators=("Jane Austen",), license="PDM-1.0", form="novel", year=1815, heart=((0, 40),)),
        EMMA,
    ),
    (Work("rose", "The Sick Rose", creators=("William Blake",), form="poem", nature="creative"), ROSE),
    (Work("gone", "The Raven"), GONE),
    (Work("moon", "靜夜思", creators=("李白",), form="poem", private_to=("acme",)), MOON),
)
FINGERPRINTS = (
    (Work("tale", "A Tale of Two Cities", market="none", tags=("opening",)), TALE),
    (Work("chars", "Caractères", url="https://example.org/a?b=ç"), CHARS),
)
TEXTS = {work.id: text for work, text in (*KEPT, *FINGERPRINTS)}
REMOVED = "gone"


def make(folder: Path) -> Store:
    """An index with two segments, one with texts and one with fingerprints only, and with a work removed."""
    store = Store(folder)
    for works, keep_texts in ((KEPT, True), (FINGERPRINTS, False)):
        for _ in store.add(works, keep_texts=keep_texts):
            pass
    store.remove([REMOVED])
    return store


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    (Path(sys.argv[1]) / "lock").unlink()
