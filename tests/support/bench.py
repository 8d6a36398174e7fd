"""A fairgate over a scripted upstream that plays the script a request names in `user`; counts what metrics say."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import openai

from indexes.model import Work
from indexes.store import Store
from proxy.app import create_app
from proxy.settings import load
from tests.support.serving import serving
from tests.support.text_completions import as_asked
from tests.support.upstream import Answer, Asked, Upstream, failure

CHAT = "/v1/chat/completions"
ASK: Any = [{"role": "user", "content": "Go on."}]
_SYLLABLES = ("lan", "mor", "qui", "dre", "sor", "tav", "pel", "gri", "vun", "hax", "bil", "cor")
SETTINGS = """
upstreams:
  - {{name: scripted, url: "{url}", timeouts: {{connect: 2s, read: 1s}}}}
index: {{dir: "{folder}/index"}}
ledger: {{url: "sqlite:///{folder}/ledger.db"}}
policy: "{folder}/test.yaml"
"""
ALLOWED = 'allowed_policies: ["{folder}/open.yaml"]\n'
POLICIES = {
    "test": "name: test\nlimits: {text: {words: 40, over: block}}\n",
    "open": "name: open\non_error: pass\nlimits: {text: {words: 40, over: block}}\n",
}
Counts = dict[str, float]


def prose(words: int, seed: int = 1) -> str:
    """Made-up words, all but certain to stand nowhere else."""
    random = Random(seed)  # noqa: S311 (seeded test data)
    return " ".join("".join(random.choices(_SYLLABLES, k=3)) for _ in range(words))


WORK = prose(400, seed=7)
CLEAN = prose(60, seed=8)


@dataclass
class Bench:
    """Where fairgate listens, and what its upstream plays."""

    url: str
    upstream: Upstream
    folder: Path
    scripts: dict[str, list[Answer]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> openai.OpenAI:
        """The official client."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-test", max_retries=0, timeout=20)

    def plays(self, *answers: Answer) -> str:
        """Have upstream play these in turn, the last again and again; returns the `user` that asks for them."""
        name = f"script-{len(self.scripts)}"
        self.scripts[name] = list(answers)
        return name

    def post(self, body: Any, path: str = CHAT, **headers: str) -> httpx.Response:
        """Post JSON, or the bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with httpx.Client(timeout=20) as client:
            return client.post(
                f"{self.url}{path}",
                content=content,
                headers={"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()},
            )

    def ask(self, answer: Answer, path: str = CHAT, *, stream: bool = True, **extra: Any) -> httpx.Response:
        """Ask for an answer and read it to its end."""
        what = {"messages": ASK} if path == CHAT else {"prompt": "Go on."}
        return self.post({"model": "m", **what, "stream": stream, "user": self.plays(answer), **extra}, path)

    def counts(self) -> Counts:
        """The counters of requests and failures."""
        text = httpx.get(f"{self.url}/metrics").text
        lines = re.findall(r"^(fairgate_(?:requests|failures|decisions)_total\{.*\}) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in lines}

    def decision(self, decision_id: str) -> dict[str, Any]:
        """A decision as the ledger has it, once all that waits is written."""
        httpx.get(f"{self.url}/readyz")
        found: dict[str, Any] = httpx.get(f"{self.url}/v1/fairgate/decisions/{decision_id}").json()
        return found


def grown(before: Counts, after: Counts, name: str, **labels: str) -> float:
    """How much a counter has grown, over all series that have these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(
        value - before.get(series, 0.0)
        for series, value in after.items()
        if series.startswith(f"fairgate_{name}_total") and all(each in series for each in wanted)
    )


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def bench(folder: Path, more: str = "", *, upstream: str | None = None, allowed: str = ALLOWED) -> Iterator[Bench]:
    """Serve; `more` is YAML that follows the settings, `upstream` an address in place of the scripted one."""
    list(Store(folder / "index").add([(Work(id="work", title="The Work", nature="creative", form="novel"), WORK)]))
    for name, text in POLICIES.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    scripts: dict[str, list[Answer]] = {}

    def play(asked: Asked) -> Answer:
        named = asked.json.get("user") if asked.body.startswith(b"{") else None
        left = scripts.get(named) or [failure(500, "no such script")]
        return as_asked(asked, left.pop(0) if len(left) > 1 else left[0])

    with Upstream(play) as scripted:
        file = folder / "fairgate.yaml"
        settings = (SETTINGS + allowed).format(url=upstream or scripted.url, folder=folder)
        file.write_text(settings + more, encoding="utf-8")
        with serving(create_app(load(file))) as url:
            yield Bench(url, scripted, folder, scripts)
