"""Signatures a second and look-ups of near-duplicates: `python -m benchmarks.minhash [PASSAGES...]`, a JSON line each.

Signatures are made of the passages of twenty novels, by each family and by `datasketch` (and `rensa`, where it is
installed) in one run, on one core. For look-ups the novels, with 3 to 30 % of their words replaced, anew each time
round, are signed until there are as many passages as asked for, 10,000 and 1,000,000 if nothing is said; the index is
written to disk and mapped by a fresh process, which looks up passages and answers of 500 words that it does not hold
(books and textbooks) and that it does (novels, as they are).
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random

import datasketch
import numpy as np
from numpy.typing import NDArray

from indexes.model import Work
from indexes.segment import write_segment
from indexes.text.minhash import FAMILIES, PASSAGE, STRIDE, Hashes, permuter, shingle_hash, shingle_hashes, sign
from indexes.text.minhash_build import MinHashBuilder
from indexes.text.minhash_build import build as build_segment
from indexes.text.minhash_index import MinHashIndex
from indexes.text.minhash_passages import TOKENS, Fresh, reach_of, signed
from indexes.text.normalize import Tokens, tokenize
from indexes.text.segment import TextSegment
from tests.support.recall import books, texts

DATA = Path(__file__).parents[1].parent / "shared" / "data"
SIZES = (10_000, 1_000_000)
NOVELS = 20
THEIRS = 300
"""Passages that `datasketch` signs; it takes long enough for each."""
QUERIES = 400
HELD = 4
"""Novels that even a small index holds."""
ANSWER = 500
"""Words of an answer."""
COPIES, EDITS, PLANTS = (62, 124, 186, 250, 500), (0.02, 0.05, 0.1, 0.2), 200
RATES = (0.03, 0.1, 0.2, 0.3)
SEED = 20_261_124


def main() -> None:
    if not DATA.is_dir():
        say("minhash", None, "", skipped="needs the data folder beside the checkout")
    elif sys.argv[1:2] == ["--look-up"]:
        look_up(Path(sys.argv[2]), sys.argv[3])
    else:
        signatures()
        recall()
        for size in map(int, sys.argv[1:]) if sys.argv[1:] else SIZES:
            with tempfile.TemporaryDirectory() as folder:
                name = build(Path(folder), size)
                subprocess.run([sys.executable, "-m", "benchmarks.minhash", "--look-up", folder, name], check=True)


def signatures() -> None:
    """How many passages are signed a second."""
    works = [shingle_hashes(tokenize(text).hashes) for _, text in texts(DATA, "novels")[:NOVELS]]
    count = len(sign(works, permuter("affine32")).passages)
    for family in FAMILIES:
        took = seconds(lambda family=family: sign(works, permuter(family)), rounds=3)
        say(f"minhash_sign_{family}", count / took, "signatures/s", passages=count)
    sets = [works[0][at : at + PASSAGE] for at in range(0, THEIRS * STRIDE, STRIDE)]
    say("minhash_sign_datasketch_update", THEIRS / seconds(lambda: list(map(updated, shingles(sets)))), "signatures/s")
    say("minhash_sign_datasketch_batch", THEIRS / seconds(lambda: batched(shingles(sets))), "signatures/s")
    hashed = [each.tolist() for each in sets]
    say("minhash_sign_datasketch_batch_hashed", THEIRS / seconds(lambda: batched(hashed, int)), "signatures/s")
    theirs = np.stack([each.hashvalues for each in batched(shingles_of_tokens(), shingle_hash)])
    ours = sign(works[:1], permuter("affine32")).passages[: len(theirs)]
    say("minhash_equal_to_datasketch", float((ours == theirs).all(axis=1).mean()), "share", passages=len(theirs))
    if find_spec("rensa"):
        rensa_signatures(works)


def shingles(sets: list[Hashes]) -> list[list[bytes]]:
    """Sets of shingles as bytes, for a hash of `datasketch`'s own."""
    return [[value.tobytes() * 5 for value in each] for each in sets]


def shingles_of_tokens() -> list[list[bytes]]:
    """The passages of the first novel as the bytes of their shingles."""
    raw = tokenize(texts(DATA, "novels")[0][1]).hashes.astype("<u4").tobytes()
    starts = range(0, 50 * STRIDE, STRIDE)
    return [[raw[4 * at : 4 * at + 20] for at in range(start, start + PASSAGE)] for start in starts]


def updated(shingles: list[bytes]) -> datasketch.MinHash:
    found = datasketch.MinHash(128)
    for shingle in shingles:
        found.update(shingle)
    return found


def batched(sets: list[list[bytes]] | list[list[int]], hashfunc: object = None) -> list[datasketch.MinHash]:
    return list(datasketch.MinHash.bulk(sets, num_perm=128, hashfunc=hashfunc))


def rensa_signatures(works: list[Hashes]) -> None:
    """The same passages by `rensa`, which is given the hashes of their shingles."""
    from rensa import RMinHash

    starts = [np.arange(0, len(work) - PASSAGE, STRIDE) for work in works]
    rows = np.concatenate([work[at[:, None] + np.arange(PASSAGE)] for work, at in zip(works, starts, strict=True)])
    flat, edges = rows.ravel().astype(np.uint64), np.arange(0, rows.size + 1, PASSAGE, dtype=np.uint64)
    for name in ("digest_matrix_from_flat_token_hashes", "digest_matrix_from_flat_token_hashes_rho"):
        took = seconds(lambda name=name: getattr(RMinHash, name)(flat, edges, 128, 1), rounds=3)
        say(f"minhash_sign_rensa{'_rho' if name.endswith('rho') else ''}", len(rows) / took, "signatures/s")


