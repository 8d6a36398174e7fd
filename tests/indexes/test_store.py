import fcntl
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexes.errors import FairgateError, IndexUnavailableError, UsageError
from indexes.model import Work
from indexes.store import Store
from indexes.text import fingerprint
from indexes.text.normalize import tokenize

GOLDEN = Path(__file__).parents[1] / "golden" / "index-v1"


def text_of(seed: int, size: int = 60) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(f"word{number}" for number in rng.integers(0, 3000, size))


def work(seed: int, **facts: object) -> tuple[Work, str]:
    return Work(id=f"w{seed}", title=f"Work {seed}", **facts), text_of(seed)


def changes(outcomes):
    return [(outcome.id, outcome.change) for outcome in outcomes]


def alive_ids(store):
    snapshot = store.snapshot()
    return [
        each.id for segment in snapshot.segments for ordinal, each in enumerate(segment.works) if segment.alive(ordinal)
    ]


def files(directory):
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file() and path.name != "lock"}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "index")


def test_what_was_added_is_in_the_snapshot(store):
    assert changes(store.add([work(1), work(2)])) == [("w1", "added"), ("w2", "added")]
    snapshot = store.snapshot()
    assert snapshot.works == 2
    assert snapshot.bytes > 0
    assert len(snapshot.revision) == 16
    segment = snapshot.segments[0]
    assert segment.text(0) == text_of(1)
    grams, places = fingerprint.fingerprint(tokenize(text_of(2)))
    first = segment.work_bounds(1)[0]
    for gram, place in zip(grams.tolist(), places.tolist(), strict=True):
        assert first + place in segment.main.positions(gram)


def test_adding_again_changes_nothing(store):
    list(store.add([work(1), work(2)]))
    revision, before = store.snapshot().revision, files(store.directory)
    assert changes(store.add([work(2), work(1)])) == [("w2", "unchanged"), ("w1", "unchanged")]
    assert store.snapshot().revision == revision
    assert files(store.directory) == before


def test_the_same_works_give_the_same_revision(store, tmp_path):
    list(store.add([work(1), work(2)]))
    other = Store(tmp_path / "other")
    list(other.add([work(1), work(2)]))
    assert other.snapshot().revision == store.snapshot().revision
    list(other.add([work(3)]))
    assert other.snapshot().revision != store.snapshot().revision


def test_other_content_replaces_and_the_old_one_is_dead(store):
    list(store.add([work(1), work(2)]))
    before = store.snapshot()
    assert changes(store.add([(work(1)[0], text_of(9))])) == [("w1", "replaced")]
    after = store.snapshot()
    assert after.revision != before.revision
    assert sorted(alive_ids(store)) == ["w1", "w2"]
    assert [after.segments[0].alive(0), after.segments[0].alive(1), after.segments[1].alive(0)] == [False, True, True]
    assert store.find("w1").text == text_of(9)
    assert before.segments[0].alive(0)


def test_other_facts_update(store):
    list(store.add([work(1)]))
    assert changes(store.add([work(1, license="MIT")])) == [("w1", "updated")]
    assert store.find("w1").work.license == "MIT"
    assert alive_ids(store) == ["w1"]


def test_leaving_the_texts_out_is_an_update_that_drops_them(store):
    list(store.add([work(1)]))
    assert changes(store.add([work(1)], keep_texts=False)) == [("w1", "updated")]
    assert store.find("w1").text is None
    assert changes(store.add([work(1)], keep_texts=False)) == [("w1", "unchanged")]
    list(store.add([work(2)]))
    assert all(text_of(1).encode() not in path.read_bytes() for path in files(store.directory))
    assert len(list((store.directory / "segments").iterdir())) == 2


def test_removed_works_are_dead_in_later_snapshots_only(store):
    list(store.add([work(1), work(2), work(3)]))
    before = store.snapshot()
    assert changes(store.remove(["w2", "nobody"])) == [("w2", "removed"), ("nobody", "missing")]
    assert alive_ids(store) == ["w1", "w3"]
    assert [each.id for each in store.works()] == ["w1", "w3"]
    assert store.find("w2") is None
    assert all(before.segments[0].alive(ordinal) for ordinal in range(3))
    assert changes(store.add([work(2)])) == [("w2", "added")]
    assert sorted(alive_ids(store)) == ["w1", "w2", "w3"]


