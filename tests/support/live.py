"""A real fairgate on 127.0.0.1 before a scripted upstream, for the length of a `with` block."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import openai

from indexes.corpora import Read, find
from indexes.model import Work
from indexes.store import Store
from proxy.app import create_app
from proxy.demo.shelf import samples_folder
from proxy.settings import Overrides, load
from tests.conftest import SHARED
from tests.support.serving import serving


@dataclass(frozen=True)
class Fairgate:
    """Where it listens, and where its ledger is."""

    url: str
    ledger: Path

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-test", max_retries=0, timeout=60)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the ledger, read beside it."""
        with sqlite3.connect(self.ledger) as connection:
            return connection.execute(query).fetchall()


def sample_works() -> list[tuple[Work, str]]:
    """The bundled works and their texts."""
    return [(item.work, item.text) for item in find([samples_folder() / "manifest.jsonl"]) if isinstance(item, Read)]


def prose_works() -> list[tuple[Work, str]]:
    """The real books where they are, else the bundled works; prose alone, so that one limit holds for all."""
    folder = SHARED / "data" / "text" / "books"
    if folder.is_dir():
        found = [(file.name, file.stem, file.read_text("utf-8")) for file in sorted(folder.glob("*.txt"))]
    else:
        found = [(work.id, work.title, text) for work, text in sample_works() if len(text.split()) > 1000]
    return [(Work(id=name, title=title, nature="creative", form="novel"), text) for name, title, text in found]


def build_index(folder: Path, works: Iterable[tuple[Work, str]]) -> Path:
    """Index some works."""
    list(Store(folder).add(works))
    return folder


@contextmanager
def fairgate(
    folder: Path, index: Path, upstream: str | None, policy: str = "name: test\n", settings: str = "{}\n"
) -> Iterator[Fairgate]:
    """Serve the proxy; `policy` and `settings` are YAML. Without an `upstream` the settings name some."""
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    (folder / "fairgate.yaml").write_text(settings, encoding="utf-8")
    ledger = folder / "ledger.db"
    given = Overrides(
        upstream=upstream, index=str(index), policy=str(folder / "policy.yaml"), ledger=f"sqlite:///{ledger}"
    )
    with serving(create_app(load(folder / "fairgate.yaml", given))) as url:
        yield Fairgate(url, ledger)
