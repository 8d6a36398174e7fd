"""A real `fairgate serve` under traffic that a real Prometheus scrapes, for the length of a `with` block.

The traffic brings about all that a dashboard shows: clean answers, recitals, quotations, a generator that fails,
garbage under a policy that lets it pass, fields that no table lists, a policy file that changes, an open stream.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from indexes.model import Work
from indexes.store import Store
from tests.support.bench import CLEAN, WORK, prose
from tests.support.prometheus import Prometheus, prometheus
from tests.support.readiness import wait_until_ready
from tests.support.upstream import Answer, Asked, Json, Stall, Upstream, chunk, ending, failure, stream, tokens

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from proxy.cli import main; main()"]
SETTINGS = """
listen: {{port: {port}}}
upstreams:
  - {{name: scripted, url: "{url}", timeouts: {{connect: 2s, read: 20s}}}}
index: {{dir: "{folder}/index"}}
ledger: {{url: "sqlite:///{folder}/ledger.db"}}
policy: "{folder}/watched.yaml"
allowed_policies: ["{folder}/open.yaml", "{folder}/told.yaml"]
"""
POLICIES = {
    "watched": "name: watched\nlimits: {text: {words: 40, over: rewrite}}\nrewrite: {tries: 1, fallback: quote}\n",
    "open": "name: open\non_error: pass\n",
    "told": "name: told\nlimits: {text: {words: 40, over: block}}\n",
}
_WORDS = WORK.split()
RECITAL = f"{prose(20, seed=3)} {' '.join(_WORDS[100:220])} {prose(20, seed=4)}"
QUOTATION = f'{prose(30, seed=5)} "{" ".join(_WORDS[20:45])}" {prose(30, seed=6)}'


@dataclass(frozen=True)
class Monitored:
    """Where fairgate listens, and the Prometheus that watches it."""

    url: str
    folder: Path
    prometheus: Prometheus

    def ask(self, what: str, *, stream: bool = True, policy: str | None = None) -> int:
        """Ask for one of the scripted answers and read it to its end; returns the status."""
        body = {"model": "m", "messages": [{"role": "user", "content": what}], "stream": stream}
        headers = {} if policy is None else {"x-fairgate-policy": policy}
        with httpx.Client(timeout=30) as client:
            return client.post(f"{self.url}/v1/chat/completions", json=body, headers=headers).status_code

    def traffic(self) -> None:
        """One round of everything."""
        for what in ("clean", "clean", "recite", "quote", "odd", "cut", "fail"):
            self.ask(what)
        self.ask("recite", policy="told")
        self.ask("garbage", policy="open")
        self.ask("garbage", policy="open", stream=False)
        self.ask("clean", policy="no such policy")

    def change_policy(self, text: str) -> None:
        """Write the policy file anew, as an operator would."""
        aside = self.folder / "aside.yaml"
        aside.write_text(text, encoding="utf-8")
        aside.replace(self.folder / "watched.yaml")


@contextmanager
def monitored(folder: Path) -> Iterator[Monitored]:
    """Serve, watch, and bring about two rounds of traffic while one stream stays open."""
    list(Store(folder / "index").add([(Work(id="work", title="The Work", nature="creative", form="novel"), WORK)]))
    for name, text in POLICIES.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    with (
        Upstream(play) as upstream,
        _serving(folder, upstream.url) as url,
        prometheus(folder, url.removeprefix("http://")) as watching,
    ):
        found = Monitored(url, folder, watching)
        with _open_stream(url):
            watching.wait_for('up{job="fairgate"} == 1')
            for _ in range(3):
                found.traffic()
                time.sleep(1.2)
            found.change_policy(POLICIES["watched"].replace("words: 40", "words: 39"))
            time.sleep(4)
            found.traffic()
            time.sleep(1.5)
            yield found


def play(asked: Asked) -> Answer:
    """What upstream answers to what the first message asks for; clean prose, if it is nothing else."""
    messages: list[Json] = asked.json["messages"]
    said = next(message["content"] for message in messages if message["role"] == "user")
    garbage = Answer([b"data: {{{\n\n"] if asked.json.get("stream") else [b"<html>"])
    answers = {
        "recite": stream(tokens(RECITAL)),
        "quote": stream(tokens(QUOTATION)),
        "odd": stream([chunk({"content": CLEAN}, shadow_content="nobody listed this"), ending()]),
        "cut": stream(tokens(CLEAN, finish=None), done=False),
        "garbage": garbage,
        "fail": failure(500),
        "wait": stream([chunk({"content": "one"}), Stall()]),
    }
    return answers.get(said, stream(tokens(CLEAN)))


@contextmanager
def _serving(folder: Path, upstream: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    file = folder / "fairgate.yaml"
    file.write_text(SETTINGS.format(port=port, url=upstream, folder=folder), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [*COMMAND, "serve", "--config", str(file)]
    with (
        (folder / "serve.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/readyz", server, folder / "serve.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextmanager
def _open_stream(url: str) -> Iterator[None]:
    """A stream that runs all the while."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "wait"}], "stream": True})
    headers = {"content-type": "application/json"}
    with (
        httpx.Client(timeout=60) as client,
        client.stream("POST", f"{url}/v1/chat/completions", content=body, headers=headers) as answer,
    ):
        pieces = answer.iter_raw()  # kept: once it is let go, the connection is closed
        next(pieces)
        yield
