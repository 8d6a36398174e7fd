"""A real Prometheus of one's own on 127.0.0.1, for the length of a `with` block; and queries put to it."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.readiness import wait_until_ready

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_NAME = re.compile(r"\b(up|fairgate_\w+)\b(?:\{([^}]*)\})?")
_LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')


def binary(name: str) -> str:
    """Where `prometheus` or `promtool` is; skips the test where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine: apt-get install prometheus")
    return found


def selectors(query: str) -> list[tuple[str, set[str]]]:
    """The series a query asks for, each with the labels it is chosen by."""
    return [(name, set(_LABEL.findall(labels or ""))) for name, labels in _NAME.findall(query)]


@dataclass(frozen=True)
class Prometheus:
    """Where it listens."""

    url: str

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What an instant query returns; raises AssertionError with Prometheus's own words where it is wrong."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=20).json()
        assert answer["status"] == "success", (query, answer.get("error"))
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def get(self, path: str) -> Any:
        """Something else of its interface, such as `rules`."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", timeout=20).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def wait_for(self, query: str, seconds: float = 20.0) -> None:
        """Wait until a query returns something."""
        deadline = time.monotonic() + seconds
        while not self.ask(query):
            assert time.monotonic() < deadline, f"nothing for `{query}`"
            time.sleep(0.2)


@contextmanager
def prometheus(folder: Path, target: str, interval: str = "1s") -> Iterator[Prometheus]:
    """Run it by the configuration that is shipped, but for the target, the interval and where its rules are."""
    program = binary("prometheus")
    shipped = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load(shipped)
    settings["global"] = {"scrape_interval": interval, "evaluation_interval": interval}
    settings["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in settings["rule_files"]]
    for job in settings["scrape_configs"]:
        job["static_configs"] = [{"targets": [target]}] if job["job_name"] == "fairgate" else []
    (folder / "prometheus.json").write_text(json.dumps(settings), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as found:
        address = f"127.0.0.1:{found.getsockname()[1]}"
    command = [
        program, f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address={address}", "--log.level=warn",
    ]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until_ready(f"http://{address}/-/ready", process, folder / "prometheus.log")
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()
