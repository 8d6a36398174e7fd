"""A book asked for in pieces, over a thousand requests and four workers: what is delivered stops at the budget."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from indexes.model import Work
from indexes.store import Store
from indexes.text.normalize import tokenize
from tests.conftest import SHARED
from tests.support.brute import Indexed, Reference
from tests.support.live import sample_works
from tests.support.upstream import Answer, Asked, Upstream, stream, tokens, whole
from tests.support.workers import Server, prepare, started

pytestmark = pytest.mark.live
REQUESTS, PIECE, BUDGET = 1000, 40, 803
KEY, OTHER = "fg-reader", "fg-another"
POLICY = f"""
name: rationed
limits: {{text: {{words: {PIECE}, total: 120, work_share: 0.15, over: block}}}}
budget: {{words: {BUDGET}, window: 24h}}
"""


def book() -> tuple[Work, str]:
    """A novel of more than forty thousand words where the data folder is, else the longest bundled work."""
    file = SHARED / "data" / "text" / "books" / "PG2701_Moby Dick.txt"
    if file.is_file():
        text = " ".join(file.read_text("utf-8").split()[6000:46100])  # beyond the contents, which say many words twice
        return Work("book", "Moby Dick", nature="creative", form="novel"), text
    work, text = max(sample_works(), key=lambda each: len(each[1]))
    return Work("book", work.title, nature="creative", form="novel"), text


def pieces(text: str) -> list[str]:
    words = text.split()
    starts = [number * PIECE % (len(words) - PIECE) for number in range(REQUESTS)]
    return [" ".join(words[start : start + PIECE]) for start in starts]


@pytest.fixture(scope="module")
def shelf() -> tuple[Work, str]:
    return book()


@pytest.fixture(scope="module")
def served(shelf: tuple[Work, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, list[str]]]:
    asked = pieces(shelf[1])

    def play(request: Asked) -> Answer:
        said = asked[int(request.json["messages"][0]["content"])]
        return stream(tokens(said, 9)) if request.json.get("stream") else whole(said)

    folder = tmp_path_factory.mktemp("budget")
    tenants = [
        f"  - {{name: {name}, keys: [{hashlib.sha256(key.encode()).hexdigest()}]}}\n"
        for name, key in (("reader", KEY), ("another", OTHER))
    ]
    with Upstream(play) as upstream:
        port = prepare(folder, upstream.url, 4, f"tenants:\n{''.join(tenants)}")
        list(Store(folder / "index").add([shelf]))
        (folder / "house.yaml").write_text(POLICY, encoding="utf-8")
        with started(folder, port) as server:
            yield server, asked


def ask(url: str, number: int, key: str = KEY) -> dict[str, Any]:
    """What a client receives of one piece: its text, and how the answer ended."""
    streamed = number % 4 != 0
    body = {"model": "m", "stream": streamed, "user": f"u{number % 7}", "messages": [{"role": "user", "content": ""}]}
    body["messages"] = [{"role": "user", "content": str(number)}]
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, headers={"api-key": key}, timeout=60)
    assert answer.status_code == 200, answer.text
    if not streamed:
        choice = answer.json()["choices"][0]
        return {"text": choice["message"]["content"] or "", "finish": choice["finish_reason"]}
    found: dict[str, Any] = {"text": "", "finish": None}
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            chunk = json.loads(line.removeprefix("data: "))
            assert "error" not in chunk, chunk
            for choice in chunk["choices"]:
                found["text"] += choice["delta"].get("content") or ""
                found["finish"] = choice["finish_reason"] or found["finish"]
    return found


@pytest.mark.slow
def test_a_thousand_pieces_over_four_workers_end_at_the_budget_to_the_word(
    served: tuple[Server, list[str]], shelf: tuple[Work, str]
) -> None:
    server, asked = served
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: ask(server.url, number), range(REQUESTS)))
    reference = Reference([Indexed(*shelf)])
    given: set[int] = set()
    for answer, said in zip(answers, asked, strict=True):
        assert said.startswith(answer["text"].strip())
        kept = len(tokenize(answer["text"]))
        if kept:  # of a piece that was cut short too few words may be left to be found by themselves
            longest = max(reference.scan(said), key=lambda match: match.words)
            given |= {
                stretch.source + at
                for stretch in longest.stretches
                if not stretch.common
                for at in range(stretch.tokens)
                if stretch.output + at < kept
            }
    assert len(given) == BUDGET
    assert {answer["finish"] for answer in answers[-100:]} == {"content_filter"}
    assert len(ask(server.url, 500, OTHER)["text"].split()) > PIECE - 6
