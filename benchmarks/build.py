"""Building an index of text on one core, its size, opening it in a fresh process, and the parts of a look-up."""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from indexes.model import Work
from indexes.store import Store
from indexes.text.normalize import tokenize
from indexes.text.tokenizer import Tokenizer

TEXTS = Path(__file__).parents[1].parent / "shared" / "data" / "text"
CORPORA = {
    "english": ("books/*", 10),
    "german": ("other_languages/deu*", 3),
    "french": ("other_languages/fra*", 3),
    "chinese": ("other_languages/zho*", 3),
}
OPEN = """
import sys, time
from pathlib import Path
started = time.perf_counter()
from indexes.store import Store
from indexes.text.index import SegmentIndex
imported = time.perf_counter()
snapshot = Store(Path(sys.argv[1])).snapshot()
opened = time.perf_counter()
index = SegmentIndex(snapshot.segments, snapshot.revision)
print(imported - started, opened - imported, time.perf_counter() - opened)
"""


def main() -> None:
    if not TEXTS.is_dir():
        print(json.dumps({"name": "build", "skipped": "needs the data folder beside the checkout"}))
        return
    with TemporaryDirectory() as folder:
        for language, (pattern, target) in CORPORA.items():
            build(Path(folder), language, pattern, target)
        open_fresh(Path(folder) / "english-0")
        look_up(Store(Path(folder) / "english-0"))
    stream()


def build(folder: Path, language: str, pattern: str, target: int) -> None:
    works = [(Work(path.name, path.stem), path.read_text("utf-8")) for path in sorted(TEXTS.glob(pattern))]
    size = sum(len(text.encode()) for _, text in works)
    seconds = []
    for attempt in range(3):
        started = time.process_time()
        for _ in Store(folder / f"{language}-{attempt}").add(works):
            pass
        seconds.append(time.process_time() - started)
    say(f"build_{language}", size / 1e6 / min(seconds), "MB/s on one core", target=f">= {target}")
    stats = Store(folder / f"{language}-0").stats()
    words, kept = stats["words"], stats["text_bytes"]
    say(f"index_bytes_per_word_{language}", stats["index_bytes"] / words, "bytes besides kept text", words=words)
    say(f"kept_text_{language}", kept / size, "of its size", bytes=kept)
    if language == "english":
        say("build_peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB of memory", text_bytes=size)


def open_fresh(index: Path) -> None:
    said = [
        list(
            map(
                float,
                subprocess.run(
                    [sys.executable, "-c", OPEN, str(index)], capture_output=True, check=True, text=True
                ).stdout.split(),
            )
        )
        for _ in range(5)
    ]
    imports, snapshot, ready = np.median(np.array(said), axis=0) * 1e3
    size = sum(path.stat().st_size for path in index.rglob("*"))
    say("open_snapshot", snapshot, "ms in a fresh process, checksums compared", index_bytes=size)
    say("open_index", ready, "ms from snapshot to an index ready to scan")
    say("open_imports", imports, "ms to import what is needed")


def look_up(store: Store) -> None:
    table = store.snapshot().segments[0].main
    strangers = np.random.default_rng(1).integers(0, 1 << 64, 200_000, dtype=np.uint64)
    grams = strangers.tolist()
    maybe = table.maybe
    say("maybe", best(lambda: [maybe(gram) for gram in grams]) / len(grams) * 1e9, "ns")
    say("maybe_false_yes", sum(map(maybe, grams)) / len(grams) * 100, "% of strangers")
    say("positions", best(lambda: [table.positions(gram) for gram in grams[:50_000]]) / 50_000 * 1e9, "ns")
    say("lookup", best(lambda: table.lookup(strangers)) / len(grams) * 1e9, "ns a gram, vectorised")


def stream() -> None:
    for language, (pattern, _) in CORPORA.items():
        text = "".join(path.read_text("utf-8") for path in sorted(TEXTS.glob(pattern)))[:500_000]
        pieces = re.findall(r" ?\w+|[^\w ]+| " if language != "chinese" else r"(?s)..?", text)
        measure_stream(language, text, pieces)


def measure_stream(language: str, text: str, pieces: list[str]) -> None:
    count = len(tokenize(text))
    say(f"tokenizer_{language}", best(lambda: read_all(pieces)) / count * 1e6, "us a token, in pieces of about a word")
    say(f"tokenizer_by_token_{language}", best(lambda: read_each(pieces)) / count * 1e6, "us a token, stopping at each")
    say(f"tokenize_{language}", len(text.encode()) / 1e6 / best(lambda: tokenize(text)), "MB/s, vectorised")


def read_all(pieces: list[str]) -> None:
    machine = Tokenizer()
    for piece in pieces:
        machine.read_all(piece)
    machine.close()


def read_each(pieces: list[str]) -> None:
    machine = Tokenizer()
    for piece in pieces:
        at = 0
        while (at := machine.read(piece, at)) < len(piece):
            pass
    machine.close()


def best(work: Callable[[], object], rounds: int = 5) -> float:
    """The least CPU seconds of a few rounds."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": round(float(value), 3), "unit": unit, **more}), flush=True)


if __name__ == "__main__":
    main()
