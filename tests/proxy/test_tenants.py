"""What tenants may do, use and learn, asked of a real server."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexes.model import Work
from indexes.store import Store
from proxy.app import create_app
from proxy.budget import Grant
from proxy.ledger.errors import LedgerUnavailableError
from proxy.settings import Overrides, load
from tests.support.bench import ASK, WORK, prose
from tests.support.live import Fairgate, fairgate
from tests.support.serving import serving
from tests.support.upstream import Answer, Asked, Upstream, stream, tokens, whole
from tests.support.workers import contents

pytestmark = pytest.mark.live
SECRET, HELD, GIVEN = prose(300, seed=31), prose(300, seed=32), prose(300, seed=33)
WORKS = [
    (Work("open", "The Open Work", nature="creative", form="novel"), WORK),
    (Work("secret", "The Secret Plan", creators=("A. Hidden",), url="https://x.example/plan", holder="Quietly Ltd",
          private_to=("studio", "vault"), nature="creative", form="novel"), f"{SECRET} {WORK}"),
    (Work("held", "The Held Work", holder="House", nature="creative", form="novel"), HELD),
    (Work("given", "The Given Work", holder="Others", nature="creative", form="novel"), GIVEN),
]  # fmt: skip
NAMES = ("studio", "partner", "stranger", "quiet", "boss")
TODAY = datetime.now(UTC).date()
POLICY = """
name: house
limits: {text: {words: 40, over: block}}
thresholds: {attribute: 0.1}
message: This was stopped.
contact: appeals@house.example
"""


def key(name: str) -> str:
    return f"fg-{name}"


def tenants(**more: str) -> str:
    lines = [
        f"  - {{name: {name}, keys: [{sha256(key(name).encode()).hexdigest()}]{more.get(name, '')}}}\n"
        for name in NAMES
    ]
    return "tenants:\n" + "".join(lines)


@dataclass
class House:
    """A server, and the folder with its policies."""

    gate: Fairgate

    def ask(self, name: str, text: str, *, streamed: bool = False, **headers: str) -> httpx.Response:
        body = {"model": "m", "messages": ASK, "stream": streamed, "user": text}
        sent = {"authorization": f"Bearer {key(name)}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return httpx.post(f"{self.gate.url}/v1/chat/completions", json=body, headers=sent, timeout=30)

    def told(self, name: str, text: str, *, streamed: bool = False) -> str:
        """All that a client can see of an answer."""
        answer = self.ask(name, text, streamed=streamed)
        assert answer.status_code == 200, answer.text
        return answer.text + json.dumps(dict(answer.headers))

    def verdict(self, name: str, text: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(name, text).json()["fairgate"]
        return found


def play(asked: Asked) -> Answer:
    """The answer that the `user` of a request holds."""
    text = asked.json["user"]
    return stream(tokens(text)) if asked.json.get("stream") else whole(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tenants")
    list(Store(folder / "index").add(WORKS))
    (folder / "quiet.yaml").write_text(POLICY.replace("house\n", "quiet\n") + "annotations: minimal\n")
    (folder / "silent.yaml").write_text("name: silent\nannotations: 'off'\n")
    return folder


@pytest.fixture(scope="module")
def house(folder: Path) -> Iterator[House]:
    more = tenants(
        partner=", corpora: [vault], allowed_policies: [research]",
        quiet=f", policy: {folder}/quiet.yaml",
        boss=", role: admin, may_declare: true",
    )
    yesterday, tomorrow = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
    licences = f"""
licences:
  - {{tenant: studio, holder: House, since: {yesterday}, until: {tomorrow}}}
  - {{tenant: partner, work: held, until: {TODAY}, action: attribute}}
  - {{tenant: stranger, holder: House, until: {yesterday}}}
  - {{tenant: boss, holder: House, since: {tomorrow}}}
  - {{work: given, holder: Others}}
  - {{work: given, holder: Nobody, action: attribute}}
