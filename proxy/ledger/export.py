"""A ledger's rows for other programs: JSON Lines (a row each, as chained) and CSV (a choice each)."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from proxy.ledger.stored import to_us
from proxy.ledger.tables import entries, erasable

CSV_COLUMNS = (
    "decision_id", "at", "kind", "choice", "route", "model", "tenant", "mode", "policy", "index", "action", "applied",
    "score", "matches", "works", "finish_reason", "delivered_chars", "outcome", "detail", "chain", "seq", "hash",
)  # fmt: skip


def jsonl(connection: Connection, since: datetime | None = None, *, text: bool = False) -> Iterator[str]:
    """One JSON line a row, oldest first, the body character for character as it was hashed.

    Excerpts, user and client only with `text` and where not erased.
    """
    for found in _rows(connection, since):
        before = {key: found[key] for key in ("chain", "seq", "kind", "decision_id", "at_us")}
        before["at"] = _iso(found["at_us"])
        after: dict[str, Any] = {"body_sha256": hashlib.sha256(str(found["body"]).encode()).hexdigest()}
        after |= {key: found[key] for key in ("tenant", "action", "sealed", "previous", "hash")}
        if text:
            after["private"] = _parsed(found["content"]) if found["content"] is not None else None
        body = found["body"] if isinstance(_parsed(found["body"]), dict) else _json(found["body"])
        yield f'{_json(before)[:-1]},"body":{body},{_json(after)[1:]}'


def csv_lines(connection: Connection, since: datetime | None = None) -> Iterator[str]:
    """A heading, then one CSV line for each choice, end and erasure, oldest first, without text."""
    yield _line(dict(zip(CSV_COLUMNS, CSV_COLUMNS, strict=True)))
    for found in _rows(connection, since):
        row = {key: found[key] for key in ("decision_id", "kind", "tenant", "action", "chain", "seq", "hash")}
        row["at"] = _iso(found["at_us"])
        body = _parsed(found["body"])
        yield _line(row | _said(body) if isinstance(body, dict) else row)


def _said(body: dict[str, Any]) -> dict[str, Any]:
    """What a body says, in the columns of a table."""
    facts = body.get("facts") or {}
    said = {key: facts[key] for key in ("route", "model", "tenant", "policy", "index") if key in facts}
    said |= body.get("closing") or {}
    choice = body.get("choice")
    if choice:
        verdict = choice["verdict"]
        works = sorted({judged["match"]["work"]["id"] for judged in verdict["matches"]})
        keys = ("choice", "mode", "applied", "finish_reason", "delivered_chars")
        said |= {key: choice[key] for key in keys}
        said |= {"score": verdict["score"], "matches": len(verdict["matches"]), "works": " ".join(works)}
    return said


def _rows(connection: Connection, since: datetime | None) -> Iterator[dict[str, Any]]:
    same = (erasable.c.chain == entries.c.chain) & (erasable.c.seq == entries.c.seq)
    query: Select[Any] = select(entries, erasable.c.content).select_from(entries.outerjoin(erasable, same))
    if since is not None:
        query = query.where(entries.c.at_us >= to_us(since))
    query = query.order_by(entries.c.at_us, entries.c.chain, entries.c.seq)
    for found in connection.execution_options(yield_per=1000).execute(query).mappings():
        yield dict(found)


def _parsed(text: str) -> Any:
    """The JSON of a row; what is none is given as the text that stands there."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _line(row: dict[str, Any]) -> str:
    out = io.StringIO()
    csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore", lineterminator="").writerow(
        {key: _harmless(value) for key, value in row.items()}
    )
    return out.getvalue()


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is given an apostrophe, as OWASP advises."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, tz=UTC).isoformat()
