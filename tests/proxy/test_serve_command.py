"""`fairgate serve` and `--check`: what keeps a server from starting, said in one line with its exit code."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from indexes.model import Work
from indexes.store import Store
from tests.support.bench import WORK
from tests.support.commands import Done, fairgate
from tests.support.serving import free_port

COMMAND = [sys.executable, "-c", "from proxy.cli import main; main()", "serve"]
UP = "upstreams:\n  - {name: one, url: 'http://127.0.0.1:9/v1'}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    list(Store(tmp_path / "fairgate-index").add([(Work(id="work", title="The Work"), WORK)]))
    (tmp_path / "fairgate.yaml").write_text(UP, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> Done:
    return fairgate(folder, "serve", *arguments)


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and the one line that `serve` and `serve --check` both end with."""
    done = [run(folder, *arguments, *check) for check in ((), ("--check",))]
    for each in done:
        assert each.stdout == ""
        assert len(each.stderr.splitlines()) == 1, each.stderr
    assert done[0].returncode == done[1].returncode
    assert done[0].stderr == done[1].stderr
    return done[0].returncode, done[0].stderr.removeprefix("fairgate: ").rstrip("\n")


def test_what_is_well_is_said_to_be_well_and_leaves_no_ledger(folder: Path) -> None:
    done = run(folder, "--check")
    assert done.returncode == 0
    assert "policies (balanced@" in done.stdout
    assert not list(folder.glob("*.db*"))


def test_a_wrong_key_in_the_settings_is_2_with_file_and_line(folder: Path) -> None:
    (folder / "fairgate.yaml").write_text(f"{UP}polcy: x\n", encoding="utf-8")
    assert refused(folder) == (2, "fairgate.yaml:3: polcy: unknown key; did you mean `policy`?")


def test_broken_yaml_is_2_with_file_and_line(folder: Path) -> None:
    (folder / "fairgate.yaml").write_text("a: 1\nb: [\n", encoding="utf-8")
    code, said = refused(folder)
    assert code == 2
    assert said.startswith("fairgate.yaml:3: not valid YAML: ")


@pytest.mark.parametrize("text", ["name: mine\nlimts: {}\n", "name: mine\nlimits: {text: {words: forty}}\n"])
def test_a_wrong_policy_file_is_2_with_file_and_line(folder: Path, text: str) -> None:
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    (folder / "fairgate.yaml").write_text(f"{UP}policy: mine.yaml\n", encoding="utf-8")
    code, said = refused(folder)
    assert code == 2
    assert said.startswith("mine.yaml:2: limits" if "forty" in text else "mine.yaml:2: limts: unknown key")


def test_no_upstream_is_2(folder: Path) -> None:
    (folder / "fairgate.yaml").unlink()
    code, said = refused(folder)
    assert code == 2
    assert said.startswith("no upstream: write --upstream http://host:port/v1")


def test_a_missing_index_is_3(folder: Path) -> None:
    code, said = refused(folder, "--index", "nowhere")
    assert (code, said) == (3, "there is no index in `nowhere`; make one with `fairgate index add PATH`")


def test_an_empty_index_is_3(folder: Path) -> None:
    Store(folder / "fairgate-index").remove(["work"])
    code, said = refused(folder)
    assert code == 3
    assert "holds no works; add some" in said


def parts(folder: Path) -> list[Path]:
    """The files of an index that are read for looking, the largest first; kept texts are not."""
    files = [file for file in (folder / "fairgate-index").rglob("*") if file.is_file() and file.stat().st_size]
    return sorted((f for f in files if "text" not in f.stem), key=lambda file: (-file.stat().st_size, file.name))


@pytest.mark.parametrize("number", range(3))
def test_an_index_with_one_byte_flipped_is_3(folder: Path, number: int) -> None:
    file = parts(folder)[number]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)
    code, said = refused(folder)
    assert code == 3
    assert "fairgate-index" in said
    done = fairgate(folder, "check", "fairgate.yaml")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)


def test_a_wrong_address_of_the_ledger_is_2(folder: Path) -> None:
    code, said = refused(folder, "--ledger", "mysql://x/y")
    assert code == 2
    assert "write sqlite:///FILE or postgresql://USER@HOST/DATABASE" in said


def test_a_ledger_that_is_no_database_is_1(folder: Path) -> None:
    (folder / "fairgate-ledger.db").write_text("this is no database, and was never one" * 100, encoding="utf-8")
    done = run(folder, "--port", str(free_port()))
    assert done.returncode == 1
    assert "ledger" in done.stderr.splitlines()[-1]
    assert "fairgate listens" not in done.stderr


def test_a_port_that_is_taken_is_2_and_nothing_is_said_to_listen(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(folder, "--port", str(port))
    assert done.returncode == 2
    said = f"fairgate: port {port} on 127.0.0.1 is in use: choose another with --port\n"
    assert done.stderr == said


@pytest.mark.live
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_when_told(folder: Path, ending: signal.Signals) -> None:
    port = free_port()
    with subprocess.Popen(
        [*COMMAND, "--port", str(port)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
                break
            except httpx.ConnectError:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").json()["ledger"] == "ok"
        server.send_signal(ending)
        out, err = server.communicate(timeout=30)
    assert out == ""
    assert [line for line in err.splitlines() if line] == [
        "no keys are configured: serving on loopback only, for the tenant `default`",
        f"fairgate listens on http://127.0.0.1:{port}/v1",
    ]
