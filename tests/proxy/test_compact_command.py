"""`fairgate index compact`: what it says, and what a server that has the index open makes of it."""

import json
from pathlib import Path

import pytest

from indexes.model import Work
from indexes.store import Store
from indexes.text.index import SegmentIndex
from proxy.auth import Doorkeeper
from proxy.metrics import Metrics
from proxy.reload import IndexSource, Reloader
from proxy.settings import load
from proxy.world import World
from tests.support.bench import prose
from tests.support.commands import fairgate


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, a=prose(90, seed=1), b=prose(90, seed=2), c=prose(90, seed=3))
    for name in ("a.txt", "b.txt", "c.txt"):
        assert fairgate(tmp_path, "index", "add", name).returncode == 0
    return tmp_path


def test_it_says_what_it_did_and_keeps_the_revision(folder: Path) -> None:
    before = json.loads(fairgate(folder, "index", "remove", "b.txt", "--json").stdout)
    done = fairgate(folder, "index", "compact", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["revision"] == before["revision"]
    # The segment that held the removed work alone went when it was removed.
    assert (said["segments_before"], said["segments"], said["dropped"]) == (2, 1, 0)
    assert said["bytes"] < said["bytes_before"]
    told = fairgate(folder, "index", "compact")
    assert told.returncode == 0
    assert told.stdout.startswith("1 segments, ")
    assert told.stdout.endswith(f"revision {before['revision']}\n")
    assert fairgate(folder, "index", "verify").returncode == 0


def test_there_is_nothing_to_compact_where_there_is_no_index(tmp_path: Path) -> None:
    done = fairgate(tmp_path, "index", "compact")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "there is no index" in done.stderr


def test_while_another_process_writes_it_says_which(folder: Path) -> None:
    with Store(folder / "fairgate-index").writing():
        done = fairgate(folder, "index", "compact")
    assert done.returncode == 1
    assert "is being written by another process (pid " in done.stderr
    assert done.stderr.count("\n") == 1


class Holder:
    """Whose world is replaced."""

    def __init__(self, folder: Path) -> None:
        snapshot = (store := Store(folder / "fairgate-index")).snapshot()
        self.world = World(SegmentIndex(snapshot.segments, snapshot.revision), Doorkeeper(load().values))
        self.reloader = Reloader(self, Metrics(), [IndexSource(store)])


def deleted_maps(folder: Path) -> int:
    """Files of the index that are deleted and that this process still has mapped."""
    lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
    return sum(str(folder) in line and line.endswith("(deleted)") for line in lines)


async def test_a_server_takes_over_the_merged_files_and_lets_go_of_those_that_are_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    list(Store(folder / "fairgate-index").add([(Work(id="d", title="D"), prose(90, seed=4))]))
    holder = Holder(folder)
    old = holder.world
    revision = old.index.revision
    outside = Store(folder / "fairgate-index")
    outside.compact()
    assert deleted_maps(folder) > 0
    assert await holder.reloader.look()
    assert holder.world is not old
    assert holder.world.index.revision == revision
    assert [match.work.id for match in old.index.scan(prose(90, seed=4))] == ["d"]
    assert [match.work.id for match in holder.world.index.scan(prose(90, seed=4))] == ["d"]
    del old, outside
    assert deleted_maps(folder) == 0
    assert not await holder.reloader.look()
