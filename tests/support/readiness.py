"""Waiting for a server that a test has started."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    """Return when `url` answers 200; fails with the server's own words when it ends first, or takes longer."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"{url} did not answer"
        time.sleep(0.05)
