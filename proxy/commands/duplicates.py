"""`fairgate index duplicates`: works that are in an index twice, or one within another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from indexes.store import Store
from indexes.text.minhash_duplicates import Likeness, Pair, Told, clusters, duplicates
from proxy.commands.index import index_option, json_option, printable, put, say


@click.command("duplicates")
@index_option
@json_option
@click.option(
    "--threshold",
    type=click.FloatRange(0.1, 1.0),
    default=0.8,
    show_default=True,
    help="Share of five-word shingles that two works, or the smaller of them, have in common at least.",
)
def duplicates_command(directory: Path, *, as_json: bool, threshold: float) -> int:
    """List works that are nearly the same, and works that stand within others; most alike first.

    A line names two works, how alike they are (Jaccard) and how much of either is in the other; exact where the index
    keeps their tokens, estimated where it has signatures alone.
    """
    snapshot = Store(directory).snapshot()
    with progress() as told:
        pairs = duplicates(snapshot.segments, threshold, told)
    groups = clusters(pairs)
    if as_json:
        said = {"index": str(directory), "revision": snapshot.revision, "threshold": threshold, "works": snapshot.works}
        put({**said, "pairs": [described(pair) for pair in pairs], "clusters": groups})
        return 0
    for pair in pairs:
        click.echo("\t".join(map(printable, (pair.a.id, pair.b.id, *figures(pair)))))
    say(f"{len(pairs)} pairs in {len(groups)} clusters among {snapshot.works} works, at {threshold} or more")
    return 0


def figures(pair: Pair) -> tuple[str, ...]:
    """How alike two works are, in words."""
    found = pair.likeness
    how = "exact" if pair.exact else "estimated"
    return (
        f"jaccard {found.jaccard:.2f}",
        f"first in second {found.a_in_b:.2f}",
        f"second in first {found.b_in_a:.2f}",
        how,
    )


def described(pair: Pair) -> dict[str, Any]:
    """A pair as JSON."""
    return {
        "a": pair.a.id,
        "b": pair.b.id,
        "estimated": rounded(pair.estimated),
        "exact": rounded(pair.exact) if pair.exact else None,
    }


def rounded(likeness: Likeness) -> dict[str, float]:
    """Figures without digits that mean nothing."""
    return {name: round(value, 4) for name, value in asdict(likeness).items()}


@contextmanager
def progress() -> Iterator[Told]:
    """A progress bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _all: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("comparing", total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)