def recall() -> None:
    """Which share of copies is found in answers, by length and share of words replaced; and how much clean text is."""
    index = MinHashIndex([TextSegment.built(build_segment(books(DATA)))])
    held = [(work.id, text.split()) for work, text in books(DATA) if len(text.split()) > 2 * ANSWER]
    others = [text.split() for _, text in texts(DATA, "novels", without="Haggard_She")]
    chance = Random(SEED)
    for words in COPIES:
        for rate in (0.0, *EDITS):
            found = sum(planted(index, held, others, chance, words=words, rate=rate) for _ in range(PLANTS))
            say("minhash_recall", found / PLANTS, "share", words=words, replaced=rate, copies=PLANTS)
    clean = [" ".join(words[at : at + ANSWER]) for words in others for at in range(0, len(words) - ANSWER, 4 * ANSWER)]
    say("minhash_false_alarms", sum(bool(index.lookup(text)) for text in clean), "answers", clean=len(clean))


def planted(
    index: MinHashIndex,
    held: list[tuple[str, list[str]]],
    others: list[list[str]],
    chance: Random,
    *,
    words: int,
    rate: float,
) -> bool:
    """Whether a copy from a held work, some words replaced, is found between words of others."""
    (name, source), other = chance.choice(held), chance.choice(others)
    at, start = chance.randrange(len(source) - words), chance.randrange(len(other) - ANSWER)
    copy = [chance.choice(other) if chance.random() < rate else word for word in source[at : at + words]]
    before = chance.randrange(ANSWER // 2)
    text = " ".join([*other[start : start + before], *copy, *other[start + before : start + ANSWER // 2]])
    return any(each.work.id == name for each in index.lookup(text))


def build(folder: Path, size: int) -> str:
    """An index of so many passages of novels that are changed in places; its name in the folder."""
    builder, chance = MinHashBuilder(), np.random.default_rng(SEED)
    novels = [tokenize(text) for _, text in texts(DATA, "novels", without="Haggard_She")]
    before = time.process_time()
    left = size
    while left > 0:
        for number, tokens in enumerate(novels):
            if left > 0:
                part = first_tokens(tokens, left * STRIDE + TOKENS - STRIDE)
                (held,) = signed([perturbed(part, chance)], permuter("affine32"))
                builder.put(Work(id=f"{left}-{number}", title="-", words=len(part)), held)
                left -= len(held.passages)
    built = builder.finish()
    say("minhash_build", size / (time.process_time() - before), "passages/s", passages=size)
    return write_segment(folder, {}, built.arrays, built.files)


def first_tokens(tokens: Tokens, count: int) -> Tokens:
    return Tokens(tokens.hashes[:count], tokens.starts[:count], tokens.ends[:count], tokens.units[:count])


def perturbed(tokens: Tokens, chance: np.random.Generator) -> Fresh:
    """A work with some of its words replaced by words of itself from elsewhere."""
    hashes = tokens.hashes.copy()
    places = chance.random(len(hashes)) < chance.choice(RATES)
    hashes[places] = chance.choice(hashes, int(places.sum()))
    return Fresh(shingle_hashes(hashes), reach_of(tokens), len(tokens))


def look_up(folder: Path, name: str) -> None:
    """The figures of an index that this process has not built."""
    before, own = time.perf_counter(), private()
    index = MinHashIndex([TextSegment.open(folder, name)])
    opened = (time.perf_counter() - before) * 1e3
    count = len(index)
    size = sum(path.stat().st_size for path in (folder / name).iterdir())
    say("minhash_open", opened, "ms", passages=count)
    say("minhash_bytes", size / count, "bytes/passage", passages=count)
    clean = list(answers("books", without="PG3155")) + list(answers("reference"))
    for kind, given in (("clean", clean), ("held", list(answers("novels", most=HELD)))):
        for words in (TOKENS, ANSWER):
            took, found = measured(index, given, words)
            low, high = np.percentile(took, [50, 99])
            more = {"passages": count, "words": words, "found": found, "queries": len(took)}
            say(f"minhash_lookup_{kind}_p50", float(low), "ms", **more)
            say(f"minhash_lookup_{kind}_p99", float(high), "ms", **more)
    say("minhash_private_memory", private() - own, "MiB", passages=count)


def answers(folder: str, without: str = "-", most: int | None = None) -> Iterator[list[str]]:
    """Stretches of words of texts, of so many texts at most."""
    for _, text in texts(DATA, folder, without)[:most]:
        words = text.split()
        yield from (words[at : at + ANSWER] for at in range(2000, min(len(words), 70_000) - ANSWER, ANSWER))


def measured(index: MinHashIndex, given: list[list[str]], words: int) -> tuple[NDArray[np.float64], float]:
    """Milliseconds of CPU of each look-up, and the share that found something."""
    chance = np.random.default_rng(SEED)
    chosen = [" ".join(given[at][:words]) for at in chance.permutation(len(given))[:QUERIES]]
    took, found = [], 0
    for text in chosen:
        before = time.process_time()
        found += bool(index.lookup(text))
        took.append((time.process_time() - before) * 1e3)
    return np.array(took), found / len(chosen)


def private() -> float:
    """MiB of memory that are this process's own, not those of mapped files."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines() if Path("/proc/self/smaps_rollup").exists() else []
    sizes = [int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Anonymous"))]
    return max(sizes) / 1024 if sizes else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds(work: Callable[[], object], rounds: int = 1) -> float:
    """Seconds of CPU that something takes, the least of some rounds."""
    took = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        took.append(time.process_time() - before)
    return min(took)


def say(name: str, value: float | None, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value and round(value, 3), "unit": unit, **more}), flush=True)


if __name__ == "__main__":
    main()
