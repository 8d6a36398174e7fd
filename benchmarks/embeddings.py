"""Embedders and look-ups of passages: `python -m benchmarks.embeddings [MODEL...]`, one JSON line a figure.

Each model (`static` and `minilm`, unless others are named) is measured in a process of its own. Look-ups run over
10,000 passages of novels, then over 100,000 and 1,000,000 made of these by adding noise, once and again with all
vectors looked at; what is asked are model-written paraphrases of other books, one text at a time. Times are of
CPU but for opening.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from indexes.model import Work
from indexes.text.embeddings import open_candidates
from indexes.text.embeddings_faiss import LARGE, open_shelf
from indexes.text.embeddings_models import Cascade, Encoder, MiniLmEncoder, StaticEncoder, open_cascade
from indexes.text.embeddings_vectors import decoded, encoded
from indexes.text.segment import TextSegment
from tests.support.recall import texts

DATA = Path(__file__).parents[1].parent / "shared" / "data"
PASSAGES = 10_000
SIZES = (10_000, 100_000, 1_000_000)
NOISE = 0.04
"""Standard deviation added to each component of a vector of length 1: cosine about 0.8 to where it came from."""
ASKED = 200


def main() -> None:
    if not DATA.is_dir():
        say("embeddings", None, "", skipped="needs the data folder beside the checkout")
    elif sys.argv[1:2] == ["--model"]:
        measure(sys.argv[2])
    elif sys.argv[1:] == ["--lookup"]:
        look_up()
    else:
        for model in sys.argv[1:] or ("static", "minilm"):
            again("--model", model)
        again("--lookup")


def again(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "benchmarks.embeddings", *arguments], check=True)


def measure(model: str) -> None:
    """How quick one model is, and what it takes."""
    before = resident()
    started = time.perf_counter()
    encoder = opened(model)
    say("embed_open", (time.perf_counter() - started) * 1e3, "ms", model=encoder.name)
    text = " ".join(paraphrases()).split()
    sentences = [" ".join(text[at : at + 40]) for at in range(0, 40 * 256, 40)]
    passages = [" ".join(text[at : at + 200]) for at in range(0, 200 * 64, 200)]
    encoder.encode(sentences[:8])
    one = median(lambda number: encoder.encode([sentences[number]]), 64)
    say("embed_one", one * 1e3, "ms", model=encoder.name, words=40)
    batch = median(lambda number: encoder.encode(sentences[64 * number : 64 * number + 64]), 4)
    say("embed_batch", 64 / batch, "sentences/s", model=encoder.name, words=40, batch=64)
    one = median(lambda number: encoder.encode([passages[number]]), 16)
    say("embed_passage", one * 1e3, "ms", model=encoder.name, words=200)
    say("embed_memory", resident() - before, "MB", model=encoder.name)


def opened(model: str) -> Encoder:
    if model == "minilm":
        return MiniLmEncoder.open(threads=1)
    return open_cascade(model).finder


def look_up() -> None:
    """How long it takes to find what a text retells, by the number of passages."""
    cascade = Cascade(StaticEncoder.open(), MiniLmEncoder.open(threads=1))
    started = time.process_time()
    segment = TextSegment.from_texts(corpus(), cascade=Cascade(cascade.finder))
    codes = segment.vectors[0].codes
    took = time.process_time() - started
    say("embed_index", len(codes) / took, "passages/s", passages=len(codes), with_grams=True, bytes=codes.nbytes)
    asked = paraphrases()[:ASKED]
    candidates = open_candidates([segment], cascade)
    assert candidates is not None
    percentiles("lookup_static", [took_by(lambda text=text: candidates.nominate([text])) for text in asked], len(codes))
    said = asked[: ASKED // 4]
    percentiles(
        "lookup_cascade_first", [took_by(lambda text=text: candidates.find([text])) for text in said], len(codes)
    )
    percentiles(
        "lookup_cascade_again", [took_by(lambda text=text: candidates.find([text])) for text in said], len(codes)
    )
    queries = cascade.finder.encode(asked)
    rng = np.random.default_rng(1)
    rows = decoded(codes[:PASSAGES])
    for size in SIZES:
        grown = np.concatenate([encoded(perturbed(rows, rng)) for _ in range(0, size, len(rows))])[:size]
        for large in (size + 1, 1) if size > PASSAGES else (size + 1,):
            shelf_figures(grown, queries, large)


def shelf_figures(codes: np.ndarray, queries: np.ndarray, large: int) -> None:
    """How long it takes to open and to ask one shelf, and how much of the truth it finds."""
    started = time.perf_counter()
    shelf = open_shelf([codes], large=large)
    kind = "flat" if large > len(codes) else "lists"
    say(
        "shelf_open",
        time.perf_counter() - started,
        "s",
        passages=len(codes),
        kind=kind,
        default=(large == 1) == (len(codes) >= LARGE),
    )
    hidden = np.zeros(len(codes), bool)
    times = [took_by(lambda row=row: shelf.nearest(row[None], 50, hidden)) for row in queries]
    percentiles(f"shelf_{kind}", times, len(codes))
    if kind == "lists":
        truth = open_shelf([codes], large=len(codes) + 1)
        ten = [set(truth.nearest(row[None], 10, hidden)[1][0].tolist()) for row in queries]
        found = [
            len(want & set(shelf.nearest(row[None], 50, hidden)[1][0].tolist())) / 10
            for row, want in zip(queries, ten, strict=True)
        ]
        say("shelf_recall_10_in_50", statistics.mean(found), "", passages=len(codes), kind=kind)


def corpus() -> list[tuple[Work, str]]:
    """Novels until there are passages enough."""
    chosen, words = [], 0
    for name, text in texts(DATA, "novels"):
        chosen.append((Work(str(name), str(name)), text))
        words += text.count(" ")
        if words > PASSAGES * 100:
            break
    return chosen


def perturbed(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moved = rows + rng.normal(scale=NOISE, size=rows.shape).astype(np.float32)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def paraphrases() -> list[str]:
    lines = (DATA / "paraphrase" / "decop.jsonl").read_text("utf-8").splitlines()
    return [text for line in lines for text in json.loads(line)["paraphrases"]]


def median(work: Callable[[int], object], rounds: int) -> float:
    return statistics.median(took_by(lambda number=number: work(number)) for number in range(rounds))


def took_by(work: Callable[[], object]) -> float:
    """Seconds of CPU, whoever else is at work on this machine."""
    started = time.process_time()
    work()
    return time.process_time() - started


def percentiles(name: str, seconds: list[float], passages: int) -> None:
    for part in (50, 99):
        say(f"{name}_p{part}", float(np.percentile(seconds, part)) * 1e3, "ms", passages=passages, asked=len(seconds))


def resident() -> float:
    """Memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def say(name: str, value: float | None, unit: str, **more: object) -> None:
    print(
        json.dumps({"name": name, "value": round(value, 4) if value is not None else None, "unit": unit, **more}),
        flush=True,
    )


if __name__ == "__main__":
    main()
