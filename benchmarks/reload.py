"""Reload under open streams, and takedown to enforcement, with 4 workers and real processes.

200 streams of 150 tokens, one every 100 ms, while the index changes twice a second and the policy every three. Each
holds a copied passage at its beginning and another at its end, so it is judged against its own snapshot long after
others took its place. Then works are removed and added, one at a time, and it is measured when the last worker stops
answering by the old index; then memory over many reloads. One JSON line a figure.
"""

import asyncio
import itertools
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from indexes.model import Work
from policies.load import load
from tests.support.bench import WORK, prose
from tests.support.upstream import Asked, Upstream, stream, tokens
from tests.support.workers import Server, contents, prepare, request, started

BOOKS = Path(__file__).parents[1].parent / "shared" / "data" / "text" / "books"
WORKERS, STREAMS, TOKENS, EVERY, CHANGE = 4, 200, 150, 0.1, 0.5
TAKEDOWNS = 10
_COPY = WORK.split()
TEXT = " ".join([*_COPY[:30], *prose(TOKENS - 60, seed=41).split(), *_COPY[100:130]])
PROBE = prose(200, seed=42)


@dataclass
class Seen:
    """One stream: its decision, its text, when its pieces came."""

    decision: str = ""
    body: bytearray = field(default_factory=bytearray)
    began: float = 0.0
    gaps: list[float] = field(default_factory=list)


def main() -> None:
    if sys.argv[1:] == ["upstream"]:
        play()
        return
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reload", "upstream"], stdout=subprocess.PIPE, text=True
        ) as up,
    ):
        assert up.stdout is not None
        try:
            folder = Path(name)
            port = prepare(folder, up.stdout.readline().strip(), WORKERS)
            with started(folder, port) as server:
                if BOOKS.is_dir():
                    server.fairgate("index", "add", str(BOOKS), "--index", str(folder / "index"))
                    time.sleep(5)
                say("before", index_words=server.store.stats()["words"], rss_mb=memory(server))
                quiet = asyncio.run(streams(server, changing=False))
                say("streams_undisturbed", **gaps(quiet[0]))
                disturbed(server)
                asyncio.run(takedowns(server))
                for reloads in (10, 50):
                    many(server, reloads)
                    say("memory", further_reloads=reloads, rss_mb=memory(server))
        finally:
            up.terminate()


def play() -> None:
    def script(_: Asked) -> Any:
        return stream(tokens(TEXT), delay=EVERY)

    with Upstream(script) as upstream, suppress(KeyboardInterrupt):
        print(upstream.url, flush=True)
        time.sleep(3600)


def disturbed(server: Server) -> None:
    """Streams while all changes, and whether each is whole and was judged by what really existed."""
    first = (server.store.state().revision, load(server.folder / "house.yaml").label)
    seen, revisions, labels = asyncio.run(streams(server, changing=True))
    server.check("all that waits is written")
    time.sleep(1)
    said = [server.decision(each.decision) for each in seen]
    early = sorted(range(len(seen)), key=lambda at: seen[at].began)[:STREAMS]
    say(
        "reload_under_streams", streams=len(seen), workers=WORKERS, changes_of_index=len(revisions) - 1,
        changes_of_policy=len(labels) - 1,
        whole=sum(contents(bytes(each.body)) == TEXT and b"[DONE]" in each.body for each in seen),
        completed=sum(each["outcome"] == "completed" for each in said),
        judged_by_an_index_that_existed=sum(each["index"] in revisions for each in said),
        judged_by_a_policy_that_existed=sum(each["policy"] in labels for each in said),
        both_copies_found=sum(len(each["choices"][0]["matches"]) == 2 for each in said),
        begun_before_the_first_change=sum((said[at]["index"], said[at]["policy"]) == first for at in early),
        indexes_named=len({each["index"] for each in said}), policies_named=len({each["policy"] for each in said}),
        reloads=Counter(line.split()[3] for line in server.said if "took over" in line), **gaps(seen),
    )  # fmt: skip