def test_a_segment_with_no_works_left_goes(store):
    list(store.add([work(1), work(2)]))
    snapshot = store.snapshot()
    store.remove(["w1", "w2"])
    with pytest.raises(IndexUnavailableError, match="holds no works"):
        store.snapshot()
    list(store.add([work(3)]))
    assert len(list((store.directory / "segments").iterdir())) == 1
    assert snapshot.segments[0].text(0) == text_of(1)
    list(store.add([work(1), work(2)]))
    assert store.verify() == []


def test_an_id_given_twice_is_refused_and_nothing_is_added(store):
    with pytest.raises(UsageError, match="`w1` is given twice"):
        list(store.add([work(1), work(2), work(1)]))
    with pytest.raises(IndexUnavailableError):
        store.snapshot()


def test_batches_are_segments(tmp_path):
    store = Store(tmp_path / "index", batch=1000)
    list(store.add(work(seed) for seed in range(12)))
    snapshot = store.snapshot()
    assert len(snapshot.segments) > 3
    assert sorted(alive_ids(store)) == sorted(f"w{seed}" for seed in range(12))
    revision = snapshot.revision
    list(store.add(work(seed) for seed in range(12)))
    assert store.snapshot().revision == revision


def test_a_writer_that_dies_leaves_the_old_index_and_its_rubbish_is_swept(store):
    list(store.add([work(1)]))
    revision = store.snapshot().revision

    def dying():
        yield work(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(store.add(dying()))
    segments = store.directory / "segments"
    shutil.copytree(next(segments.iterdir()), segments / ".aside-77")
    shutil.copytree(next(segments.iterdir()), segments / "0123456789abcdef")
    (store.directory / "manifest.json.aside").write_text("{half")
    assert Store(store.directory).snapshot().revision == revision
    list(store.add([work(2)]))
    assert len(list(segments.iterdir())) == 2
    assert sorted(alive_ids(store)) == ["w1", "w2"]
    assert store.verify() == []


def test_one_writer_at_a_time(store):
    list(store.add([work(1)]))
    with (store.directory / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FairgateError, match="another process"):
            list(store.add([work(2)]))
        with pytest.raises(FairgateError, match="another process"):
            store.remove(["w1"])
        assert alive_ids(store) == ["w1"]
    list(store.add([work(2)]))


def test_a_snapshot_survives_a_change_between_manifest_and_segments(store):
    list(store.add([work(1)]))
    stale = store.state()
    list(Store(store.directory).add([(work(1)[0], text_of(5)), work(2)]))
    list(Store(store.directory).add([work(3)]))

    class Late(Store):
        """Reads the manifest just before another process replaces it."""

        first = True

        def state(self):
            if self.first:
                self.first = False
                return stale
            return super().state()

    assert Late(store.directory).snapshot().works == 3


def test_segments_opened_before_are_not_opened_again(store):
    list(store.add([work(1)]))
    before = store.snapshot().segments[0]
    list(Store(store.directory).add([work(2)]))
    after = store.snapshot()
    assert after.segments[0] is before
    assert len(after.segments) == 2


@pytest.mark.parametrize("what", ["missing", "empty folder", "a file"])
def test_no_index_is_not_the_same_as_nothing_found(tmp_path, what):
    directory = tmp_path / "index"
    if what == "empty folder":
        directory.mkdir()
    elif what == "a file":
        directory.write_text("x")
    store = Store(directory)
    for ask in (store.snapshot, store.verify, store.stats, lambda: list(store.works()), lambda: store.remove(["x"])):
        with pytest.raises(IndexUnavailableError) as error:
            ask()
        assert "\n" not in str(error.value)
    assert list(tmp_path.rglob("*")) == ([directory] if what != "missing" else [])


def test_any_damaged_byte_of_the_index_is_found_by_verify(store):
    list(store.add([work(1), (Work(id="s", title="S"), "a short one of seven small words")]))
    paths = list(files(store.directory))
    assert len(paths) == 5
    for path in paths:
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
            found = Store(store.directory).verify()
            if path.name == "manifest.json" and json.loads(whole) == load(path):
                continue
            assert len(found) == 1, (path, at)
            assert path.name in found[0]
            if path.name != "texts.zst":
                with pytest.raises(IndexUnavailableError, match=path.name):
                    Store(store.directory).snapshot()
        path.write_bytes(whole)
    assert Store(store.directory).verify() == []


def load(path):
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def rewrite(directory, **changed):
    from indexes.state import checksum

    path = directory / "manifest.json"
    said = {**json.loads(path.read_text())["index"], **changed}
    path.write_text(json.dumps({"checksum": checksum(said), "index": said}))


def test_a_manifest_with_another_number_is_damaged(store):
    list(store.add([work(1), work(2)]))
    path = store.directory / "manifest.json"
    whole = path.read_text()
    for before, after in (('"works": 2', '"works": 3'), ('"removed": []', '"removed": [1]')):
        assert before in whole
        path.write_text(whole.replace(before, after))
        with pytest.raises(IndexUnavailableError, match="is damaged; move"):
            Store(store.directory).snapshot()
        assert len(store.verify()) == 1


def test_another_format_or_normaliser_is_refused_by_name(store):
    list(store.add([work(1)]))
    parameters = json.loads((store.directory / "manifest.json").read_text())["index"]["parameters"]
    rewrite(store.directory, format=99)
    with pytest.raises(IndexUnavailableError, match="format 99"):
        store.snapshot()
    rewrite(store.directory, format=1, parameters={**parameters, "normaliser": 99})
    with pytest.raises(IndexUnavailableError, match="another normaliser"):
        store.snapshot()


def test_stats_count(store):
    list(store.add([work(1), work(2)]))
    store.remove(["w1"])
    stats = store.stats()
    assert (stats["works"], stats["removed"], stats["words"]) == (1, 1, 60)
    assert stats["text_bytes"] > 0
    assert stats["index_bytes"] + stats["text_bytes"] == store.snapshot().bytes


@pytest.mark.shared
def test_ten_bytes_a_word_are_enough(store):
    books = Path(__file__).parents[2].parent / "shared" / "data" / "text" / "books"
    if not books.is_dir():
        pytest.skip("the books are not beside the checkout")
    list(store.add((Work(id=path.name, title=path.stem), path.read_text("utf-8")) for path in sorted(books.iterdir())))
    assert store.stats()["index_bytes_per_word"] <= 10


def test_a_stored_index_of_this_format_opens(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "golden")
    store = Store(tmp_path / "golden")
    assert store.verify() == []
    snapshot = store.snapshot()
    assert [each.id for each in store.works()] == ["sea", "spring", "wind"]
    texts = {place: store.find(place).text for place in ("sea", "spring", "wind")}
    assert texts["wind"].startswith("Who has seen the wind?")
    for name, text in texts.items():
        place = store.find(name)
        tokens = tokenize(text)
        first, end = place.segment.work_bounds(place.ordinal)
        assert place.segment.array[first:end].tolist() == tokens.hashes.tolist()
        short = place.segment.short(place.ordinal)
        grams, places = (fingerprint.short_fingerprint if short else fingerprint.fingerprint)(tokens)
        table = place.segment.short_grams if short else place.segment.main
        for gram, at in zip(grams.tolist(), places.tolist(), strict=True):
            assert first + at in table.positions(gram)
        assert place.segment.char_span(first, end) == (tokens.starts[0], tokens.ends[-1])
    assert snapshot.works == 3


ADDING = """
import sys
from pathlib import Path
from indexes.model import Work
from indexes.store import Store
store = Store(Path(sys.argv[1]), batch=2000)
print("started", flush=True)
for outcome in store.add((Work(f"n{number}", "t"), f"some words of number {number} " * 20) for number in range(4000)):
    print(outcome.id, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 2, 40, 150, 400])
def test_a_killed_writer_leaves_a_whole_index(store, lines):
    list(store.add([work(1)]))
    with subprocess.Popen(
        [sys.executable, "-c", ADDING, str(store.directory)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            writer.stdout.readline()
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    fresh = Store(store.directory)
    assert fresh.verify() == []
    ids = alive_ids(fresh)
    assert ids[0] == "w1"
    assert lines < 100 or len(ids) > 20
    assert ids[1:] == [f"n{number}" for number in range(len(ids) - 1)]
    list(fresh.add([work(2)]))
    assert alive_ids(fresh) == [*ids, "w2"]
    segments = {path.name for path in (store.directory / "segments").iterdir()}
    assert segments == {segment.name for segment in fresh.snapshot().segments}
