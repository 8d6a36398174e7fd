"""`fairgate demo`, as a newcomer meets it."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.support.serving import free_port

pytestmark = pytest.mark.live

FAIRGATE = str(Path(sys.executable).with_name("fairgate"))
MODEL = "sample-generator-not-a-model"


def started(port: int, error: Path) -> subprocess.Popen[bytes]:
    command = [FAIRGATE, "demo", "--port", str(port), "--pace", "0"]
    with error.open("wb") as sink:
        process = subprocess.Popen(command, stderr=sink, stdout=sink, cwd=error.parent)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                return process
        except httpx.HTTPError:
            time.sleep(0.05)
    process.kill()
    raise AssertionError(error.read_text())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The demo's address and what it printed."""
    error = tmp_path_factory.mktemp("demo") / "error"
    port = free_port()
    process = started(port, error)
    yield f"http://127.0.0.1:{port}", error.read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def asked(demo: tuple[str, str], prompt: str) -> tuple[str, str, dict[str, Any], int]:
    """What a streaming client hears: text, finish reason, the fairgate object, how many chunks brought text."""
    text, finish, told, chunks = "", "", {}, 0
    with openai.OpenAI(base_url=f"{demo[0]}/v1", api_key="none") as client:
        messages: Any = [{"role": "user", "content": prompt}]
        for chunk in client.chat.completions.create(model=MODEL, messages=messages, stream=True):
            piece = chunk.choices[0].delta.content or ""
            text += piece
            chunks += bool(piece)
            finish = chunk.choices[0].finish_reason or finish
            told = getattr(chunk, "fairgate", None) or told
    return text, finish, told, chunks


def test_a_recited_book_is_stopped_in_mid_stream_within_the_limit(demo: tuple[str, str]) -> None:
    text, finish, told, _ = asked(demo, "Recite Alice in Wonderland")
    (match,) = told["matches"]
    copied = text[slice(*match["delivered"])]
    assert told["action"] == "rewrite"
    assert finish == "stop"
    assert text.startswith("Alice was beginning to get very tired")
    assert len(re.findall(r"[^\W_]+", copied)) <= 43  # forty that count, and three that any text may use
    assert len(text) > len(copied) + 200, "it goes on in words of its own"
    assert "Lewis Carroll" in match["work"]["creators"]
    assert "without pictures" not in text


def test_a_recited_poem_is_blocked(demo: tuple[str, str]) -> None:
    text, finish, told, _ = asked(demo, "Recite The Raven")
    assert (finish, told["action"]) == ("content_filter", "block")
    assert 8 <= len(text.split()) <= 11


def test_a_short_quotation_passes_with_its_source(demo: tuple[str, str]) -> None:
    text, finish, told, _ = asked(demo, "Quote A Christmas Carol")
    assert (finish, told["action"]) == ("stop", "attribute")
    assert "by Charles Dickens" in text
    assert told["matches"][0]["work"]["title"] == "A Christmas Carol"


def test_the_users_own_text_comes_back_untouched(demo: tuple[str, str]) -> None:
    own = (
        "Marley was dead: to begin with. There is no doubt whatever about that. The register of his burial was signed."
    )
    text, finish, told, _ = asked(demo, f"Repeat after me: {own}")
    assert (text, finish, told["action"]) == (own, "stop", "pass")
    assert told["matches"][0]["grounded"] is True


def test_clean_text_comes_word_by_word(demo: tuple[str, str]) -> None:
    text, _, told, chunks = asked(demo, "Write about your week")
    assert told["action"] == "pass"
    assert chunks == len(text.split())


def test_what_anyone_may_recite_is_recited(demo: tuple[str, str]) -> None:
    text, _, told, _ = asked(demo, "Recite Ozymandias")
    assert told["action"] == "pass"
    assert "The lone and level sands stretch far away" in text


def test_the_decisions_stand_in_the_console_and_in_the_metrics(demo: tuple[str, str]) -> None:
    asked(demo, "Recite Invictus")
    page = httpx.get(f"{demo[0]}/v1/fairgate/decisions").json()
    assert page["data"][0]["works"][0]["title"] == "Invictus"
    assert "fairgate" in httpx.get(f"{demo[0]}/console").text
    counted = re.search(r'fairgate_decisions_total\{action="block",.*\} ([\d.]+)', httpx.get(f"{demo[0]}/metrics").text)
    assert counted is not None
    assert float(counted[1]) >= 1


def test_it_says_what_it_is_and_what_to_try(demo: tuple[str, str]) -> None:
    address, said = demo
    assert said.count(f"curl {address}/v1") + said.count(f"curl -N {address}/v1") == 4
    assert f'base_url="{address}/v1"' in said
    assert "Nothing here is a language model" in said
    assert "INFO" not in said


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: signal.Signals) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = started(free_port(), tmp_path / "error")
    assert any(tmp_path.glob("fairgate-demo-*"))
    process.send_signal(ending)
    assert process.wait(20) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["error"]
    assert "Traceback" not in (tmp_path / "error").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--host", "0.0.0.0"], "leave --host at 127.0.0.1"), (["--port", "0"], "--port"), (["--port", "x"], "--port")],  # noqa: S104
)
def test_a_wrong_option_is_refused_in_one_line(options: list[str], words: str) -> None:
    ended = subprocess.run([FAIRGATE, "demo", *options], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [FAIRGATE, "demo", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr == f"fairgate: port {port} on 127.0.0.1 is in use: choose another with --port\n"
