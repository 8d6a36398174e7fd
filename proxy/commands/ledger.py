"""`fairgate ledger`: check the chains, take the records out, count them. Changes nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec
from sqlalchemy import Connection

from indexes.errors import UsageError
from proxy.ledger import export as exporting
from proxy.ledger import reading, schema
from proxy.ledger.chain import Head
from proxy.ledger.engine import Place, unavailable
from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.verify import Report, verify

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_ledger = click.option(
    "--ledger", "url", metavar="URL", default="sqlite:///./fairgate-ledger.db", show_default=True, help="Which ledger."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """A time as people write it; UTC where no zone is said."""
    if value is None:
        return None
    if ago := re.fullmatch(r"(\d{1,4})([smhdw])", value):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"`{value}` is no time: write 7d, 12h, 2026-01-31 or 2026-01-31T12:00+00:00"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


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
    span = f", {stats.first:%Y-%m-%d %H:%M} to {stats.last:%Y-%m-%d %H:%M} UTC" if stats.first and stats.last else ""
    click.echo(f"{stats.decisions} decisions{span}")
    for action, number in stats.actions.items():
        click.echo(f"  {action:10} {number:>10}")
    click.echo(f"{stats.rows} rows in {stats.chains} chains, {stats.texts} with text")


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
