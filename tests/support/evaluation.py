"""A folder of labelled sets made from the demo's works, small enough for a test."""

import json
from pathlib import Path

from proxy.evaluation.model import Effort

WORKS = Path(__file__).resolve().parents[2] / "proxy" / "demo" / "works"
TINY = Effort(
    pairs=None, ranked=20, planted=12, cells=2, disguised=2, documents=8, clean=12, streams=8, resamples=20
)  # fmt: skip
PAIRS = [
    ("he gave the old dog a bone and went home", "he gave the old dog a bone and went away", True),
    ("the harbour was full of ships that morning", "that morning the harbour was full of ships", True),
    ("nobody had seen the doctor since Tuesday", "since Tuesday nobody had seen him, the doctor", True),
    ("a letter came from the bank", "he gave the old dog a bone and went away", False),
    ("she could not sleep for the noise", "that morning the harbour was full of ships", False),
    ("we rode all night through the hills", "since Tuesday nobody had seen him, the doctor", False),
]


def folder(home: Path) -> Path:
    """A folder of one's own: pairs, works and clean texts."""
    for kind, names in (("works", ("alice", "war-of-the-worlds")), ("clean", ("christmas-carol", "peter-rabbit"))):
        (home / kind).mkdir(parents=True)
        for name in names:
            some = (WORKS / f"{name}.txt").read_text("utf-8")[:20_000]
            (home / kind / f"{name}.txt").write_text(some, encoding="utf-8")
    write_pairs(home, "small", PAIRS)
    return home


def write_pairs(home: Path, name: str, pairs: list[tuple[str, str, bool]]) -> None:
    """Pairs as a set of one's own."""
    (home / "sets").mkdir(parents=True, exist_ok=True)
    keys = ("output", "source", "label")
    lines = [json.dumps(dict(zip(keys, pair, strict=True))) for pair in pairs]
    (home / "sets" / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
