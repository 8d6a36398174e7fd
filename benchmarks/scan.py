"""Microseconds a streamed word and megabytes a second of whole texts: `python -m benchmarks.scan`, one JSON line each.

Twenty books are indexed into a folder; a fresh process maps that index and scans. A streamed word is one ` word` a
step. The clean text is novels that are not in the index; the recitation is a book that is.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from indexes.store import Store
from indexes.text.index import SegmentIndex
from tests.support.recall import books, texts

DATA = Path(__file__).parents[1].parent / "shared" / "data"
WORDS, CHARS, ROUNDS = 20_000, 3_000_000, 7
LIVE = 400
"""Words of a recitation that a limit lets run at most, several times over."""


def main() -> None:
    if not DATA.is_dir():
        say("scan", None, "", skipped="needs the data folder beside the checkout")
    elif len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            for _ in Store(Path(folder)).add(books(DATA)):
                pass
            subprocess.run([sys.executable, "-m", "benchmarks.scan", folder], check=True)


def measure(folder: Path) -> None:
    """The figures of an index that this process has not built."""
    before = time.perf_counter()
    snapshot = Store(folder).snapshot()
    index = SegmentIndex(snapshot.segments, snapshot.revision)
    say("index_open", (time.perf_counter() - before) * 1e3, "ms", works=snapshot.works)
    clean = "\n".join(text for _, text in texts(DATA, "novels", without="Haggard_She"))[:CHARS]
    plain = "".join(char for char in clean if char.isascii())
    book = next(text for work, text in books(DATA) if "Moby" in work.id)
    recited = re.findall(r"\s*\S+", book)[3000 : 3000 + WORDS]
    pieces = re.findall(r"\s*\S+", clean)[:WORDS]
    say("scan_stream_clean", per(WORDS, lambda: stream(index, pieces)), "us/word")
    say("scan_stream_recited", per(WORDS, lambda: stream(index, recited)), "us/word")
    say("scan_stream_recited_with_matches", per(WORDS, lambda: stream(index, recited, ask=True)), "us/word")
    say("scan_stream_clean_one_go", per(WORDS, lambda: stream(index, ["".join(pieces)])), "us/word")
    for name, text in (("clean_ascii", plain), ("clean", clean), ("book", book)):
        seconds = per(1, lambda text=text: index.scan(text)) / 1e6
        say(f"scan_whole_{name}", len(text.encode()) / 1e6 / seconds, "MB/s", chars=len(text), ascii=text.isascii())


def stream(index: SegmentIndex, pieces: list[str], *, ask: bool = False) -> None:
    """Step over the pieces one by one; `ask` for the matches at every stop, as a gate does."""
    scanner = index.scanner("content")
    for piece in pieces:
        at = 0
        while (at := scanner.step(piece, at)) < len(piece):
            if ask:
                scanner.matches  # noqa: B018 (a property that does the work measured)
    scanner.close()


def per(count: int, work: Callable[[], object]) -> float:
    """Microseconds of CPU for each of `count`, the median of rounds after one to warm up."""
    took = []
    for _ in range(ROUNDS + 1):
        before = time.process_time()
        work()
        took.append(time.process_time() - before)
    return statistics.median(took[1:]) / count * 1e6


def say(name: str, value: float | None, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value and round(value, 2), "unit": unit, **more}), flush=True)


if __name__ == "__main__":
    main()
