# ruff: noqa: RUF001 (texts of many scripts are what is tested)
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard

from indexes.compaction import plan
from indexes.errors import FairgateError, IndexUnavailableError
from indexes.model import Work
from indexes.store import Store
from indexes.text.index import SegmentIndex
from indexes.text.normalize import tokenize

TITLE, HOLDER = "The Zyxomanthic Quarrel", "Obadiah Prendergast-Quill"


def prose(seed: int, size: int = 80) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(f"word{number}" for number in rng.integers(0, 3000, size))


def work(seed: int, size: int = 80, **facts: object) -> tuple[Work, str]:
    return Work(id=f"w{seed}", title=f"Work {seed}", **facts), prose(seed, size)


SECRET = prose(99, 300)
ODD = [
    (Work(id="short", title="Short"), "seven words stand here and no more"),
    (Work(id="empty", title="Empty"), ""),
    (Work(id="signs", title="Signs only"), "... !!! ..."),
    (Work(id="han", title="春曉"), "春眠不覚暁，處處聞啼鳥。夜來風雨聲，花落知多少。" * 3),
    (
        Work(id="mixed", title="Mixed"),
        "Ünïcode far\n\n\n" + " " * 40 + "away 春眠不覚暁處處聞 " + "x" * 40 + " end of it all " * 5,
    ),
    (
        Work(id="lone", title="A lone surrogate"),
        "half a pair \ud83d stands alone here among some other words of no note",
    ),
]


def spread(store: Store, *, keep_texts: bool = True) -> None:
    """Every work in a segment of its own."""
    for each in [*(work(seed) for seed in range(6)), *ODD]:
        list(store.add([each], keep_texts=keep_texts))


def matches(store: Store, text: str):
    snapshot = store.snapshot()
    return SegmentIndex(snapshot.segments, snapshot.revision).scan(text)


def segments(store: Store) -> list[str]:
    return sorted(path.name for path in (store.directory / "segments").iterdir())


