"""The console's files and the JSON it reads."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from policies.model import Action
from proxy.settings import SettingsShape, Tenant
from tests.support.decisions import ALICE, RECITED, MemoryLedger, console_app, make_choice, make_decision

LEDGER = MemoryLedger(
    [
        make_decision(1, make_choice(Action.PASS)),
        make_decision(2, make_choice(Action.BLOCK), make_choice(Action.PASS, 1)),
        make_decision(3, make_choice(Action.ATTRIBUTE)),
    ]
)
NEWEST, BLOCKED = "dec_01J" + f"{3:023d}", "dec_01J" + f"{2:023d}"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Any]]:
    with TestClient(console_app(LEDGER)) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/console", "text/html"), ("/console/console.css", "text/css"), ("/console/console.js", "text/javascript")],
)
def test_every_file_of_the_page_comes_with_a_policy_that_allows_nothing_foreign(
    client: TestClient[Any], path: str, kind: str
) -> None:
    answer = client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_names_no_address_outside(client: TestClient[Any]) -> None:
    for path in ("/console", "/console/console.css", "/console/console.js"):
        assert "//cdn" not in client.get(path).text
        assert "http://" not in client.get(path).text.replace("http:", "", 1)
    assert "<script>" not in client.get("/console").text
    assert "innerHTML" not in client.get("/console/console.js").text


def test_the_list_is_newest_first_with_the_strictest_action_of_all_choices(client: TestClient[Any]) -> None:
    page = client.get("/v1/fairgate/decisions").json()
    assert [row["action"] for row in page["data"]] == ["attribute", "block", "pass"]
    assert page["data"][1]["works"] == [{"id": ALICE.id, "title": ALICE.title, "license": ALICE.license}]
    assert page["data"][2]["works"] == []
    assert page["has_more"] is False


def test_pages_follow_one_another_without_a_gap(client: TestClient[Any]) -> None:
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = client.get("/v1/fairgate/decisions", params={"limit": 1, **after}).json()
        seen += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        after = {"after": seen[-1]}
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 3


def test_the_list_can_be_narrowed_to_an_action(client: TestClient[Any]) -> None:
    page = client.get("/v1/fairgate/decisions", params={"action": "block"}).json()
    assert [row["id"] for row in page["data"]] == [BLOCKED]


def test_one_decision_shows_both_sides_of_a_match(client: TestClient[Any]) -> None:
    decision = client.get(f"/v1/fairgate/decisions/{BLOCKED}").json()
    first, second = decision["choices"]
    match = first["matches"][0]
    assert (match["start"], match["end"]) == (0, len(RECITED))
    assert (match["source_start"], match["source_end"]) == (36, 36 + len(RECITED))
    assert match["excerpt"] == RECITED
    assert match["work"]["license"] == "LicenseRef-demo-protected"
    assert first["factors"] == {"purpose": 0.6, "nature": 0.8, "amount": 0.95, "market": 0.5}
    assert first["unknown"] == ["market"]
    assert second["matches"] == []
    assert decision["policy"] == "balanced@3f2a"
    assert decision["index"] == "9c1e5f0a77d2b413"


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/v1/fairgate/decisions?limit=0", 400, "limit"),
        ("/v1/fairgate/decisions?limit=x", 400, "`x`"),
        ("/v1/fairgate/decisions?limit=201", 400, "1 to 200"),
        ("/v1/fairgate/decisions?action=burn", 400, "pass, attribute, rewrite, block"),
        ("/v1/fairgate/decisions/dec_no", 404, "`dec_no`"),
    ],
)
def test_a_wrong_question_is_answered_in_openais_shape(
    client: TestClient[Any], path: str, status: int, word: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert word in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/fairgate/decisions", f"/v1/fairgate/decisions/{NEWEST}"])
def test_a_ledger_that_cannot_be_read_is_said_and_is_no_empty_list(path: str) -> None:
    broken = MemoryLedger()
    broken.broken = True
    with TestClient(console_app(broken)) as client:
        answer = client.get(path)
    assert answer.status_code == 503
    assert "cannot be read" in answer.json()["error"]["message"]


def tenant(name: str, **more: Any) -> Tenant:
    return Tenant(name, [hashlib.sha256(f"key of {name}".encode()).hexdigest()], **more)


KEYED = SettingsShape(tenants=[tenant("ours"), tenant("theirs"), tenant("legal", role="reviewer")])


@pytest.mark.parametrize(
    ("key", "status", "seen"),
    [
        (None, 401, None),
        ("key of nobody", 401, None),
        ("key of ours", 200, ["ours"]),
        ("key of theirs", 200, ["theirs"]),
        ("key of legal", 200, ["theirs", "ours"]),
    ],
)
def test_who_sees_which_decisions(key: str | None, status: int, seen: list[str] | None) -> None:
    ledger = MemoryLedger(
        [
            make_decision(number, make_choice(Action.BLOCK), tenant=name)
            for number, name in enumerate(["ours", "theirs"])
        ]
    )
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    with TestClient(console_app(ledger, KEYED)) as client:
        answer = client.get("/v1/fairgate/decisions", headers=headers)
        assert answer.status_code == status
        assert (status == 401) or [row["tenant"] for row in answer.json()["data"]] == seen
        for decision in ledger.decisions:
            one = client.get(f"/v1/fairgate/decisions/{decision.decision_id}", headers=headers)
            assert decision.facts is not None
            visible = 200 if decision.facts.tenant in (seen or []) else 404
            assert one.status_code == (401 if seen is None else visible)
        assert client.get("/console").status_code == 200


def test_a_viewer_that_is_not_told_titles_is_not_told_them_here(tmp_path: Path) -> None:
    policy = tmp_path / "hushed.yaml"
    policy.write_text("name: hushed\nannotations: minimal\n", encoding="utf-8")
    settings = SettingsShape(tenants=[tenant("hushed", policy=str(policy))])
    with TestClient(console_app(LEDGER, settings)) as client:
        answer = client.get("/v1/fairgate/decisions", headers={"authorization": "Bearer key of hushed"})
    assert answer.status_code == 403
    assert "`hushed`" in answer.json()["error"]["message"]
