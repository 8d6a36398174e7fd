"""CPU per token that upstream sends, fairgate beside a bare pass-through of the same stack, in one run.

Core 0 runs the server under test, core 1 the fake upstream and the load client (both from the shared bench folder,
compiled when first needed). 64 paced streams: 100 tokens each, one every 10 ms. One JSON line a figure. A copy over its
limit becomes a quotation: asked for again, upstream would write other tokens than it does for the pass-through.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
UPSTREAM_PORT, FIRST_PORT = 9100, 9101
TICKS = os.sysconf("SC_CLK_TCK")
ROUNDS, STREAMS, TOKENS = 15, 64, 100


Server: TypeAlias = Callable[[int], list[str]]
"""The command of a server that listens on a port."""


def main() -> None:
    bench, books = SHARED / "bench", SHARED / "data" / "text" / "books"
    if not bench.is_dir() or not books.is_dir():
        print(json.dumps({"benchmark": "streams", "skipped": "needs the shared bench and data folders"}))
        return
    with tempfile.TemporaryDirectory() as folder:
        tools = compiled(bench, Path(folder))
        index = Path(folder) / "index"
        run([fairgate(), "index", "add", str(books), "--index", str(index)])
        texts = {"clean": clean_text(), "half_recite": clean_text() + recited_text()}
        for name, text in texts.items():
            path = Path(folder) / f"{name}.txt"
            path.write_text(text)
            measure(name, tools, path, index, Path(folder))


def measure(name: str, tools: Path, text: Path, index: Path, folder: Path) -> None:
    """Alternate pass-through and fairgate ROUNDS times and print the medians and the ratio pair by pair.

    All servers stay up, and each answers for some seconds while the others rest: pairs stand close in time, and there
    are many of them, since other tenants of the machine make one as much as a third too dear.
    """
    modes = ("enforce",) if name == "clean" else ("enforce", "monitor")
    servers: dict[str, Server] = {"passthrough": passthrough}
    servers |= {mode: partial(guarded, index, folder, mode) for mode in modes}
    found: dict[str, list[dict[str, float]]] = {server: [] for server in servers}
    with upstream(tools, text), ExitStack() as stack:
        running = {
            each: (stack.enter_context(server(command(port), port)), port)
            for port, (each, command) in enumerate(servers.items(), FIRST_PORT)
        }
        for process, port in running.values():
            load(tools, process.pid, port, seconds=1.5)
        for _ in range(ROUNDS):
            for each, (process, port) in running.items():
                found[each].append(load(tools, process.pid, port, seconds=2))
    for each, rounds in found.items():
        ratios = [
            mine["cpu_us_token"] / base["cpu_us_token"] for mine, base in zip(rounds, found["passthrough"], strict=True)
        ]
        line = {key: round(statistics.median(each[key] for each in rounds), 2) for key in rounds[0]}
        print(
            json.dumps(
                {
                    "benchmark": "streams", "text": name, "server": each, "streams": STREAMS, **line,
                    "ratio_to_passthrough": round(statistics.median(ratios), 3),
                    "ratio_quartiles": [round(each, 3) for each in statistics.quantiles(ratios, n=4)[::2]],
                    "ratio_min_max": [round(min(ratios), 3), round(max(ratios), 3)],
                }
            ),
            flush=True,
        )  # fmt: skip


def load(tools: Path, pid: int, port: int, seconds: float) -> dict[str, float]:
    """Run the load client; CPU of the server is read when its measuring window opens and when it closes."""
    client = subprocess.Popen(
        ["taskset", "-c", "1", str(tools / "load"), "-p", str(port), "-c", str(STREAMS), "-m", "stream", "-g", "1",
         "-w", "1.3", "-d", str(seconds), "-n", str(TOKENS)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    begin = end = 0.0
    sent = 0
    result: dict[str, float] = {}
    assert client.stdout is not None
    for line in client.stdout:
        if line.startswith("START"):
            begin, sent = cpu_seconds(pid), tokens_sent()
        elif line.startswith("END"):
            end, sent = cpu_seconds(pid), tokens_sent() - sent
        else:
            result = json.loads(line)
    client.wait()
    return {
        "cpu_us_token": 1e6 * (end - begin) / max(sent, 1), "tokens_sent": sent, "tokens_delivered": result["tokens"],
        "cpu_us_delivered": 1e6 * (end - begin) / max(result["tokens"], 1), "whole": result["ok"],
        "cut_short": result["bad"], "first_token_ms": result["ttft_p50"],
    }  # fmt: skip


def tokens_sent() -> int:
    """Tokens that upstream has sent so far."""
    return int(json.loads(get(UPSTREAM_PORT, "/__stats"))["tokens"])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def upstream(tools: Path, text: Path) -> Iterator[None]:
    command = ["taskset", "-c", "1", str(tools / "mock_upstream"), "--port", str(UPSTREAM_PORT), "--text", str(text)]
    process = subprocess.Popen(command)
    try:
        wait_for(UPSTREAM_PORT)
        get(UPSTREAM_PORT, f"/__cfg?n={TOKENS}&d=10&rot=1")
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def server(command: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "UP": f"http://127.0.0.1:{UPSTREAM_PORT}/v1"}
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def passthrough(port: int) -> list[str]:
    return [
        sys.executable, "-m", "uvicorn", "--factory", "benchmarks.passthrough:create_app", "--loop", "uvloop",
        "--http", "httptools", "--ws", "none", "--no-access-log", "--log-level", "error",
        "--backlog", "4096", "--port", str(port),
    ]  # fmt: skip


def guarded(index: Path, folder: Path, mode: str, port: int) -> list[str]:
    policy = folder / f"{mode}.yaml"
    policy.write_text(f"name: bench\nmode: {mode}\nrewrite: {{tries: 0}}\n")
    return [
        fairgate(), "serve", "--port", str(port), "--upstream", f"http://127.0.0.1:{UPSTREAM_PORT}/v1", "--index",
        str(index), "--policy", str(policy), "--ledger", f"sqlite:///{folder}/ledger-{mode}.db",
    ]  # fmt: skip


def fairgate() -> str:
    return str(Path(sys.executable).parent / "fairgate")


def compiled(bench: Path, folder: Path) -> Path:
    for name in ("mock_upstream", "load"):
        run(["gcc", "-O2", "-o", str(folder / name), str(bench / f"{name}.c")])
    return folder


def clean_text(words: int = 6000) -> str:
    novel = SHARED / "data" / "text" / "novels" / "Braddon_Audley_1862.txt"
    return " ".join(novel.read_text(encoding="utf-8", errors="replace").split()[2000 : 2000 + words]) + "\n"


def recited_text(words: int = 6000) -> str:
    book = SHARED / "data" / "text" / "books" / "PG345_Dracula.txt"
    return " ".join(book.read_text(encoding="utf-8", errors="replace").split()[2000 : 2000 + words]) + "\n"


def wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            get(port, "/v1/models")
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError):
                return
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return bytes(answer.read())


def run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