"""
    with Upstream(play) as upstream, fairgate(folder, folder / "index", upstream.url, POLICY, more + licences) as gate:
        yield House(gate)


# The register of licences


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("name", "action"),
    [("studio", "pass"), ("partner", "attribute"), ("stranger", "block"), ("boss", "block")],
)
def test_a_licence_lets_its_tenant_use_the_work_for_its_time(
    house: House, name: str, action: str, streamed: bool
) -> None:
    text = " ".join(HELD.split()[:100])
    told = house.told(name, text, streamed=streamed)
    assert f'"action":"{action}"' in told
    if streamed:
        return
    answer = house.ask(name, text).json()
    assert (answer["choices"][0]["message"]["content"] == text) is (action != "block")
    if action != "block":
        assert answer["fairgate"]["reasons"] == ["licensed work `held`"]


def test_a_licence_without_a_tenant_is_everyones(house: House) -> None:
    for name in ("studio", "stranger"):
        assert house.verdict(name, GIVEN)["action"] == "pass"


def test_a_licence_holds_where_texts_are_checked_too(house: House) -> None:
    for name, action in (("studio", "pass"), ("stranger", "block")):
        headers = {"authorization": f"Bearer {key(name)}"}
        found = httpx.post(f"{house.gate.url}/v1/fairgate/check", json={"content": HELD}, headers=headers).json()
        assert found["action"] == action


# Works private to tenants


def names(text: str) -> bool:
    return any(each in text for each in ("secret", "Secret", "Hidden", "x.example", "Quietly"))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", ["studio", "partner"])
def test_a_private_work_is_judged_for_its_own_tenants(house: House, name: str, streamed: bool) -> None:
    told = house.told(name, SECRET, streamed=streamed)
    assert '"action":"block"' in told
    assert names(told)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_private_work_does_not_exist_for_others(house: House, streamed: bool) -> None:
    told = house.told("stranger", SECRET, streamed=streamed)
    assert '"action":"pass"' in told
    assert not names(told)
    shared = house.verdict("stranger", " ".join(WORK.split()[:30]))
    assert [(match["works_count"], match["also"]) for match in shared["matches"]] == [(1, [])]
    assert house.verdict("studio", " ".join(WORK.split()[:30]))["matches"][0]["works_count"] == 2


def test_without_private_works_the_others_are_found_to_the_same_word(house: House) -> None:
    for start in range(0, 60, 7):
        text = " ".join([*prose(9, seed=start).split(), *WORK.split()[start : start + 35]])
        mine, theirs = (house.verdict(name, text)["matches"] for name in ("studio", "stranger"))
        place = [(match["start"], match["end"], match["words"]) for match in theirs]
        assert place == [(match["start"], match["end"], match["words"]) for match in mine]


@pytest.fixture(scope="module")
def strict(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server that judges every answer against private works, too."""
    more = "index: {private_works: all}\n" + tenants(boss=", role: admin")
    aside = tmp_path_factory.mktemp("strict")
    policy = POLICY.replace("over: block", "over: rewrite") + "rewrite: {tries: 0}\n"
    with Upstream(play) as upstream, fairgate(aside, folder / "index", upstream.url, policy, more) as gate:
        yield House(gate)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("size", [30, 100, 300])
def test_where_all_are_judged_against_it_a_private_work_is_never_named_to_others(
    strict: House, streamed: bool, size: int
) -> None:
    text = " ".join([*prose(9, seed=1).split(), *SECRET.split()[:size], *prose(30, seed=2).split()])
    told = strict.told("stranger", text, streamed=streamed)
    assert '"action":"pass"' not in told
    assert not names(told)
    assert ("[...] (a protected work)" in told) is (size >= 100)
    own = strict.told("studio", text, streamed=streamed)
    assert names(own)
    assert ("[...] (The Secret Plan, A. Hidden)" in own) is (size >= 100)


def test_a_place_that_a_private_work_shares_counts_only_those_that_may_be_named(strict: House) -> None:
    text = " ".join(WORK.split()[:30])
    (match,) = strict.verdict("stranger", text)["matches"]
    assert [match["work"]["id"], *(work["id"] for work in match["also"])].count("open") == 1
    assert match["works_count"] == len(match["also"]) + 1
    assert not names(json.dumps(match))
    (alone,) = strict.verdict("stranger", " ".join(SECRET.split()[:30]))["matches"]
    assert alone["work"] == {
        "id": "", "title": "a protected work", "creators": [], "holder": None, "license": None, "url": None,
    }  # fmt: skip
    assert (alone["works_count"], alone["source_start"], alone["source_end"]) == (1, None, None)


