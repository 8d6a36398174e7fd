"""Adding a folder of texts with one process and with one a core, and adding it again; memory of each."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from indexes.corpora import find
from indexes.ingest import ingest
from indexes.store import Store

TEXTS = Path(__file__).parents[1].parent / "shared" / "data" / "text"


def main() -> None:
    if not TEXTS.is_dir():
        print(json.dumps({"name": "ingest", "skipped": "needs the data folder beside the checkout"}))
        return
    with TemporaryDirectory() as folder:
        for jobs in sorted({1, len(os.sched_getaffinity(0))}):
            for what in ("add", "again"):
                command = [sys.executable, "-m", "benchmarks.ingest", f"{folder}/{jobs}", str(jobs), what]
                subprocess.run(command, check=True)


def measure(index: Path, jobs: int, what: str) -> None:
    corpus = find([TEXTS])
    started = time.perf_counter()
    works = sum(hasattr(each, "change") for each in ingest(Store(index), corpus, jobs=jobs))
    seconds = time.perf_counter() - started
    peak = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {
        "name": f"ingest_{what}_{jobs}",
        "value": round(corpus.size / 1e6 / seconds, 1),
        "unit": f"MB/s of files, {jobs} processes",
        "megabytes": round(corpus.size / 1e6, 1),
        "works": works,
        "segments": len(Store(index).state().segments),
        "peak_mib": peak[0],
        "peak_mib_of_a_worker": peak[1] if jobs > 1 else None,
        "load": os.getloadavg()[0],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        main()
