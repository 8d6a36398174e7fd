"""`fairgate ledger`: check the chains, take the records out, count them, look works up in them. Changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
import msgspec
from sqlalchemy import Connection

from indexes.errors import IndexUnavailableError, UsageError
from indexes.store import Store
from proxy.ledger import export as exporting
from proxy.ledger import lookup, reading, schema
from proxy.ledger.chain import Head
from proxy.ledger.engine import Place, unavailable
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.lookup import Answer, Said, Wanted, text_wanted, work_wanted
from proxy.ledger.verify import Report, verify
from proxy.moments import moment

_ledger = click.option(
    "--ledger", "url", metavar="URL", default="sqlite:///./fairgate-ledger.db", show_default=True, help="Which ledger."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """A time as people write it; UTC where no zone is said."""
    if value is None:
        return None
    try:
        return moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group("ledger")
def ledger_command() -> None:
    """Check and read the record of decisions."""


@ledger_command.command("verify")
@_ledger
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The --json output of an earlier verify: all it saw must still be there.",
)
@_json
@click.pass_context
def verify_command(context: click.Context, url: str, against: Path | None, *, as_json: bool) -> None:
    """Check every chain; exit 1 when a row was changed, deleted, moved or cut off."""
    kept = _heads(against) if against else ()
    with _reading(url) as connection:
        report = verify(connection, kept)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _say(report)
    context.exit(1 if report.faults else 0)


@ledger_command.command("export")
@_ledger
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--since", callback=_moment, metavar="WHEN", help="Only what was written since: 7d, 12h, 2026-01-31.")
@click.option("--text", is_flag=True, help="With excerpts, users and clients (jsonl only).")
def export_command(url: str, form: str, since: datetime | None, *, text: bool) -> None:
    """Print the records, oldest first."""
    if text and form == "csv":
        raise UsageError("`--text` needs `--format jsonl`: the table holds no excerpts")
    with _reading(url) as connection:
        lines = (
            exporting.jsonl(connection, since, text=text) if form == "jsonl" else exporting.csv_lines(connection, since)
        )
        for line in lines:
            click.echo(line)


@ledger_command.command("stats")
@_ledger
@_json
def stats_command(url: str, *, as_json: bool) -> None:
    """Count decisions, by action."""
    with _reading(url) as connection:
        stats = reading.stats(connection)
    if as_json:
        click.echo(msgspec.json.encode(stats))
        return
    click.echo(f"{stats.decisions} decisions{_span(stats.first, stats.last)}")
    for action, number in stats.actions.items():
        click.echo(f"  {action:10} {number:>10}")
    click.echo(
        f"{stats.rows} rows in {stats.chains} chains, {stats.texts} with text, {stats.fingerprints} with fingerprints"
    )


@ledger_command.command("search")
@click.argument("work", metavar="WORK|FILE")
@_ledger
@click.option("--index", "directory", default="./fairgate-index", show_default=True, help="Where WORK is registered.")
@click.option("--since", callback=_moment, metavar="WHEN", help="Only answers since: 7d, 12h, 2026-01-31.")
@click.option("--words", type=click.IntRange(min=0), default=0, help="Only copies of at least so many words.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many copies to name.")
@_json
def search_command(  # noqa: PLR0913 (one argument an option)
    work: str, url: str, directory: str, since: datetime | None, *, words: int, limit: int, as_json: bool
) -> None:
    """Say which answers held copies of WORK, an id in the index, or of the text in FILE."""
    wanted = _wanted(work, Path(directory))
    with _reading(url) as connection:
        answer = lookup.look_up(connection, wanted, lookup.Request(since, words, limit))
    if as_json:
        click.echo(msgspec.json.encode(answer.json()))
    else:
        _say_found(answer)


def _wanted(work: str, directory: Path) -> Wanted:
    """A work of the index by its id, else the text in a file of that name."""
    try:
        return work_wanted(Store(directory), work)
    except (UsageError, IndexUnavailableError) as unknown:
        try:
            return text_wanted(Path(work).read_bytes().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise UsageError(f"`{work}` is not UTF-8 text (byte {error.start}); convert it first") from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"`{work}` can be read neither as a file ({reason}) nor as a work: {unknown}") from error


def _say_found(answer: Answer) -> None:
    found = answer.found
    for said in answer.said:
        click.echo(_line(said))
    if answer.total > len(answer.said):
        click.echo(f"and {answer.total - len(answer.said)} more: ask with a higher --limit, or for more --words")
    span = _span(found.first, found.last)
    answers = len({(each.find.chain, each.find.seq) for each in answer.said})
    more = " or more" if answer.total > len(answer.said) else ""
    click.echo(f"{answer.total} copies in {answers}{more} of {found.choices} answers{span}")
    if found.others:
        click.echo(f"{found.others} answers could not be looked at: no fingerprints of them are kept", err=True)


def _span(first: datetime | None, last: datetime | None) -> str:
    return f", {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC" if first and last else ""


def _line(said: Said) -> str:
    find = said.find
    at = f"{said.at:%Y-%m-%d %H:%M}" if said.at else "?"
    much = f"{find.likely} words" if find.likely == find.words else f"{find.words} to {find.likely} words"
    return (
        f"{at}  {said.decision_id or '?'}  tenant {said.tenant or '?'}  choice {said.choice} {find.channel}  "
        f"{said.applied.value if said.applied else '?'}: {much}, at words {find.output.start}-{find.output.end} of the "
        f"answer and characters {said.source.start}-{said.source.end} of the work"
    )


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    """One state of a ledger, to read; a ledger that is not there is never made."""
    place = Place(url)
    engine = place.reader()
    try:
        with unavailable(place, "read"), engine.begin() as connection:
            if schema.check(connection, place.name) is None:
                raise LedgerUnavailableError(f"`{place.name}` holds no ledger: name another with --ledger")
            yield connection
    finally:
        engine.dispose()


def _heads(file: Path) -> tuple[Head, ...]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report).heads
    except (msgspec.MsgspecError, OSError) as error:
        raise UsageError(f"`{file}` is no report of `fairgate ledger verify --json`: {error}") from error


def _say(report: Report) -> None:
    for fault in report.faults:
        row = f" row {fault.seq}" if fault.seq is not None else ""
        click.echo(f"{fault.kind}: chain {fault.chain}{row}: {fault.detail}")
    kept = f"{report.texts} texts, {report.erased} erased"
    found = f"{len(report.faults)} faults" if report.faults else "all as written"
    click.echo(f"{report.rows} rows in {len(report.heads)} chains ({kept}): {found}")