def everything(directory: Path) -> bytes:
    """All bytes under a folder, compressed blocks beside their plain text."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            found.append(raw)
            if path.name == "texts.zst" and raw:
                reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
                found.append(reader.read(-1))
    return b"\0".join(found)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "index")


@pytest.mark.parametrize("keep_texts", [True, False])
def test_a_compacted_index_is_the_one_that_building_at_once_gives(store, tmp_path, keep_texts):
    spread(store, keep_texts=keep_texts)
    assert len(segments(store)) == 12
    done = store.compact()
    assert (done.segments_before, done.segments, done.dropped) == (12, 1, 0)
    assert done.bytes < done.bytes_before
    once = Store(tmp_path / "once")
    list(once.add([*(work(seed) for seed in range(6)), *ODD], keep_texts=keep_texts))
    assert segments(store) == segments(once)
    assert store.verify() == []


def test_without_the_removed_works_it_is_the_one_that_never_had_them(store, tmp_path):
    list(store.add([work(1), work(2), work(3)]))
    list(store.add([work(4), work(5), *ODD]))
    store.remove(["w2", "w4", "short"])
    assert store.compact().dropped == 3
    never = Store(tmp_path / "never")
    list(never.add([work(1), work(3), work(5), *ODD[1:]]))
    assert segments(store) == segments(never)


def test_the_revision_names_works_and_not_how_they_lie(store, tmp_path):
    spread(store)
    revision = store.revision()
    store.compact()
    assert store.revision() == revision == store.snapshot().revision
    other = Store(tmp_path / "other", batch=500)
    list(other.add([*ODD[::-1], *(work(seed) for seed in (5, 3, 1, 0, 2, 4))]))
    assert other.revision() == revision
    assert segments(other) != segments(store)
    store.remove(["w3"])
    assert store.revision() != revision
    list(store.add([work(3)]))
    assert store.revision() == revision


def test_any_other_fact_about_a_work_is_another_revision(store):
    list(store.add([work(1), work(2)]))
    found = {store.revision()}
    for facts in ({"license": "MIT"}, {"private_to": ("acme",)}, {"heart": ((1, 5),)}, {"title": "other"}):
        list(store.add([(replace(work(1)[0], **facts), prose(1))]))
        found.add(store.revision())
    list(store.add([(work(1)[0], prose(7))]))
    found.add(store.revision())
    assert len(found) == 6


def test_matches_are_the_same_before_and_after(store):
    spread(store)
    store.remove(["w2"])
    said = " ".join(prose(seed)[40:400] for seed in range(6)) + " " + ODD[3][1][5:40] + " " + ODD[4][1]
    before = matches(store, said)
    assert {match.work.id for match in before} == {"w0", "w1", "w3", "w4", "w5", "han", "mixed"}
    store.compact()
    assert matches(store, said) == before


def test_nothing_of_a_removed_work_is_left_on_disk(store):
    secret = Work(id="secret-id", title=TITLE, holder=HOLDER, url="https://example.org/zyx")
    list(store.add([work(1), (secret, SECRET), work(2)]))
    list(store.add([work(3)]))
    digest = store.find("secret-id").work.digest
    hashes = tokenize(SECRET).hashes
    marks = [TITLE, "secret-id", HOLDER, "example.org/zyx", digest, SECRET[100:160]]
    planted = [*(mark.encode() for mark in marks), hashes[50:54].tobytes()]
    assert all(mark in everything(store.directory) for mark in planted)
    store.remove(["secret-id"])
    assert matches(store, SECRET) == ()
    assert all(mark in everything(store.directory) for mark in planted)
    store.compact()
    left = everything(store.directory)
    assert [mark for mark in planted if mark in left] == []
    assert [number for number in range(len(hashes) - 1) if hashes[number : number + 2].tobytes() in left] == []
    assert prose(1)[100:160].encode() in left
    assert tokenize(prose(3)).hashes[50:54].tobytes() in left


def test_a_removed_work_leaves_no_trace_in_the_gram_tables(store):
    list(store.add([work(1), (Work(id="s", title="S"), SECRET)]))
    store.remove(["s"])
    store.compact()
    (segment,) = store.snapshot().segments
    alone = Store(store.directory.parent / "alone")
    list(alone.add([work(1)]))
    assert segment.name == alone.snapshot().segments[0].name


def test_a_replaced_text_goes_for_good_too(store):
    list(store.add([work(1), (Work(id="s", title="S"), SECRET)]))
    list(store.add([(Work(id="s", title="S"), prose(5))]))
    store.compact()
    assert SECRET[100:160].encode() not in everything(store.directory)
    assert store.find("s").text == prose(5)


def test_when_the_last_work_of_a_segment_goes_its_files_go_at_once(store):
    list(store.add([(Work(id="s", title=TITLE), SECRET)]))
    list(store.add([work(1)]))
    store.remove(["s"])
    assert len(segments(store)) == 1
    assert TITLE.encode() not in everything(store.directory)


def test_a_snapshot_taken_before_goes_on_undisturbed(store):
    spread(store)
    snapshot = store.snapshot()
    index = SegmentIndex(snapshot.segments, snapshot.revision)
    before = index.scan(prose(2) + " and " + prose(4))
    texts = [segment.text(0) for segment in snapshot.segments]
    assert len(before) == 2
    scanner = index.scanner("content")
    half = scanner.step(prose(2)[:200] + " ")
    other = Store(store.directory)
    other.remove(["w2", "w4"])
    other.compact()
    assert not {segment.name for segment in snapshot.segments} & set(segments(store))
    assert half
    assert index.scan(prose(2) + " and " + prose(4)) == before
    assert [segment.text(0) for segment in snapshot.segments] == texts
    scanner.close()
    assert [match.work.id for match in scanner.matches] == ["w2"]
    assert matches(store, prose(2) + " and " + prose(4)) == ()


def test_compacting_again_changes_nothing(store):
    spread(store)
    list(store.add([work(11), work(12)], keep_texts=False))
    store.compact(most=200)
    stamp = store.stamp()
    names = segments(store)
    again = store.compact(most=200)
    assert again.segments == again.segments_before == len(names) > 2
    assert segments(store) == names
    assert not store.changed_since(stamp)


def test_a_merged_segment_is_bounded(store):
    list(store.add([work(seed, 100) for seed in range(10)]))
    store.remove(["w0"])
    store.compact(most=350)
    assert [len(segment) for segment in store.snapshot().segments] == [300, 300, 300]
    list(store.add([work(20, 1000)]))
    store.compact(most=350)
    assert [len(segment) for segment in store.snapshot().segments] == [300, 300, 300, 1000]
    assert [each.id for each in store.works()] == [*(f"w{seed}" for seed in range(1, 10)), "w20"]


def test_a_plan_takes_neighbours_and_what_has_removed_works(store):
    for seed, size in enumerate((100, 100, 300, 50, 60)):
        list(store.add([work(seed, size), work(seed + 100, size)]))
    store.remove(["w2"])

    def sizes(most: int) -> list[list[int]]:
        return [[len(segment) for segment in group] for group in plan(store.snapshot().segments, most)]

    assert sizes(400) == [[200, 200], [600, 100]]
    assert sizes(399) == [[600], [100, 120]]
    assert sizes(210) == [[600]]


def test_works_with_and_without_kept_texts_stay_so(store):
    for seed in range(6):
        list(store.add([work(seed)], keep_texts=seed % 2 == 0))
    revision = store.revision()
    store.compact()
    assert len(segments(store)) == 2
    assert [store.find(f"w{seed}").text for seed in range(6)] == [
        prose(seed) if seed % 2 == 0 else None for seed in range(6)
    ]
    assert store.revision() == revision
    assert len(matches(store, " and so ".join(prose(seed) for seed in range(6)))) == 6


@pytest.mark.parametrize("file", ["texts.zst", "arrays.bin", "works.jsonl"])
def test_a_damaged_segment_is_not_merged_and_nothing_changes(store, file):
    list(store.add([work(1), work(2)]))
    list(store.add([work(3)]))
    store.remove(["w1"])
    path = store.directory / "segments" / store.snapshot().segments[0].name / file
    whole = path.read_bytes()
    at = len(whole) // 2
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    manifest = (store.directory / "manifest.json").read_bytes()
    with pytest.raises(IndexUnavailableError, match=file) as error:
        Store(store.directory).compact()
    assert "\n" not in str(error.value)
    assert (store.directory / "manifest.json").read_bytes() == manifest
    assert len(segments(store)) == 2
    path.write_bytes(whole)
    assert Store(store.directory).compact().segments == 1


def test_readers_follow_a_writer_that_merges_under_them(store):
    list(store.add([work(0)]))
    stop = threading.Event()
    failed: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                reader = Store(store.directory)
                assert reader.find("w0").text == prose(0)
                assert reader.stats()["works"] >= 1
                assert next(reader.works()).id == "w0"
                assert reader.verify() == []
                assert reader.snapshot().works >= 1
        except BaseException as error:  # noqa: BLE001 (told below)
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    for seed in range(1, 25):
        list(store.add([work(seed)]))
        store.compact()
        if seed % 3 == 0:
            store.remove([f"w{seed}"])
    stop.set()
    for each in readers:
        each.join()
    assert failed == []


def test_every_change_shows_in_the_stamp_and_nothing_else_does(store):
    assert store.stamp() is None
    seen = [store.stamp()]
    changes = (
        lambda: list(store.add([work(1), work(2)])),
        lambda: list(store.add([work(3)])),
        lambda: store.remove(["w1"]),
        store.compact,
        lambda: list(store.add([work(1)])),
    )
    for change in changes:
        change()
        assert store.changed_since(seen[-1])
        seen.append(store.stamp())
    assert len(set(seen)) == 6
    list(store.add([work(1)]))
    store.remove(["nobody"])
    store.compact()
    list(store.works())
    store.compact()
    times = [stamp[0] for stamp in seen if stamp]
    assert times == sorted(set(times))


def test_a_change_shows_in_the_time_alone_though_the_clock_goes_back(store):
    list(store.add([work(1)]))
    ahead = 2_000_000_000_000_000_000
    os.utime(store.directory / "manifest.json", ns=(ahead, ahead))
    list(store.add([work(2)]))
    assert store.stamp()[0] > ahead


def test_removing_is_in_force_for_the_next_snapshot(store):
    list(store.add([work(1), work(2)]))
    watching = Store(store.directory)
    stamp = watching.stamp()
    assert len(matches(watching, prose(1))) == 1
    Store(store.directory).remove(["w1"])
    assert watching.changed_since(stamp)
    assert matches(watching, prose(1)) == ()
    assert len(matches(watching, prose(2))) == 1


HOLDING = """
import sys
from pathlib import Path
from indexes.store import Store
with Store(Path(sys.argv[1])).writing():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_holds_the_lock_is_named_and_a_dead_one_holds_nothing(store):
    list(store.add([work(1)]))
    command = [sys.executable, "-c", HOLDING, str(store.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        rubbish = store.directory / "segments" / ".aside-1"
        rubbish.mkdir()
        for change in (lambda: list(store.add([work(2)])), lambda: store.remove(["w1"]), store.compact):
            with pytest.raises(FairgateError, match=rf"another process \(pid {holder.pid}\); try again"):
                change()
        assert rubbish.exists()
        assert [each.id for each in store.works()] == ["w1"]
        holder.kill()
    assert str(holder.pid) in (store.directory / "lock").read_text()
    list(store.add([work(2)]))
    assert not rubbish.exists()
    assert (store.directory / "lock").read_text() == ""
    assert [each.id for each in store.works()] == ["w1", "w2"]


def test_a_lock_left_by_a_dead_process_names_nobody(store):
    list(store.add([work(1)]))
    with store.writing():
        pid = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
        (store.directory / "lock").write_text(f"{int(pid.stdout)} {os.uname().nodename}\n")
        with pytest.raises(FairgateError, match="another process; try"):
            Store(store.directory).remove(["w1"])


def test_an_index_as_it_was_before_contents_were_kept_goes_on(store):
    from indexes.state import checksum

    list(store.add([work(1), work(2)]))
    list(store.add([work(3)]))
    store.remove(["w1"])
    revision, path = store.revision(), store.directory / "manifest.json"
    said = json.loads(path.read_text())["index"]
    for entry in said["segments"]:
        del entry["content"]
    path.write_text(json.dumps({"checksum": checksum(said), "index": said}))
    old = Store(store.directory)
    assert old.verify() == []
    assert len(old.revision()) == 16
    assert old.revision() != revision
    old.compact()
    assert old.revision() == revision
