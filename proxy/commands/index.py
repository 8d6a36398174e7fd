"""`fairgate index`: put works into an index, look at what it holds, take works out, check it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from indexes.corpora import Corpus, Unread, find
from indexes.errors import UsageError
from indexes.model import Work
from indexes.store import Store

ORDER: Final = ("added", "replaced", "updated", "unchanged")
DIRECTORY: Final = "./fairgate-index"

index_option = click.option(
    "--index",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=DIRECTORY,
    show_default=True,
    help="The index's folder.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")


@click.group("index")
def index_command() -> None:
    """Put works into an index, look at what it holds, take works out, check it."""


@index_command.command("add")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@index_option
@json_option
@click.option("--kind", type=click.Choice(["auto", "text", "code", "image"]), default="auto", show_default=True)
@click.option("--title", help="Title, where one work is added.")
@click.option("--creator", "creators", multiple=True, help="Who made the works; may be given again.")
@click.option("--holder", help="Who holds the rights.")
@click.option("--license", help="SPDX id, or LicenseRef-...")
@click.option("--nature", type=click.Choice(["creative", "factual", "functional"]))
@click.option("--url", help="Where the work is to be found.")
@click.option("--fingerprints-only", is_flag=True, help="Do not keep the texts beside their fingerprints.")
def add(
    paths: tuple[Path, ...], directory: Path, *, as_json: bool, kind: str, fingerprints_only: bool, **facts: Any
) -> int:
    """Add works from files, folders and .jsonl manifests. What a manifest says goes before the options."""
    if kind == "image":
        raise UsageError("images are not indexed yet; add texts")
    defaults = {key: list(value) if key == "creators" else value for key, value in facts.items() if value}
    if kind != "auto":
        defaults["kind"] = kind
    corpus = find(paths, defaults)
    if "title" in defaults and (len(corpus.files) != 1 or corpus.files[0].is_manifest):
        raise UsageError("`--title` names one work; give one file, or titles in a manifest")
    store = Store(directory)
    told: dict[str, list[str]] = {change: [] for change in ORDER}
    unread: list[Unread] = []
    with progress(corpus) as forward:
        works = readable(corpus, unread, forward)
        for outcome in store.add(works, keep_texts=not fingerprints_only):
            told[outcome.change].append(outcome.id)
            if outcome.change == "replaced":
                say(f"`{outcome.id}` had another content; replaced")
    report(store, told, unread, as_json=as_json)
    return 1 if any(item.fault for item in unread) else 0


def readable(corpus: Corpus, unread: list[Unread], forward: "Forward") -> Iterator[tuple[Work, str]]:
    """The works that can be read; the others are said at once and kept in `unread`."""
    for item in corpus:
        if isinstance(item, Unread):
            say(item.why)
            unread.append(item)
        else:
            yield item.work, item.text
        forward.by(item.size)


def report(store: Store, told: dict[str, list[str]], unread: list[Unread], *, as_json: bool) -> None:
    """Say what adding did."""
    faults = [item.why for item in unread if item.fault]
    passed = [item.why for item in unread if not item.fault]
    state = store.state() if any(told.values()) else None
    if as_json:
        revision = state.revision if state else None
        put({"index": str(store.directory), "revision": revision, **told, "skipped": passed, "faults": faults})
        return
    counts = [f"{len(told[change])} {change}" for change in ORDER if told[change] or change == "added"]
    counts += [f"{len(found)} {name}" for name, found in (("skipped", passed), ("at fault", faults)) if found]
    holds = f"; `{store.directory}` holds {state.works} works, revision {state.revision}" if state else ""
    click.echo(", ".join(counts) + holds)


@index_command.command("list")
@index_option
@json_option
def list_works(directory: Path, *, as_json: bool) -> int:
    """List the works, one a line: id, words, form, licence, title."""
    store = Store(directory)
    revision = store.state().revision
    if as_json:
        put({"index": str(directory), "revision": revision, "works": [asdict(work) for work in store.works()]})
        return 0
    for work in store.works():
        row = (work.id, str(work.words), work.form or "-", work.license or "-", work.title)
        click.echo("\t".join(map(printable, row)))
    return 0


@index_command.command("show")
@click.argument("work_id", metavar="ID")
@index_option
@json_option
def show(work_id: str, directory: Path, *, as_json: bool) -> int:
    """Show what the index knows of one work."""
    place = Store(directory).find(work_id)
    if place is None:
        say(f"no work `{work_id}` in `{directory}`; `fairgate index list` names those there are")
        return 1
    said = {**asdict(place.work), "text_kept": place.segment.keeps_texts}
    if as_json:
        put(said)
        return 0
    for key, value in said.items():
        if value not in (None, (), ""):
            click.echo(printable(f"{key}: {', '.join(map(str, value)) if isinstance(value, tuple) else value}"))
    return 0


@index_command.command("remove")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@index_option
@json_option
def remove(ids: tuple[str, ...], directory: Path, *, as_json: bool) -> int:
    """Remove works, so that they no longer match."""
    store = Store(directory)
    outcomes = store.remove(ids)
    missing = [outcome.id for outcome in outcomes if outcome.change == "missing"]
    removed = [outcome.id for outcome in outcomes if outcome.change == "removed"]
    for each in missing:
        say(f"no work `{each}` in `{directory}`; `fairgate index list` names those there are")
    state = store.state()
    if as_json:
        put({"index": str(directory), "revision": state.revision, "removed": removed, "missing": missing})
    else:
        click.echo(f"{len(removed)} removed; `{directory}` holds {state.works} works, revision {state.revision}")
    return 1 if missing else 0


@index_command.command("verify")
@index_option
@json_option
def verify(directory: Path, *, as_json: bool) -> int:
    """Read the whole index again and compare every checksum."""
    store = Store(directory)
    faults = store.verify()
    for fault in faults:
        say(fault)
    if as_json:
        put({"index": str(directory), "ok": not faults, "faults": faults})
    elif not faults:
        state = store.state()
        click.echo(f"`{directory}` is whole: {state.works} works, revision {state.revision}")
    return 1 if faults else 0


@index_command.command("stats")
@index_option
@json_option
def stats(directory: Path, *, as_json: bool) -> int:
    """Count works, words and bytes."""
    store = Store(directory)
    said = store.stats()
    said["built"] = datetime.fromtimestamp(said["built"], UTC).isoformat(timespec="seconds")
    said["kinds"] = dict(Counter(work.kind for work in store.works()))
    if as_json:
        put(said)
        return 0
    for key, value in said.items():
        if not isinstance(value, dict):
            click.echo(f"{key}: {value}")
    return 0


class Forward:
    """Moves a progress bar; without one it does nothing."""

    def __init__(self, bar: Progress | None = None, total: int = 0) -> None:
        self._bar = bar
        self._task = bar.add_task("reading", total=total or None) if bar else None

    def by(self, size: int) -> None:
        """So many bytes more are read."""
        if self._bar and self._task is not None:
            self._bar.advance(self._task, size)


@contextmanager
def progress(corpus: Corpus) -> Iterator[Forward]:
    """A progress bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Forward()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield Forward(bar, corpus.size)


def say(line: str) -> None:
    """One line on standard error."""
    click.echo(f"fairgate: {printable(line)}", err=True)


def printable(said: str) -> str:
    """A text that stays on its line and moves no cursor, whatever a work is called."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in said)


def put(said: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(said), indent=2).decode())
