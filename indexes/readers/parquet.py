"""Parquet: one work a row. Needs pyarrow, which is too large for a default installation."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from indexes.manifest import KEYS
from indexes.readers.document import Container, Document, Unread, UnreadableError
from indexes.readers.facts import Facts, year

CONTENT: Final = ("content", "text", "body", "document", "full_text")
"""Columns that hold the text, the first that is there."""
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "author": "creators",
        "authors": "creators",
        "creator": "creators",
        "licence": "license",
        "rights_holder": "holder",
        "copyright_holder": "holder",
        "date": "year",
        "published": "year",
        "publication_year": "year",
        "publication_date": "year",
        "source_url": "url",
    }
)
"""Columns by other names than a manifest's."""
ROWS: Final = 256
EXTRA: Final = "run `pip install 'fairgate[corpora]'` for parquet, or write the rows as a .jsonl manifest"


def open_parquet(container: Container) -> Iterator[Document | Unread]:
    """The rows of a file, with their facts."""
    where = container.document.where
    try:
        import pyarrow
        import pyarrow.parquet as arrow
    except ImportError as error:
        raise UnreadableError(f"{where} is parquet, which needs pyarrow; {EXTRA}") from error
    try:
        file = arrow.ParquetFile(container.stream, memory_map=False)
        columns = file.schema_arrow.names
        text = next((name for name in CONTENT if name in columns), None)
        if text is None:
            raise UnreadableError(
                f"{where} has no column of text; name one of its columns `{CONTENT[0]}` or `{CONTENT[1]}`"
            )
        wanted = [name for name in columns if name == text or key_of(name)]
        number = 0
        for batch in file.iter_batches(batch_size=ROWS, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                container.budget.enter()
                yield row_document(container, row, text, number)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        words = " ".join(str(error).split())[:120].lower()
        raise UnreadableError(f"{where} is damaged ({words}); write it anew") from error


def key_of(column: str) -> str | None:
    """The key of a manifest that a column fills."""
    name = column.strip().lower()
    key = NAMES.get(name, name)
    return key if key in KEYS and key not in ("path", "content", "heart") else None


def row_document(container: Container, row: dict[str, Any], column: str, number: int) -> Document | Unread:
    """The work of one row."""
    above = container.document
    where = f"{above.where} row {number}"
    text = row[column]
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        return Unread(f"{where} has no text; passed over", fault=False)
    container.budget.spend(len(text))
    facts: Facts = {}
    for name, value in row.items():
        key = key_of(name) if name != column else None
        if key and (fitted := fit(key, value)) is not None:
            facts.setdefault(key, fitted)
    given = facts.pop("id", None) or f"{above.id}/{number}"
    return Document(
        id=given,
        title=facts.pop("title", None) or "",
        where=where,
        content=text,
        said={**above.said, **facts},
        site=above.site,
        depth=above.depth + 1,
    )


def fit(key: str, value: object) -> Any:
    """A cell as a manifest would have it; None if it does not fit."""
    if value is None:
        return None
    if key == "year":
        value = year(value.isoformat() if isinstance(value, date) else value)
    elif key in ("creators", "tags", "private_to"):
        value = listed(value)
    elif key == "id":
        value = str(value)
    return value if value is not None and KEYS[key].holds(value) else None


def listed(value: object) -> list[str]:
    """A cell that names several, as a list or as text."""
    if isinstance(value, list):
        return [str(each) for each in value if each]
    text = str(value).strip()
    if text.startswith("["):
        try:
            return [str(each) for each in json.loads(text)]
        except ValueError:
            return [text]
    return [part.strip() for part in text.split(";") if part.strip()]
