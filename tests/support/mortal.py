"""Run as `python -m tests.support.mortal FOLDER SEED NUMBER`: changes an index for ever, until it is killed.

Adds, removes, replaces and compacts in a seeded order, and says on standard output what it begins and what is done,
one JSON line each. What it is about to do follows from SEED and from the works the index holds.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from indexes.model import Work
from indexes.store import Store

Held = dict[str, int]
"""Works by id, and the number that their text follows from."""
BATCH = 3000
MOST = 2500
"""Small segments, so that there are many to write and to merge."""
_WORDS = ("the", "a", "of", "and", "river", "stone", "under", "green", "walked", "seldom", "copper", "window", "letter")


def text_of(number: int) -> str:
    """A text that no other number has."""
    random = Random(number)  # noqa: S311 (seeded test data)
    return " ".join(f"{random.choice(_WORDS)}{random.randrange(4000)}" for _ in range(random.choice((6, 90, 260))))


def step(held: Held, random: Random, number: int) -> dict[str, Any]:
    """The next change: `what`, and the ids with the numbers of their texts."""
    what = random.choices(("add", "remove", "compact"), (4, 13, 3))[0]
    if what == "add" or not held:
        fresh = [f"w{number}-{each}" for each in range(random.randint(1, 14))]
        again = random.sample(sorted(held), min(len(held), random.randint(0, 2)))
        return {"what": "add", "works": {each: random.randrange(1 << 30) for each in [*again, *fresh]}}
    if what == "remove":
        return {
            "what": what,
            "works": dict.fromkeys(random.sample(sorted(held), min(len(held), random.randint(1, 3)))),
        }
    return {"what": what, "works": {}}


def outcomes(held: Held, change: dict[str, Any]) -> Iterator[Held]:
    """What the index may hold while a change is made, in order; at last what it holds when it is done."""
    yield held
    if change["what"] == "add":
        for each, number in change["works"].items():
            held = {**held, each: number}
            yield held
    elif change["what"] == "remove":
        yield {each: number for each, number in held.items() if each not in change["works"]}


def make(store: Store, change: dict[str, Any]) -> None:
    """Make a change."""
    if change["what"] == "add":
        works = (
            (Work(id=each, title=f"Title {number}", tags=(str(number),)), text_of(number))
            for each, number in change["works"].items()
        )
        for _ in store.add(works):
            pass
    elif change["what"] == "remove":
        store.remove(change["works"])
    else:
        store.compact(most=MOST)


def main(folder: Path, seed: int) -> None:
    store = Store(folder, batch=BATCH)
    random = Random(seed)  # noqa: S311 (seeded test data)
    held = numbers(store) if (folder / "manifest.json").exists() else {}
    say("ready", {})
    for number in range(1 << 30):
        change = step(held, random, seed * 1000 + number)
        say("begin", change)
        make(store, change)
        *_, held = outcomes(held, change)
        say("done", change)


def numbers(store: Store) -> Held:
    """What an index holds, by what its works say."""
    return {work.id: int(work.tags[0]) for work in store.works()}


def say(state: str, change: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"state": state, **change}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
