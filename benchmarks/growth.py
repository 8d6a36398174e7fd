"""How cost grows with the index: `python -m benchmarks.growth [--plot FILE.svg]`, one JSON line a figure.

Indexes of 8 MB, 40 MB and all the text of the data folder, each as `fairgate index add` leaves it and compacted. Each
is built, opened and looked up in by processes of their own. `growth` is the figure over that of the smallest index:
where cost does not grow it is 1, where it grows as the text does it is `text_growth`. Clean text is textbook prose that
is in no index, streamed one word (and eight words) a step. Of each step the least of three rounds counts, and of each
figure the least of five processes.
"""

import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.growthplot import plot
from indexes.store import Store
from indexes.text.index import SegmentIndex

DATA = Path(__file__).parents[1].parent / "shared" / "data"
SIZES = (8_000_000, 40_000_000, 1 << 40)
LAYOUTS = ("added", "compacted")
WORDS, CHUNK = 30_000, 8
OPENED, ROUNDS = 5, 3
FIGURES = (
    ("build", "MB/s of text on one core, as added"),
    ("build_peak", "MiB of memory at most, while adding"),
    ("compact", "million characters of text a second on one core, compacting"),
    ("compact_peak", "MiB of memory at most, while compacting"),
    ("bytes_per_word", "bytes on disk a word, without kept texts"),
    ("segments", "segments"),
    ("open", "ms of one core to open in a fresh process, checksums compared"),
    ("rss", "MiB resident with the index open and used"),
    ("pss", "MiB of them its own share"),
    ("anonymous", "MiB of them private to the process, not the index's files"),
    ("word_p50", "us a clean word"),
    ("word_p99", "us a clean word"),
    ("chunk_p50", f"us a clean chunk of {CHUNK} words"),
    ("chunk_p99", f"us a clean chunk of {CHUNK} words"),
)

Figures = dict[str, float]


def main() -> None:
    if not DATA.is_dir():
        print(json.dumps({"name": "growth", "skipped": "needs the data folder beside the checkout"}))
        return
    rows: list[dict[str, Any]] = []
    for most in SIZES:
        paths = corpus(most)
        with TemporaryDirectory() as folder:
            index, words = f"{folder}/index", Path(folder, "clean.txt")
            words.write_text(clean(), encoding="utf-8")
            for layout in LAYOUTS:
                found = child(layout, index, *map(str, paths))
                opened = [child("opened", index, str(words)) for _ in range(OPENED)]
                found |= {name: min(each[name] for each in opened) for name in opened[0]}
                rows.append({"text": sum(path.stat().st_size for path in paths) / 1e6, "layout": layout, **found})
    for layout in LAYOUTS:
        say([row for row in rows if row["layout"] == layout])
    if len(sys.argv) == 3 and sys.argv[1] == "--plot":
        Path(sys.argv[2]).write_text(plot(rows), encoding="utf-8")


def corpus(most: int) -> list[Path]:
    """Texts, the books first, of `most` bytes together."""
    found, size = [], 0
    for path in sorted((DATA / "text").rglob("*.txt"), key=lambda path: (path.parent.name != "books", path)):
        size += path.stat().st_size
        if size > most and found:
            break
        found.append(path)
    return found


def child(*words: str) -> Figures:
    """What a fresh process measured."""
    done = subprocess.run([sys.executable, "-m", __spec__.name, "measure", *words], stdout=subprocess.PIPE, check=True)
    found: Figures = json.loads(done.stdout)
    return found


def measure(what: str, folder: str, *paths: str) -> Figures:
    match what:
        case "added":
            return added(Store(Path(folder)), [Path(path) for path in paths])
        case "compacted":
            return compacted(Store(Path(folder)))
        case _:
            return opened(Path(folder), Path(paths[0]))


def added(store: Store, paths: list[Path]) -> Figures:
    from indexes.corpora import Corpus, File
    from indexes.ingest import ingest

    size = sum(path.stat().st_size for path in paths)
    files = [File(path, path.relative_to(DATA).as_posix(), path.stat().st_size) for path in paths]
    began = time.process_time()
    for _ in ingest(store, Corpus(files)):
        pass
    return {"build": size / 1e6 / (time.process_time() - began), "build_peak": peak(), **layout(store)}


def compacted(store: Store) -> Figures:
    began = time.process_time()
    done = store.compact()
    took, most = time.process_time() - began, peak()
    text = sum(work.chars for work in store.works())
    rewritten = {"compact": text / 1e6 / took, "compact_peak": most} if done.segments < done.segments_before else {}
    return {**rewritten, **layout(store)}


def layout(store: Store) -> Figures:
    stats = store.stats()
    return {"bytes_per_word": stats["index_bytes"] / stats["words"], "segments": stats["segments"]}


def opened(folder: Path, text: Path) -> Figures:
    began = time.process_time()
    snapshot = Store(folder).snapshot()
    index = SegmentIndex(snapshot.segments, snapshot.revision)
    took = (time.process_time() - began) * 1e3
    words = re.findall(r"\s*\S+", text.read_text("utf-8"))
    each, chunks = least(index, words), least(index, list(joined(words)))
    found = memory()
    return {
        "open": took,
        "rss": found["Rss"],
        "pss": found["Pss"],
        "anonymous": found["Anonymous"],
        "word_p50": percentile(each, 50),
        "word_p99": percentile(each, 99),
        "chunk_p50": percentile(chunks, 50),
        "chunk_p99": percentile(chunks, 99),
    }


def clean() -> str:
    """Words of textbooks."""
    lines = (DATA / "paraphrase" / "openstax_continuations.jsonl").read_text("utf-8").splitlines()
    texts = dict.fromkeys(json.loads(line)["source"] for line in lines)
    return "".join(re.findall(r"\s*\S+", "\n".join(texts))[:WORDS])


def joined(words: list[str]) -> Iterator[str]:
    for first in range(0, len(words), CHUNK):
        yield "".join(words[first : first + CHUNK])


def least(index: SegmentIndex, pieces: list[str]) -> list[float]:
    """Microseconds that each piece takes, the least of a few rounds, so that what else the machine does stays out."""
    return [min(times) for times in zip(*(steps(index, pieces) for _ in range(ROUNDS)), strict=True)]


def steps(index: SegmentIndex, pieces: list[str]) -> list[float]:
    """Microseconds that each piece took."""
    scanner, took = index.scanner("content"), []
    for piece in pieces:
        at, began = 0, time.perf_counter_ns()
        while (at := scanner.step(piece, at)) < len(piece):
            pass
        took.append((time.perf_counter_ns() - began) / 1e3)
    scanner.close()
    return took


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1]


def memory() -> Figures:
    """This process's memory in MiB, as the system counts it."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(rows: list[dict[str, Any]]) -> None:
    """One line a figure and an index."""
    for name, unit in FIGURES:
        for row in rows:
            if name in row:
                first = next(each for each in rows if name in each)
                growth = {
                    "growth": round(row[name] / first[name], 2),
                    "text_growth": round(row["text"] / first["text"], 2),
                }
                figure = {
                    "name": f"growth_{name}",
                    "value": round(row[name], 3),
                    "unit": unit,
                    "text_mb": round(row["text"], 1),
                }
                print(json.dumps({**figure, "layout": row["layout"], **growth}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main()