def test_the_rewriter_is_not_told_of_it_for_others(folder: Path, tmp_path: Path) -> None:
    more = "index: {private_works: all}\n" + tenants()
    policy = POLICY.replace("over: block", "over: rewrite") + "rewrite: {tries: 1}\n"
    with Upstream(play) as upstream, fairgate(tmp_path, folder / "index", upstream.url, policy, more) as gate:
        for name, told in (("stranger", False), ("studio", True)):
            before = len(upstream.requests)
            House(gate).ask(name, SECRET, streamed=True)
            first, again = upstream.requests[before:]
            assert first.body != again.body
            assert names(again.body.decode()) is told


def test_the_ledger_has_the_work_and_shows_it_to_the_operator_alone(strict: House) -> None:
    answer = strict.ask("stranger", SECRET)
    place = f"{strict.gate.url}/v1/fairgate/decisions"
    decision = answer.headers["x-fairgate-decision"]
    for name, sees in (("stranger", False), ("boss", True)):
        headers = {"authorization": f"Bearer {key(name)}"}
        for path in ("", f"/{decision}"):
            shown = httpx.get(f"{place}{path}", headers=headers)
            assert shown.status_code == 200
            assert names(shown.text) is sees
    assert "The Secret Plan" in str(strict.gate.rows("SELECT body FROM ledger_entries"))
    assert not names(httpx.get(f"{strict.gate.url}/metrics").text)


def test_a_checked_text_does_not_name_it_either(strict: House) -> None:
    for name in ("stranger", "studio"):
        headers = {"authorization": f"Bearer {key(name)}"}
        found = httpx.post(f"{strict.gate.url}/v1/fairgate/check", json={"content": SECRET}, headers=headers)
        assert found.json()["action"] != "pass"
        assert names(found.text) is (name == "studio")


# Policies, uses, words for the client


def test_a_tenant_is_judged_by_its_policy_and_may_choose_what_it_is_allowed(house: House) -> None:
    assert house.verdict("studio", "x")["policy"].startswith("house@")
    assert house.verdict("quiet", "x")["policy"].startswith("quiet@")
    chosen = house.ask("partner", "x", x_fairgate_policy="research").json()
    assert chosen["fairgate"]["policy"].startswith("research@")
    for name, wanted in (("studio", "research"), ("partner", "balanced"), ("quiet", "house")):
        refused = house.ask(name, "x", x_fairgate_policy=wanted)
        assert refused.status_code == 403
        assert f"tenant `{name}` may not choose the policy `{wanted}`" in refused.json()["error"]["message"]


def test_header_and_body_that_disagree_are_refused(house: House) -> None:
    sent = {"authorization": f"Bearer {key('partner')}", "x-fairgate-policy": "research"}
    body = {"model": "m", "messages": ASK, "user": "x", "fairgate": {"policy": "house"}}
    answer = httpx.post(f"{house.gate.url}/v1/chat/completions", json=body, headers=sent)
    assert answer.status_code == 400
    assert "says `research`" in answer.json()["error"]["message"]


def test_a_declared_use_softens_only_for_a_tenant_that_may_declare(house: House) -> None:
    text = " ".join(WORK.split()[:30])
    plain = house.verdict("boss", text)["score"]
    assert house.verdict("studio", text)["score"] == plain
    for name, softer in (("boss", True), ("studio", False)):
        said = house.ask(name, text, x_fairgate_purpose="criticism").json()["fairgate"]["score"]
        assert (said < plain) is softer
        assert house.ask(name, text, x_fairgate_purpose="reproduction").json()["fairgate"]["score"] > plain


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_is_told_in_words_and_where_to_appeal(house: House, streamed: bool) -> None:
    full, minimal = (house.told(name, WORK, streamed=streamed) for name in ("stranger", "quiet"))
    for told in (full, minimal):
        assert "This was stopped." in told
        assert "Questions and appeals: appeals@house.example" in told
        assert '"content_filter"' in told
    assert "The Open Work" in full


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("text", [WORK, " ".join(WORK.split()[:30])])
def test_minimal_annotations_name_neither_titles_nor_offsets(house: House, text: str, streamed: bool) -> None:
    told = house.told("quiet", text, streamed=streamed)
    assert '"fairgate":{"decision_id":"dec_' in told
    for oracle in (
        "The Open Work",
        '"start',
        '"end',
        "matches",
        "source_",
        "score",
        "url_citation",
        '"words"',
        'index":"',
    ):
        assert oracle not in told
    assert house.told("stranger", text, streamed=streamed).count("The Open Work") > 0