async def streams(server: Server, *, changing: bool) -> tuple[list[Seen], set[str], set[str]]:
    """All streams, read to their ends; with `changing`, index and policy change meanwhile, and more streams come."""
    seen = [Seen() for _ in range(STREAMS)]
    revisions = {server.store.state().revision}
    labels = {load(server.folder / "house.yaml").label}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        running = [asyncio.create_task(follow(session, server, each)) for each in seen]
        while not all(each.began for each in seen):  # noqa: ASYNC110 (some tens of milliseconds at the start)
            await asyncio.sleep(0.05)
        for number in itertools.count():
            if all(each.done() for each in running[:STREAMS]):
                break
            if changing:
                await asyncio.to_thread(change, server, number, revisions, labels)
                late = [Seen() for _ in range(4)]
                seen += late
                running += [asyncio.create_task(follow(session, server, each)) for each in late]
            await asyncio.sleep(CHANGE)
        await asyncio.gather(*running)
    return seen, revisions, labels


def change(server: Server, number: int, revisions: set[str], labels: set[str]) -> None:
    """Add works and remove them, allow more words and fewer."""
    if number % 3 == 2:
        server.store.remove([f"new-{number - 2}", f"new-{number - 1}"])
    else:
        list(server.store.add([(Work(id=f"new-{number}", title="New"), prose(2000, seed=number))]))
    revisions.add(server.store.state().revision)
    if number % 6 == 0:
        server.policy(words=41 + number)
        labels.add(load(server.folder / "house.yaml").label)


async def follow(session: aiohttp.ClientSession, server: Server, seen: Seen) -> None:
    async with session.post(f"{server.url}/v1/chat/completions", json=request()) as answer:
        seen.decision = answer.headers["x-fairgate-decision"]
        seen.began = last = time.monotonic()
        async for block in answer.content.iter_any():
            now = time.monotonic()
            seen.gaps.append(now - last)
            seen.body += block
            last = now


async def takedowns(server: Server) -> None:
    """Add and remove a work; how long until no worker answers by the index before."""
    found: dict[str, list[float]] = {"added": [], "removed": []}
    for _ in range(TAKEDOWNS):
        list(server.store.add([(Work(id="probe", title="Probe"), PROBE)]))
        found["added"].append(await enforced(server, matches=True))
        server.store.remove(["probe"])
        found["removed"].append(await enforced(server, matches=False))
    for what, seconds in found.items():
        say("to_enforcement", what=what, trials=len(seconds), p50_s=median(seconds), max_s=round(max(seconds), 2))


async def enforced(server: Server, *, matches: bool) -> float:
    """Seconds from now until the last answer by the old index; each is asked over a connection of its own."""
    began = last = time.monotonic()
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        while time.monotonic() - last < 2:
            async with session.post(f"{server.url}/v1/fairgate/check", json={"content": PROBE}) as answer:
                now = bool((await answer.json())["matches"])
            if now is not matches:
                last = time.monotonic()
    return last - began


def many(server: Server, number: int) -> None:
    """Replace a work so often, and have each of these indexes taken over."""
    for _ in range(number):
        list(server.store.add([(Work(id="churn", title="Churn"), prose(5000, seed=time.monotonic_ns()))]))
        taken = sum("took over index" in line for line in server.said) + len(server.workers)
        server.process.send_signal(signal.SIGHUP)
        while sum("took over index" in line for line in server.said) < taken:
            time.sleep(0.05)


def gaps(seen: list[Seen]) -> dict[str, float]:
    """How long streams waited for their next token, in milliseconds; upstream sends one every 100."""
    waits = sorted(gap for each in seen for gap in each.gaps[1:])
    at = statistics.quantiles(waits, n=1000)
    return {
        "gap_p50_ms": round(1e3 * at[499], 1),
        "gap_p99_ms": round(1e3 * at[989], 1),
        "gap_p999_ms": round(1e3 * at[998], 1),
        "gap_max_ms": round(1e3 * waits[-1], 1),
    }


def memory(server: Server) -> list[float]:
    """Resident memory of each worker, MB."""
    sizes = []
    for pid in server.workers:
        with suppress(OSError):
            fields = dict(line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            sizes.append(round(int(fields["VmRSS"].split()[0]) / 1024, 1))
    return sizes


def median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def say(figure: str, **values: Any) -> None:
    print(json.dumps({"benchmark": "reload", "figure": figure, **values}), flush=True)


if __name__ == "__main__":
    main()
