import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from indexes.disk import Disk
from indexes.errors import FairgateError, IndexUnavailableError
from indexes.model import Work
from indexes.store import Store
from tests.support.disks import Full, Power, PowerDisk, WatchedDisk


def prose(seed: int, size: int = 40) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(f"word{number}" for number in rng.integers(0, 3000, size))


def work(name: str, seed: int) -> tuple[Work, str]:
    return Work(id=name, title=f"Work {name}"), prose(seed)


def held(store: Store) -> dict[str, str | None]:
    """Works and texts; raises if a thing of the index is not whole."""
    assert store.verify() == []
    places = store.places(store.state())
    assert store.state().works == len(places)
    return {name: place.text for name, place in places.items()}


def texts(**seeds: int) -> dict[str, str]:
    return {name: prose(seed) for name, seed in seeds.items()}


A, B, AB = texts(a=1), texts(a=1, b=2), texts(a=1, b=2, c=3)
LIFE = (
    (lambda store: list(store.add([work("a", 1), work("b", 2)])), ({}, A, B)),
    (lambda store: list(store.add([work("c", 3)])), (B, AB)),
    (lambda store: store.remove(["b"]), (AB, texts(a=1, c=3))),
    (lambda store: store.compact(), (texts(a=1, c=3),)),
    (lambda store: list(store.add([work("a", 9), work("d", 4)])), (
        texts(a=1, c=3), texts(a=9, c=3), texts(a=9, c=3, d=4)
    )),
    (lambda store: store.compact(), (texts(a=9, c=3, d=4),)),
    (lambda store: store.remove(["c", "d"]), (texts(a=9, c=3, d=4), texts(a=9))),
    (lambda store: store.compact(), (texts(a=9),)),
    (lambda store: list(store.add([work("a", 9), work("c", 3)])), (texts(a=9), texts(a=9, c=3))),
)  # fmt: skip
"""What is done to an index, one after another; and what it may hold while that is done, at last when it is done."""


def live(root, deaf=""):
    """Live through it all; before each change, look at what a loss of power would leave. Yields how often it looked."""
    home = root / "home"
    home.mkdir()
    random, looks = Random(7), 0  # noqa: S311 (seeded)
    allowed = [{}]

    def look(change: str) -> None:
        nonlocal looks
        for _ in range(2):
            looks += 1
            left = root / "left"
            power.left(left, random)
            found = {}
            if (left / "index" / "manifest.json").exists():
                store = Store(left / "index")
                found = held(store)
                if looks % 20 == 0:
                    list(store.add([work("z", 30)]))
                    assert held(store) == {**found, **texts(z=30)}
                if change == "compacted":
                    assert {path.name for path in (left / "index" / "segments").iterdir()} == set(store.layout)
            assert found in allowed, (change, allowed, found)
            shutil.rmtree(left)

    power = Power(home)
    try:
        store = Store(home / "index", batch=200, disk=PowerDisk(power, look, deaf))
        for change, states in LIFE:
            allowed = list(states)
            change(store)
            allowed = [states[-1]]
            look("compacted" if states[:-1] == () else "done")
        assert held(store) == LIFE[-1][1][-1]
    finally:
        power.close()
    return looks


@pytest.mark.slow
def test_a_loss_of_power_at_any_moment_leaves_the_old_index_or_the_new_one(tmp_path):
    assert live(tmp_path) > 400


@pytest.mark.parametrize("deaf", ["file", "directory"])
def test_a_disk_that_does_not_flush_is_found_out(tmp_path, deaf):
    with pytest.raises((AssertionError, IndexUnavailableError)):
        live(tmp_path, deaf)


def test_to_flush_is_to_ask_the_system_for_it():
    reading, writing = os.pipe()
    try:
        with pytest.raises(OSError, match="Invalid argument") as error:
            Disk().sync(writing)
        assert error.value.errno == errno.EINVAL  # what fsync says of a pipe, and no other call
    finally:
        os.close(reading)
        os.close(writing)


CHANGES = {
    "add": (lambda store: list(store.add([work("a", 9), work("d", 4)])), texts(a=9, b=2, c=3, d=4)),
    "remove": (lambda store: store.remove(["a", "c"]), texts(b=2)),
    "compact": (lambda store: store.compact(), AB),
}


@pytest.mark.parametrize(("code", "count"), [(errno.ENOSPC, 1), (errno.ENOSPC, -1), (errno.EROFS, -1)])
@pytest.mark.parametrize("name", CHANGES)
def test_a_disk_that_refuses_loses_nothing_and_is_named_in_one_line(tmp_path, name, count, code):
    change, after = CHANGES[name]
    for each in "abc":
        list(Store(tmp_path / "base").add([work(each, ord(each) - 96)]))
    lines, number, reached = [], 0, True
    while reached:
        home = tmp_path / str(number)
        shutil.copytree(tmp_path / "base", home)
        full = Full(number, count, code)
        said = refusal(change, Store(home, disk=WatchedDisk(full)))
        lines += [said] if said else []
        assert held(Store(home)) in ((AB, after) if said else (after,))
        change(Store(home))
        assert held(Store(home)) == after
        assert {path.name for path in (home / "segments").iterdir()} == set(Store(home).snapshot().layout)
        shutil.rmtree(home)
        reached, number = full.reached, number + 1
    assert number > 8
    assert len(lines) > number // 2
    assert [line for line in lines if "\n" in line] == []
    kept = [line for line in lines if "cannot delete" not in line]
    assert [line for line in kept if os.strerror(code).lower() not in line] == []
    assert [line for line in kept if ("free space" in line) is not (code == errno.ENOSPC)] == []


def refusal(change, store) -> str:
    """What a change says that cannot be; empty if it is done."""
    try:
        change(store)
    except FairgateError as error:
        return str(error)
    return ""


GROWING = """
import resource, signal, sys
from pathlib import Path
from indexes.errors import FairgateError
from indexes.model import Work
from indexes.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
store = Store(Path(sys.argv[1]))
try:
    list(store.add([(Work("big", "Big"), "".join(f"w{n} " for n in range(100_000)))]))
except FairgateError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [0, 10_000, 600_000])
def test_a_real_process_whose_files_may_not_grow_says_so(tmp_path, limit):
    store = Store(tmp_path / "index")
    list(store.add([work("a", 1)]))
    done = subprocess.run(
        [sys.executable, "-c", GROWING, str(store.directory), str(limit)], capture_output=True, check=True, text=True
    )
    assert done.stdout.count("\n") == 1
    assert "file too large" in done.stdout
    assert str(store.directory) in done.stdout
    assert done.stderr == ""
    assert held(Store(store.directory)) == A
    assert len(list((store.directory / "segments").iterdir())) == 1


@pytest.mark.parametrize("name", CHANGES)
def test_an_index_that_may_not_be_changed_is_said_to_be_so_and_stays_as_it_is(tmp_path, name):
    for each in "abc":
        list(Store(tmp_path).add([work(each, ord(each) - 96)]))
    (tmp_path / "lock").unlink()
    (tmp_path / "lock").mkdir()  # root, too, is refused that
    said = refusal(CHANGES[name][0], Store(tmp_path))
    assert said == (
        f"index `{tmp_path}` is read-only here: is a directory; "
        "run this as a user who may write to its folder, or change a copy of it"
    )
    assert held(Store(tmp_path)) == AB


def test_a_file_system_that_takes_no_folder_is_named():
    with pytest.raises(FairgateError, match=r"cannot write to `/proc/fairgate`: .*; choose another `--index`"):
        list(Store(Path("/proc/fairgate")).add([work("a", 1)]))
