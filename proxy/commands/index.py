"""`fairgate index`: put works into an index, look at what it holds, take works out, check it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from typing_extensions import override

from indexes.compaction import plan
from indexes.corpora import Corpus, find
from indexes.errors import UsageError
from indexes.ingest import Added, ingest, jobs_for
from indexes.readers.document import Unread
from indexes.state import read_state
from indexes.store import Store
from indexes.text.embeddings_vectors import Embedding
from indexes.text.keep import Keep
from indexes.text.minhash import FAMILIES

ORDER: Final = ("added", "replaced", "updated", "unchanged")
KEEPING: Final = ("fingerprints_only", "minhash_only", "minhash_family", "embeddings")
DIRECTORY: Final = "./fairgate-index"
MANY: Final = 7
"""Segments that compacting would spare, which is worth a line: each costs a look-up 0.3 microseconds a word."""

index_option = click.option(
    "--index",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=DIRECTORY,
    show_default=True,
    help="The index's folder.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")


class IndexCommands(click.Group):
    """The commands below, and `duplicates`, whose module is imported when it is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands."""
        return [*super().list_commands(ctx), "duplicates"]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by name; None for an unknown one."""
        if cmd_name != "duplicates":
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module("proxy.commands.duplicates").duplicates_command
        return command


@click.group("index", cls=IndexCommands)
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
@click.option("--minhash-only", is_flag=True, help="Keep signatures of passages alone: no grams, no texts.")
@click.option(
    "--minhash-family",
    type=click.Choice(FAMILIES),
    default="affine32",
    show_default=True,
    help="How signatures are made.",
)
@click.option(
    "--embeddings",
    metavar="static|cascade|MODEL",
    help="Keep vectors of passages, so that paraphrase is found: by static vectors, by these and a small model, or by "
    "a sentence-transformers model.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes to add with; one a core unless there is little.")
def add(
    paths: tuple[Path, ...],
    directory: Path,
    *,
    as_json: bool,
    kind: str,
    jobs: int | None,
    **facts: Any,
) -> int:
    """Add works from files, folders, archives, crawls and .jsonl manifests.

    Text, HTML, EPUB, PDF, parquet, zip, tar, gz, bz2, xz, zst, WARC and WET are read. What a manifest says goes before
    the options, and these before what a document says of itself. Add the same again to go on where adding stopped.
    """
    if kind == "image":
        raise UsageError("images are not indexed yet; add texts")
    keep = keeping(facts)
    defaults = {key: list(value) if key == "creators" else value for key, value in facts.items() if value}
    if kind != "auto":
        defaults["kind"] = kind
    corpus = find(paths, defaults)
    if "title" in defaults and (len(corpus.files) != 1 or not corpus.files[0].is_one_work):
        raise UsageError("`--title` names one work; give one file, or titles in a manifest")
    store = Store(directory)
    told = Told()
    try:
        with progress(corpus) as forward:
            for each in ingest(store, corpus, jobs=jobs or jobs_for(corpus, keep), keep=keep, built=forward.built):
                told.take(each)
                forward.by(each.size if isinstance(each, Unread) else each.item.size)
    except KeyboardInterrupt:
        say(f"stopped; {kept(store)}. Give the same command again to go on")
        raise
    report(store, told, as_json=as_json)
    if told.changed:
        advise(store)
    return 1 if told.faults else 0


def keeping(options: dict[str, Any]) -> Keep:
    """What is to be kept of works; takes the options that say so out of the others."""
    fingerprints_only, only, family, spec = (options.pop(name) for name in KEEPING)
    if only and spec:
        raise UsageError("`--minhash-only` keeps signatures alone; leave out `--embeddings`, or `--minhash-only`")
    embedding = Embedding.of(spec) if spec else None
    return Keep(texts=not fingerprints_only, minhash=family if only else None, embedding=embedding)


class Told:
    """What became of what was found: works by change, and the lines that were said of the rest."""

    def __init__(self) -> None:
        self.works: dict[str, list[str]] = {change: [] for change in ORDER}
        self.notes: list[str] = []
        self.passed: list[str] = []
        self.faults: list[str] = []

    @property
    def changed(self) -> bool:
        """Whether any work is in the index now that was not so before."""
        return any(works for change, works in self.works.items() if change != "unchanged")

    def take(self, each: Added | Unread) -> None:
        """Keep what became of a work or a document, and say at once what is worth a line."""
        if isinstance(each, Unread):
            say(each.why)
            (self.faults if each.fault else self.passed).append(each.why)
            return
        work = each.item.work
        self.works[each.change].append(work.id)
        if each.change == "unchanged":
            return
        for note in each.item.notes:
            say(note)
        self.notes += each.item.notes
        if each.change == "replaced":
            say(f"`{work.id}` had another content; replaced")


def advise(store: Store) -> None:
    """Say that look-ups are slower than they need be, if that is so."""
    segments = store.snapshot(check=False).segments
    merged = sum(len(group) - 1 for group in plan(segments))
    if merged >= MANY:
        say(f"{len(segments)} segments: `fairgate index compact` makes look-ups faster")


def kept(store: Store) -> str:
    """What an index holds, in words."""
    state = read_state(store.directory)
    return f"`{store.directory}` holds {state.works if state else 0} works"


def report(store: Store, told: Told, *, as_json: bool) -> None:
    """Say what adding did."""
    state = store.state() if any(told.works.values()) else None
    if as_json:
        said = {"index": str(store.directory), "revision": state.revision if state else None, **told.works}
        put({**said, "notes": told.notes, "skipped": told.passed, "faults": told.faults})
        return
    counts = [f"{len(told.works[change])} {change}" for change in ORDER if told.works[change] or change == "added"]
    others = (("mended or open", told.notes), ("skipped", told.passed), ("at fault", told.faults))
    counts += [f"{len(found)} {name}" for name, found in others if found]
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
    said = {
        **asdict(place.work),
        "text_kept": place.segment.keeps_texts,
        "verbatim_promise": not place.work.minhash_only,
    }
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


@index_command.command("compact")
@index_option
@json_option
def compact(directory: Path, *, as_json: bool) -> int:
    """Merge segments, and delete what is left on disk of removed works.

    The index holds the same works afterwards, under the same revision; a running server goes on undisturbed.
    """
    store = Store(directory)
    done = store.compact()
    if as_json:
        put({"index": str(directory), "revision": store.revision(), **asdict(done)})
        return 0
    segments = f"{done.segments_before} segments, {done.bytes_before} bytes before; {done.segments}, {done.bytes} now"
    click.echo(f"{segments}; {done.dropped} removed works deleted for good; revision {store.revision()}")
    return 0


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
    if said["minhash_only"]:
        say(f"{said['minhash_only']} works are held by signatures alone: no promise on verbatim copies covers them")
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
        self._building: TaskID | None = None

    def by(self, size: int) -> None:
        """So many bytes more are read."""
        if self._bar and self._task is not None:
            self._bar.advance(self._task, size)

    def built(self, done: int, taken: int) -> None:
        """So many characters of those taken so far are in the index."""
        if self._bar and self._building is None:
            self._building = self._bar.add_task("indexing")
        if self._bar and self._building is not None:
            self._bar.update(self._building, completed=done, total=taken)


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
