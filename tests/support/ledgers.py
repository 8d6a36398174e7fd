"""Ledgers with fingerprints, filled and searched in a test."""

import random
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection

from indexes.text.normalize import tokenize
from policies.model import Action
from proxy.ledger import search as searching
from proxy.ledger.batches import Transact
from proxy.ledger.engine import Place
from proxy.ledger.record import RequestFacts, Sent
from proxy.ledger.search import Found, Sought
from proxy.ledger.store import SqlLedger
from tests.support.records import choice_record, request_facts

DAY = 86_400.0


def words(generator: random.Random, count: int, vocabulary: int = 5000) -> list[str]:
    return [f"w{generator.randrange(vocabulary)}" for _ in range(count)]


async def say(ledger: SqlLedger, *texts: str, channel: str = "content", tenant: str = "acme") -> list[RequestFacts]:
    """Record answers that passed, each of one choice with this text delivered."""
    facts = [request_facts(tenant=tenant) for _ in texts]
    for each, text in zip(facts, texts, strict=True):
        await ledger.append(each, choice_record(Action.PASS, text=""), (Sent(channel, text),))
    await ledger.flush()
    return facts


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    engine = Place(url).reader()
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@contextmanager
def writing(url: str) -> Iterator[Transact]:
    """Transactions of another process, as upkeep has them."""
    engine = Place(url).writer()

    def transact() -> AbstractContextManager[Connection]:
        return engine.begin()

    yield transact
    engine.dispose()


def search(url: str, work: str, since_us: int = 0) -> Found:
    with reading(url) as connection:
        return searching.search(connection, Sought(tokenize(work)), since_us)


def found_in(found: Found, facts: Iterable[RequestFacts], url: str) -> list[int]:
    """Numbers of the answers in which something was found."""
    from sqlalchemy import select

    from proxy.ledger.tables import entries

    ids = [each.decision_id for each in facts]
    places = {(find.chain, find.seq) for find in found.finds}
    with reading(url) as connection:
        rows = connection.execute(select(entries.c.chain, entries.c.seq, entries.c.decision_id)).all()
    return sorted({ids.index(row.decision_id) for row in rows if (row.chain, row.seq) in places})