def test_without_keys_a_caller_is_the_default_tenant_and_chooses_nothing(folder: Path, tmp_path: Path) -> None:
    licences = "licences:\n  - {tenant: default, holder: House}\n"
    with Upstream(play) as upstream, fairgate(tmp_path, folder / "index", upstream.url, POLICY, licences) as gate:
        open_house = House(gate)
        assert open_house.verdict("whoever", HELD)["action"] == "pass"
        assert open_house.verdict("whoever", SECRET)["action"] == "pass"
        assert open_house.ask("whoever", "x", x_fairgate_policy="research").status_code == 403
        httpx.get(f"{gate.url}/readyz")  # what waits is written
        (row,) = set(gate.rows("SELECT tenant FROM ledger_entries WHERE tenant IS NOT NULL"))
        assert row == ("default",)


class Broken:
    """Accounts whose database is not to be had."""

    async def sit(self, *_: object) -> bool:
        return True

    async def promise(self, *_: object) -> list[tuple[Grant, ...]]:
        raise LedgerUnavailableError("cannot keep budgets in ledger `x`: gone")

    async def settle(self, *_: object) -> None:
        """Nothing is kept."""


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("on_error", ["block", "pass"])
def test_where_budgets_cannot_be_looked_at_nothing_leaves_unless_the_policy_says_so(
    folder: Path, tmp_path: Path, on_error: str, streamed: bool
) -> None:
    text = " ".join([*prose(20, seed=3).split(), *WORK.split()[:30], *prose(20, seed=4).split()])
    (tmp_path / "fairgate.yaml").write_text(tenants(), encoding="utf-8")
    policy = f"name: rationed\non_error: {on_error}\nbudget: {{words: 100, window: 1h}}\n"
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    with Upstream(play) as upstream:
        given = Overrides(upstream=upstream.url, index=str(folder / "index"), policy=str(tmp_path / "policy.yaml"))
        app = create_app(load(tmp_path / "fairgate.yaml", replace(given, ledger=f"sqlite:///{tmp_path}/ledger.db")))
        app.state["service"].budgets = Broken()
        with serving(app) as url:
            answer = House(Fairgate(url, tmp_path)).ask("studio", text, streamed=streamed)
            metrics = httpx.get(f"{url}/metrics").text
    handling = "closed" if on_error == "block" else "open"
    assert f'fairgate_failures_total{{handling="{handling}",stage="ledger"}} 1.0' in metrics
    if on_error == "pass":
        assert WORK.split()[29] in answer.text
    elif streamed:
        assert '"error"' in answer.text
        assert "[DONE]" not in answer.text
        assert WORK.split()[29] not in answer.text
    else:
        assert answer.status_code == 503


def test_only_a_tenant_that_has_used_a_work_up_waits_for_its_clean_text(folder: Path, tmp_path: Path) -> None:
    policy = "name: rationed\nannotations: 'off'\nlimits: {text: {words: 60}}\nbudget: {words: 20, window: 1h}\n"
    sent: dict[str, bytes] = {}

    def remember(asked: Asked) -> Answer:
        answer = stream(tokens(asked.json["user"], 7))
        sent[asked.json["user"]] = b"".join(step for step in answer.steps if isinstance(step, bytes))
        return answer

    def held() -> float:
        lines = httpx.get(f"{gate.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("fairgate_held_chars_sum"))

    with (
        Upstream(remember) as upstream,
        fairgate(tmp_path, folder / "index", upstream.url, policy, tenants()) as gate,
    ):
        here = House(gate)
        here.ask("stranger", WORK, streamed=True)
        for name, waits in (("studio", False), ("stranger", True)):
            before = held()
            for seed in range(40, 50):
                text = prose(60, seed=seed)
                answer = here.ask(name, text, streamed=True)
                assert contents(answer.content) == text
                assert (answer.content == sent[text]) is not waits
            assert (held() > before) is waits
