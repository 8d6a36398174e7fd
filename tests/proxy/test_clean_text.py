"""Clean text is free: nothing of it is held, and where nothing is told its events leave as they came, byte for byte."""

from itertools import islice
from pathlib import Path

import httpx
import pytest

from indexes.model import Work
from proxy.demo.prose import sentences
from tests.conftest import SHARED
from tests.support.bench import CHAT
from tests.support.live import build_index, fairgate, sample_works
from tests.support.text_completions import PATH, as_asked
from tests.support.upstream import Answer, Asked, Upstream, stream, tokens

PASSAGES = 200
ASK = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Write."}], "prompt": "Write."}


def shelf() -> list[tuple[Work, str]]:
    folder = SHARED / "data" / "text" / "books"
    if folder.is_dir():
        return [(Work(id=f.name, title=f.stem), f.read_text("utf-8")) for f in sorted(folder.glob("*.txt"))]
    return sample_works()


def passages() -> list[str]:
    """Passages of novels that are not indexed; without the data folder, prose that copies nothing."""
    folder = SHARED / "data" / "text" / "novels"
    if not folder.is_dir():
        return [" ".join(islice(sentences(seed), 8)) for seed in range(PASSAGES)]
    found = []
    for file in sorted(folder.glob("*.txt")):
        if file.name.startswith("Haggard_She"):
            continue
        words = file.read_text("utf-8", errors="replace").split()
        found += [" ".join(words[at : at + 90]) for at in (2000, 9000, 16000, 23000)]
    return found[:PASSAGES]


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("path", [CHAT, PATH])
@pytest.mark.parametrize("policy", ["name: t\nmode: monitor\n", "name: t\nannotations: 'off'\n"])
def test_clean_text_leaves_byte_for_byte_and_is_not_held(tmp_path: Path, policy: str, path: str) -> None:
    index = build_index(tmp_path / "index", shelf())
    sent: dict[str, bytes] = {}
    texts = passages()
    assert len(texts) == PASSAGES

    def play(asked: Asked) -> Answer:
        number = int(asked.json["user"])
        answer = as_asked(asked, stream(tokens(texts[number], ["char", "word", 5][number % 3])))
        sent[asked.json["user"]] = b"".join(step for step in answer.steps if isinstance(step, bytes))
        return answer

    with (
        Upstream(play) as upstream,
        fairgate(tmp_path, index, upstream.url, policy) as gate,
        httpx.Client(timeout=60) as client,
    ):
        for number in range(PASSAGES):
            answer = client.post(f"{gate.url}{path}", json={**ASK, "user": str(number)})
            assert answer.content == sent[str(number)]
        metrics = client.get(f"{gate.url}/metrics").text
    held = [line for line in metrics.splitlines() if line.startswith("fairgate_held_chars_")]
    assert "fairgate_held_chars_sum 0.0" in held
    assert f"fairgate_held_chars_count {PASSAGES}.0" in held
