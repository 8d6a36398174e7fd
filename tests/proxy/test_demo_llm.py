"""The demo with a small real model, where its packages are installed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.demo.llm import MODEL, ModelMissingError, model_file
from tests.support.bench import eventually
from tests.support.serving import free_port

pytestmark = [pytest.mark.live, pytest.mark.slow]

FAIRGATE = str(Path(sys.executable).with_name("fairgate"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        model_file()
    except ModelMissingError as error:
        pytest.skip(str(error))
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [FAIRGATE, "demo", "--llm", "--port", str(port), "--pace", "0"]
    with (tmp_path_factory.mktemp("demo") / "error").open("wb") as sink:
        process = subprocess.Popen(command, stderr=sink, stdout=sink)
    assert eventually(lambda: process.poll() is None and is_up(url), 60)
    yield url
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.HTTPError:
        return False


def ask(url: str, model: str, prompt: str) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 120}
    found: dict[str, Any] = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60).json()
    return found


def test_a_recital_goes_on_in_the_words_of_the_model(demo: str) -> None:
    found = ask(demo, "sample-generator-not-a-model", "Recite Alice in Wonderland")
    (choice,) = found["choices"]
    said = choice["message"]["content"]
    match = max(found["fairgate"]["matches"], key=lambda match: match["words"])
    assert found["fairgate"]["action"] == "rewrite"
    assert choice["finish_reason"] in ("stop", "length")
    assert said.startswith("Alice was beginning to get very tired")
    assert len(said) > match["delivered"][1] + 20
    assert "without pictures or conversations" not in said


def test_the_model_answers_for_itself(demo: str) -> None:
    found = ask(demo, MODEL, "Say hello.")
    assert found["choices"][0]["message"]["content"]
    assert found["fairgate"]["action"] == "pass"
