"""Adding over several processes: the same index whatever their number, and nothing lost when it is stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexes.corpora import find
from indexes.errors import FairgateError
from indexes.ingest import Added, ingest, jobs_for
from indexes.store import Store
from indexes.text.keep import Keep
from tests.support.corpus_files import PROSE, epub, pdf_bytes, zipped

WORDS = [f"word{number}" for number in range(3000)]
ADD = [sys.executable, "-c", "from proxy.cli import main; main()", "index", "add"]


def text_of(seed: int, size: int = 300) -> str:
    return " ".join(WORDS[(seed * 7919 + place * place * 31) % 3000] for place in range(size)) + "\n"


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "more").mkdir(parents=True)
    for seed in range(40):
        (folder / f"{seed:02}.txt").write_text(text_of(seed))
    zipped(folder / "a.zip", {f"{seed}.txt": text_of(100 + seed) for seed in range(20)} | {"../x.txt": PROSE})
    epub(folder / "b.epub", [f"<p>{text_of(200)}</p>"])
    (folder / "c.pdf").write_bytes(pdf_bytes([[text_of(300, 8).strip()]]))
    (folder / "tiny.txt").write_text("x")
    (folder / "old.txt").write_bytes("Un café au lait, déjà prêt\n".encode("cp1252"))
    return folder


def add(store, *paths, **options):
    return list(ingest(store, find(paths), **options))


def changes(found):
    return [(each.item.work.id, each.change) if isinstance(each, Added) else each.why for each in found]


@pytest.mark.parametrize("jobs", [2, 3])
def test_the_index_is_the_same_whatever_the_number_of_processes(tmp_path, corpus, jobs):
    alone = add(Store(tmp_path / "1"), corpus, batch=20_000)
    together = add(Store(tmp_path / "n"), corpus, batch=20_000, jobs=jobs)
    assert changes(together) == changes(alone)
    assert sum(isinstance(each, Added) for each in alone) == 63
    one, other = Store(tmp_path / "1"), Store(tmp_path / "n")
    assert other.state().revision == one.state().revision
    assert len(one.state().segments) > 3
    assert other.verify() == []


def test_adding_again_changes_nothing(tmp_path, corpus):
    store = Store(tmp_path / "index")
    add(store, corpus)
    revision = store.state().revision
    again = add(store, corpus, jobs=2)
    assert {each.change for each in again if isinstance(each, Added)} == {"unchanged"}
    assert store.state().revision == revision


def test_other_content_replaces_and_other_facts_update(tmp_path, corpus):
    store = Store(tmp_path / "index")
    add(store, corpus)
    (corpus / "00.txt").write_text(text_of(999))
    found = add(store, corpus / "00.txt")
    assert changes(found) == [("00.txt", "replaced")]
    found = list(ingest(store, find([corpus / "00.txt"], {"license": "MIT"})))
    assert changes(found) == [("00.txt", "updated")]
    place = store.find("00.txt")
    assert (place.text, place.work.license) == (text_of(999), "MIT")
    assert len([work for work in store.works() if work.id == "00.txt"]) == 1


def test_without_texts_none_is_kept(tmp_path, corpus):
    store = Store(tmp_path / "index")
    add(store, corpus, jobs=2, keep=Keep(texts=False))
    assert store.find("00.txt").text is None


def test_one_who_writes_keeps_others_out(tmp_path, corpus):
    store = Store(tmp_path / "index")
    first = ingest(store, find([corpus]))
    next(first)
    with pytest.raises(FairgateError, match="is being written by another process"):
        add(Store(tmp_path / "index"), corpus)
    list(first)


def test_little_is_added_by_one_process(tmp_path, corpus):
    assert jobs_for(find([corpus])) == 1
    (corpus / "large.txt").write_text(text_of(1) * 3000)
    assert jobs_for(find([corpus])) == len(os.sched_getaffinity(0))


def large(folder: Path, count: int) -> Path:
    """A corpus that takes some seconds to add."""
    folder.mkdir()
    for seed in range(count):
        (folder / f"{seed:03}.txt").write_text(text_of(seed, 40_000))
    return folder


def started(index: Path, folder: Path) -> subprocess.Popen[str]:
    command = [*ADD, str(folder), "--index", str(index), "--jobs", "2"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_a_segment(index: Path) -> None:
    end = time.monotonic() + 60
    while not (index / "manifest.json").exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_was_added_before_it_was_stopped_stays_and_the_next_run_goes_on(tmp_path, with_signal):
    folder, index = large(tmp_path / "corpus", 120), tmp_path / "index"
    with started(index, folder) as running:
        wait_for_a_segment(index)
        os.kill(running.pid, with_signal)
        out, err = running.communicate(timeout=60)
    if with_signal == signal.SIGINT:
        assert running.returncode == 130
        assert err.startswith(f"fairgate: stopped; `{index}` holds ")
        assert "Give the same command again to go on" in err
    assert out == ""
    assert "Traceback" not in err
    store = Store(index)
    held = store.state().works
    assert 0 < held < 120
    assert store.verify() == []
    end = time.monotonic() + 20
    while alive(running.pid):
        assert time.monotonic() < end, "its workers live on"
        time.sleep(0.05)
    done = subprocess.run(
        [*ADD, str(folder), "--index", str(index), "--jobs", "2"], capture_output=True, text=True, check=True
    )
    assert f"{120 - held} added, {held} unchanged; " in done.stdout
    assert store.verify() == []
    assert sorted(work.id for work in store.works()) == [f"{seed:03}.txt" for seed in range(120)]


@pytest.mark.slow
def test_a_worker_that_dies_is_said_in_one_line(tmp_path):
    folder, index = large(tmp_path / "corpus", 120), tmp_path / "index"
    with started(index, folder) as running:
        wait_for_a_segment(index)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(int(workers[0]), signal.SIGKILL)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (1, "")
    assert (
        err
        == "fairgate: a process that read works died, perhaps for want of memory; run it again with fewer `--jobs`\n"
    )
    assert Store(index).verify() == []


def test_memory_is_bounded_by_the_batch_not_by_the_corpus(tmp_path):
    folder = large(tmp_path / "corpus", 12)
    segments = []
    for batch in (500_000, 1_000_000):
        store = Store(tmp_path / f"{batch}")
        add(store, folder, batch=batch)
        segments.append(len(store.state().segments))
    assert segments[0] > segments[1] > 1
