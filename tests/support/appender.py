"""Run as `python -m tests.support.appender URL COUNT [LIMIT]`: appends block verdicts, prints each acknowledged id.

Eight at a time, as concurrent requests do. LIMIT is the size in bytes at which the disk is full.
"""

import asyncio
import resource
import signal
import sys

from proxy.ledger.errors import LedgerUnavailableError
from proxy.ledger.record import Closing
from proxy.ledger.store import SqlLedger
from tests.support.records import choice_record, request_facts


async def append(ledger: SqlLedger, count: int) -> None:
    for _ in range(count):
        facts = request_facts()
        try:
            await ledger.append(facts, choice_record())
        except LedgerUnavailableError as error:
            sys.stdout.write(f"refused {error}\n")
        else:
            sys.stdout.write(f"{facts.decision_id}\n")
        sys.stdout.flush()
        await ledger.close(facts.decision_id, Closing("completed"))


async def main(url: str, count: int, limit: int | None) -> None:
    ledger = SqlLedger.open(url, patience=5)
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    await asyncio.gather(*(append(ledger, count // 8) for _ in range(8)))
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await append(ledger, 1)
    await ledger.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
