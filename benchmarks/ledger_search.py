"""What fingerprints of past answers cost, and how long it takes to find a work in them.

`python -m benchmarks.ledger_search [--answers N] [URL]`, one JSON line a figure; without URL, SQLite on the disk of the
folder it is started in. N answers (100,000) of 100 to 500 words, whose words are as unevenly spread as those of natural
text (Zipf); every hundredth quotes 8 to 47 words of a work of 100,000.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

from sqlalchemy import Connection, func, select

from policies.model import Action
from proxy.ledger import batches
from proxy.ledger.append import prepared
from proxy.ledger.batches import Transact
from proxy.ledger.chain import Draft
from proxy.ledger.lookup import Request, look_up, text_wanted
from proxy.ledger.record import Sent
from proxy.ledger.store import SqlLedger
from proxy.ledger.stored import choice_draft
from proxy.ledger.tables import batches as folded
from proxy.ledger.tables import fingerprints, postings
from tests.support.ledgers import DAY, reading, writing
from tests.support.records import choice_record, request_facts

RECORD = choice_record(Action.PASS, text="")


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, **more}), flush=True)


class Talk:
    """A work, and answers of which every hundredth quotes it."""

    def __init__(self) -> None:
        self._random = random.Random(5)
        self._names = [f"word{number}" for number in range(50_000)]
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._names) + 1)))
        self.work = self._words(100_000)

    def _words(self, count: int) -> list[str]:
        return self._random.choices(self._names, cum_weights=self._weights, k=count)

    def answers(self, count: int) -> Iterator[str]:
        for number in range(count):
            said = self._words(self._random.randrange(100, 500))
            if number % 100 == 0:
                start = self._random.randrange(len(self.work) - 50)
                said[50:50] = self.work[start : start + 8 + number // 100 % 40]
            yield " ".join(said)


def made(talk: Talk) -> None:
    """What the writer's thread computes for an answer, before its transaction begins."""
    texts = list(talk.answers(2000))
    drafts = [choice_draft(request_facts(), RECORD, (Sent("content", text),), 1) for text in texts]
    for draft in drafts[:100]:
        prepared(draft)
    began = time.process_time()
    done = [prepared(draft) for draft in drafts]
    seconds = time.process_time() - began
    held = sum(len(each.fingerprints or b"") for each in done if isinstance(each, Draft))
    words = sum(text.count(" ") + 1 for text in texts)
    say("fingerprints_made", seconds / len(texts) * 1e6, "us/answer", words=words // len(texts))
    say("fingerprints_size", held / len(texts), "bytes/answer", bytes_a_word=round(held / words, 2))


async def written(url: str, texts: Iterator[str], keep: float) -> tuple[float, float, int]:
    """Seconds of the clock and of the processor until all are committed, and how many there were."""
    ledger = SqlLedger.open(url, keep=keep)
    given = list(texts)
    began, cpu = time.perf_counter(), time.process_time()
    for text in given:
        await ledger.append(request_facts(), RECORD, (Sent("content", text),))
    await ledger.flush()
    spent = (time.perf_counter() - began, time.process_time() - cpu, len(given))
    await ledger.aclose()
    return spent


def fold_all(url: str, where: str) -> None:
    took: list[float] = []
    with writing(url) as transact:

        @contextmanager
        def timed() -> Iterator[Connection]:
            began = time.perf_counter()
            with transact() as connection:
                yield connection
            took.append(time.perf_counter() - began)

        begin: Transact = timed
        began, count = time.perf_counter(), 0
        while batches.fold(begin):
            count += 1
        say("fold", (time.perf_counter() - began) / max(1, count) * 1e3, "ms/batch", where=where, batches=count)
    took.sort()
    say("fold_transaction_p50", took[len(took) // 2] * 1e3, "ms", where=where)
    say("fold_transaction_max", took[-1] * 1e3, "ms", where=where)


def searched(url: str, where: str, talk: Talk, state: str, answers: int) -> None:
    for name, words in (("book", talk.work), ("chapter", talk.work[:5000]), ("poem", talk.work[:100])):
        wanted = text_wanted(" ".join(words))
        began = time.perf_counter()
        with reading(url) as connection:
            found = look_up(connection, wanted, Request())
        seconds = time.perf_counter() - began
        more = {"where": where, "state": state, "words": len(words), "answers": answers}
        say(f"search_{name}", seconds * 1e3, "ms", **more, copies=found.total)


def size(url: str, where: str, answers: int) -> None:
    with reading(url) as connection:
        held = [
            connection.scalar(select(func.sum(func.length(column)))) or 0
            for column in (fingerprints.c.content, postings.c.content, folded.c.members)
        ]
    say("kept", sum(held) / answers, "bytes/answer", where=where, loose=held[0], postings=held[1], members=held[2])


async def measure(url: str, where: str, answers: int) -> None:
    talk = Talk()
    made(talk)
    for name, keep in (("without", 0.0), ("with", DAY)):
        seconds, cpu, count = await written(url, talk.answers(10_000), keep)
        say(f"pass_{name}_fingerprints", count / seconds, "decisions/s", where=where)
        say(f"pass_{name}_fingerprints_cpu", cpu / count * 1e6, "us/decision", where=where)
    while count < answers:
        count += (await written(url, talk.answers(min(10_000, answers - count)), DAY))[2]
    searched(url, where, talk, "loose", count)
    fold_all(url, where)
    size(url, where, count)
    searched(url, where, talk, "folded", count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("url", nargs="?")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:  # the disk of the checkout: /tmp may be memory
        url = given.url or f"sqlite:///{folder}/ledger.db"
        asyncio.run(measure(url, url.partition(":")[0], given.answers))


if __name__ == "__main__":
    main()
