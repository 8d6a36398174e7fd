"""Kills a process that writes an index, again and again, and looks at what it leaves."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from indexes.store import Store
from indexes.text.index import SegmentIndex
from tests.support.mortal import Held, make, numbers, outcomes, step, text_of

ROOT = Path(__file__).parents[2]
LONGEST = 0.25
"""Seconds from a process's first change to its end, at most."""


@dataclass
class Killed:
    """What all the killing found. `within` counts by the change that was being made, `done` the changes finished."""

    rounds: int = 0
    within: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    part: int = 0
    works: int = 0
    lost: list[str] = field(default_factory=list)


def kill_again_and_again(folder: Path, rounds: int, seed: int = 1) -> Killed:
    """Kill `rounds` processes after random delays; each goes on with the index that the one before it left.

    What is wrong with what a process leaves is one line in `lost`.
    """
    random = Random(seed)  # noqa: S311 (seeded test data)
    killed = Killed()
    held: Held = {}
    for number in range(1, rounds + 1):
        said = life(folder, seed * 10_000 + number, random.uniform(0, LONGEST))
        allowed = account(held, said, killed)
        held = look(folder, allowed, killed, f"round {number}")
        killed.rounds += 1
        killed.works += len(held)
        if number % 10 == 0:
            held = write_on(folder, held, random, killed, f"round {number}")
    return killed


def life(folder: Path, seed: int, seconds: float) -> list[dict[str, Any]]:
    """What a process said before it was killed, so many seconds after it began."""
    command = [sys.executable, "-m", "tests.support.mortal", str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0) as process:
        assert process.stdout is not None
        begun = process.stdout.readline()
        assert b"ready" in begun, "the process that is to be killed did not begin"
        raw, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([process.stdout], [], [], left)[0]:
                raw += os.read(process.stdout.fileno(), 1 << 16)
        process.kill()
        raw += process.stdout.read()
    assert process.returncode == -9, "the process ended by itself"
    return [json.loads(line) for line in raw.splitlines(keepends=True) if line.endswith(b"\n")]


def account(held: Held, said: list[dict[str, Any]], killed: Killed) -> list[Held]:
    """What the index may hold after what a process said."""
    for before, after in zip(said[::2], said[1::2], strict=False):
        assert before["works"] == after["works"]
        *_, held = outcomes(held, before)
        killed.done[before["what"]] += 1
    if len(said) % 2 == 0:
        killed.within["nothing"] += 1
        return [held]
    killed.within[said[-1]["what"]] += 1
    return list(outcomes(held, said[-1]))


def look(folder: Path, allowed: list[Held], killed: Killed, where: str) -> Held:
    """What the index holds, compared with what it may hold; one that is not whole is given up."""
    store = Store(folder)
    if not (folder / "manifest.json").exists():
        if {} not in allowed:
            killed.lost.append(f"{where}: the index is gone")
        return {}
    if faults := store.verify():
        killed.lost += [f"{where}: {fault}" for fault in faults]
        shutil.rmtree(folder)
        return {}
    found = numbers(store)
    if found not in allowed:
        killed.lost.append(f"{where}: {sorted(found)} are there, {sorted(allowed[-1])} or a part should be")
    killed.part += len(allowed) > 1 and found not in (allowed[0], allowed[-1])
    for each, place in store.places(store.state()).items():
        if place.text != text_of(found[each]):
            killed.lost.append(f"{where}: the text of {each} is another")
    if found:
        killed.lost += unseen(store, found, where)
    return found


def unseen(store: Store, held: Held, where: str) -> list[str]:
    """One line if a work that is held does not match, or one that is not does."""
    snapshot = store.snapshot()
    index = SegmentIndex(snapshot.segments, snapshot.revision)
    some = sorted(held)[:: max(1, len(held) // 5)]
    matched = {match.work.id for match in index.scan(" - ".join(text_of(held[each]) for each in some))}
    return [] if matched == set(some) else [f"{where}: {sorted(matched)} match, not {some}"]


def write_on(folder: Path, held: Held, random: Random, killed: Killed, where: str) -> Held:
    """Let this process write, and see that nothing of those that were killed is left beside the index."""
    store = Store(folder)
    change = step(held, random, -killed.rounds)
    make(store, change)
    *_, held = outcomes(held, change)
    left = {path.name for path in (folder / "segments").iterdir()}
    if left != {entry.name for entry in store.state().segments}:
        killed.lost.append(f"{where}: rubbish is left")
    return look(folder, [held], killed, where)
