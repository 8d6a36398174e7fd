"""`fairgate eval`: measure detectors and baselines on labelled sets; one table, JSON, a page with curves."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from indexes.errors import UsageError
from proxy.evaluation.model import FULL, QUICK
from proxy.evaluation.page import page
from proxy.evaluation.report import as_json, table
from proxy.evaluation.run import Told, evaluate, silent

BESIDE: Final = Path(__file__).parents[2].parent / "shared" / "data"
"""The evaluation data, where it lies beside the checkout."""


@click.command("eval")
@click.argument("folder", metavar="[DIR]", default=BESIDE, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="A seeded sample of everything, in about a minute.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON document on standard output.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with curves to this file.")
def eval_command(folder: Path, *, quick: bool, json_wanted: bool, html: Path | None) -> int:
    """Measure on the labelled sets under DIR how well copies are found, beside plain baselines.

    DIR has `sets/NAME.jsonl` (output, source, label), `works/` and `clean/`, or the form of the evaluation data, which
    is looked for beside the checkout where no DIR is given. Prints one table: figure, 95 % interval, best baseline of
    the same run, target, met or missed. A missed target is no fault: the exit code is 0.
    """
    began = time.monotonic()
    if html is not None and not html.parent.is_dir():
        raise UsageError(f"`{html.parent}` is no folder; make it before a page can be written there")
    with progress() as told:
        result = evaluate(folder, QUICK if quick else FULL, told)
    about: dict[str, Any] = {
        "fairgate": metadata.version("fairgate"),
        "folder": str(folder),
        "mode": "quick" if quick else "full",
        "seconds": round(time.monotonic() - began, 1),
    }
    if html is not None:
        write(html, page(result, about))
    if json_wanted:
        click.echo(msgspec.json.format(msgspec.json.encode(as_json(result, about)), indent=2).decode())
        return 0
    for line in table(result):
        click.echo(line)
    return 0


def write(file: Path, said: str) -> None:
    """A page, as a file."""
    try:
        file.write_text(said, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"`{file}` cannot be written ({(error.strerror or str(error)).lower()})") from error


@contextmanager
def progress() -> Iterator[Told]:
    """A progress bar of steps on standard error, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield silent
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield forward(bar)


def forward(bar: Progress) -> Callable[[str, int, int], None]:
    """Tells a bar of the steps."""
    task = bar.add_task("reading", total=None)
    return lambda name, number, count: bar.update(task, description=name, completed=number, total=count)
