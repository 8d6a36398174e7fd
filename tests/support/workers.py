"""A real `fairgate serve` with worker processes, for the length of a `with` block."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from indexes.model import Work
from indexes.store import Store
from tests.support.bench import WORK

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from proxy.cli import main; main()"]
POLICY = "name: house\nlimits: {{text: {{words: {words}, over: block}}}}\n"
SETTINGS = """
listen: {{port: {port}, workers: {workers}}}
upstreams: [{{name: one, url: "{upstream}"}}]
index: {{dir: "{folder}/index"}}
ledger: {{url: "sqlite:///{folder}/ledger.db"}}
policy: "{folder}/house.yaml"
"""


@dataclass
class Server:
    """The parent process, its address, and the folder with all its files."""

    process: subprocess.Popen[bytes]
    url: str
    folder: Path
    log: Path

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,stat="],  # noqa: S607 (found on the path)
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        rows = [line.split() for line in listed.splitlines()]
        return [int(pid) for pid, parent, state in rows if int(parent) == self.process.pid and "Z" not in state]

    @property
    def said(self) -> list[str]:
        """What it said on stderr, without the time."""
        return [re.sub(r"^\S+Z ", "", line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    @property
    def store(self) -> Store:
        """Its index."""
        return Store(self.folder / "index")

    def sample(self, name: str) -> float:
        """The sum of a metric's series that begin like this."""
        text = httpx.get(f"{self.url}/metrics").text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))

    def check(self, content: str) -> dict[str, Any]:
        """A verdict, on a connection of its own, so of any worker."""
        answer = httpx.post(f"{self.url}/v1/fairgate/check", json={"content": content})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def decision(self, decision_id: str) -> dict[str, Any]:
        """A decision as the ledger has it, once all workers have written theirs."""
        found: dict[str, Any] = httpx.get(f"{self.url}/v1/fairgate/decisions/{decision_id}").json()
        return found

    def fairgate(self, *words: str) -> str:
        """Run a command beside the server; returns what it prints."""
        done = subprocess.run(
            [*COMMAND, *words], cwd=self.folder, env=_environment(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def policy(self, words: int) -> None:
        """Have its policy allow runs of so many words."""
        aside = self.folder / "aside.yaml"
        aside.write_text(POLICY.format(words=words), encoding="utf-8")
        aside.replace(self.folder / "house.yaml")


def request(user: str = "", *, stream: bool = True) -> dict[str, Any]:
    """A chat request; the script of a test finds its `user` again."""
    return {"model": "m", "messages": [{"role": "user", "content": "Go on."}], "stream": stream, "user": user}


def contents(body: bytes) -> str:
    """The text of a streamed answer."""
    events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: {")]
    deltas = [choice["delta"] for each in events for choice in json.loads(each).get("choices", ())]
    return "".join(delta.get("content") or "" for delta in deltas)


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and was not waited for does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout  # noqa: S607
    return bool(state.strip()) and "Z" not in state


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def prepare(folder: Path, upstream: str, workers: int, more: str = "") -> int:
    """Write index, policy and settings; `more` is YAML that follows. Returns the port."""
    port = free_port()
    list(Store(folder / "index").add([(Work(id="work", title="The Work", nature="creative", form="novel"), WORK)]))
    (folder / "house.yaml").write_text(POLICY.format(words=40), encoding="utf-8")
    settings = SETTINGS.format(port=port, workers=workers, upstream=upstream, folder=folder)
    (folder / "fairgate.yaml").write_text(settings + more, encoding="utf-8")
    return port


@contextmanager
def started(folder: Path, port: int, **environment: str) -> Iterator[Server]:
    """The server, once it says that it listens; killed at the end if it still runs."""
    log = folder / "serve.log"
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [*COMMAND, "serve"], cwd=folder, env=_environment() | environment, stdout=written, stderr=written
        ) as process,
    ):
        server = Server(process, f"http://127.0.0.1:{port}", folder, log)
        try:
            deadline = time.monotonic() + 60
            while not any("fairgate listens" in line for line in server.said):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "fairgate did not start"
                time.sleep(0.05)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                for pid in server.workers:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.kill()


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}
