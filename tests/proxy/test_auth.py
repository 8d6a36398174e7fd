"""Who calls, and what that lets them choose."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from indexes.errors import UsageError
from proxy.auth import Doorkeeper, ForbiddenError, UnauthorizedError, agreed
from proxy.settings import SettingsShape, Tenant, UpstreamSettings
from proxy.wire.errors import RequestError
from tests.support.bench import ASK, CLEAN, WORK, Bench, bench
from tests.support.upstream import whole

PRODUCT, LEGAL, OPERATOR = "fg-product", "fg-legal", "fg-operator"
QUOTE = " ".join(WORK.split()[100:125])


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Doorkeeper:
    mine = tmp_path_factory.mktemp("policies") / "mine.yaml"
    mine.write_text("name: house\n", encoding="utf-8")
    tenants = [
        Tenant("product", [digest(PRODUCT), digest("fg-second")], policy="strict", allowed_policies=[str(mine)]),
        Tenant("legal", [f"sha256:{digest(LEGAL)}"], role="reviewer", may_declare=True),
        Tenant("operator", [digest(OPERATOR)], role="admin"),
    ]
    return Doorkeeper(SettingsShape(policy="balanced", allowed_policies=["research"], tenants=tenants))


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (bearer(PRODUCT), "product"),
        (bearer("fg-second"), "product"),
        ({"authorization": f"bearer   {LEGAL} "}, "legal"),
        ({"api-key": OPERATOR}, "operator"),
        ({"authorization": "Basic eDp5", "api-key": OPERATOR}, "operator"),
    ],
)
def test_a_key_names_its_tenant(door: Doorkeeper, headers: dict[str, str], name: str) -> None:
    assert door.caller(headers).name == name


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("wrong"),
        bearer(digest(PRODUCT)),
        {"authorization": PRODUCT},
        {"authorization": f"Basic {PRODUCT}"},
        {"api-key": ""},
        {"x-api-key": PRODUCT},
        bearer("\u00e9\u0000"),
    ],
)
def test_without_a_key_that_is_known_no_one_enters(door: Doorkeeper, headers: dict[str, str]) -> None:
    with pytest.raises(UnauthorizedError, match="no key that is known here"):
        door.caller(headers)


def test_without_tenants_everyone_is_the_default_tenant_and_may_not_declare() -> None:
    door = Doorkeeper(SettingsShape())
    caller = door.caller(bearer("anything"))
    assert (caller.name, caller.role, caller.by_key, caller.may_declare) == ("default", "admin", False, False)
    assert door.tenants == ("default",)
    assert door.policy(caller, {}, None).name == "balanced"


def test_a_tenant_is_judged_by_its_own_policy_else_by_the_servers(door: Doorkeeper) -> None:
    assert door.policy(door.caller(bearer(PRODUCT)), {}, None).name == "strict"
    assert door.policy(door.caller(bearer(LEGAL)), {}, None).name == "balanced"


@pytest.mark.parametrize("wanted", ["balanced", "research", "nope", "../policies/x.yaml"])
def test_a_tenant_may_not_choose_what_it_is_not_allowed(door: Doorkeeper, wanted: str) -> None:
    caller = door.caller(bearer(PRODUCT))
    for headers, in_body in (({"x-fairgate-policy": wanted}, None), ({}, wanted)):
        with pytest.raises(ForbiddenError, match="tenant `product` may not choose the policy"):
            door.policy(caller, headers, in_body)


def test_a_policy_whose_rewriter_is_no_upstream_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: house\nrewrite: {upstream: writer}\n", encoding="utf-8")
    known = [UpstreamSettings("first", "http://127.0.0.1:1/v1")]
    with pytest.raises(UsageError, match=r"rewrite.upstream is `writer`.*write one of `same`, `first`"):
        Doorkeeper(SettingsShape(policy=str(mine), upstreams=known))
    known.append(UpstreamSettings("writer", "http://127.0.0.1:1/v1", models=["w"]))
    assert Doorkeeper(SettingsShape(policy=str(mine), upstreams=known)).policies[0].rewrite.upstream == "writer"


def test_a_policy_is_chosen_by_the_name_in_the_settings_or_by_its_own(door: Doorkeeper) -> None:
    caller = door.caller(bearer(PRODUCT))
    file = next(iter(caller.allowed))
    assert door.policy(caller, {"x-fairgate-policy": "house"}, None).name == "house"
    assert door.policy(caller, {}, file).name == "house"
    assert door.policy(caller, {"x-fairgate-policy": "strict"}, "strict").name == "strict"


def test_what_the_server_allows_is_for_callers_without_keys(door: Doorkeeper) -> None:
    with pytest.raises(ForbiddenError):
        door.policy(door.caller(bearer(LEGAL)), {}, "research")
    anyone = Doorkeeper(SettingsShape(allowed_policies=["research"]))
    assert anyone.policy(anyone.caller({}), {}, "research").name == "research"


def test_roles_stand_over_one_another(door: Doorkeeper) -> None:
    viewer, reviewer, admin = (door.caller(bearer(key)) for key in (PRODUCT, LEGAL, OPERATOR))
    door.require(admin, "admin")
    door.require(reviewer, "viewer")
    with pytest.raises(ForbiddenError, match="has the role viewer; this needs reviewer"):
        door.require(viewer, "reviewer")
    with pytest.raises(ForbiddenError):
        door.require(reviewer, "admin")


def test_header_and_body_must_agree() -> None:
    assert agreed("a", None, "h", "k") == agreed(None, "a", "h", "k") == agreed("a", "a", "h", "k") == "a"
    assert agreed(None, None, "h", "k") is None
    with pytest.raises(RequestError, match="the header `h` says `a`, the body's `k` says `b`"):
        agreed("a", "b", "h", "k")


TENANTS = f"""
tenants:
  - {{name: product, keys: [{digest(PRODUCT)}]}}
  - {{name: legal, keys: [{digest(LEGAL)}], role: reviewer, may_declare: true}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("auth"), TENANTS) as made:
        yield made


def score(served: Bench, key: str, purpose: str | None = None, *, in_body: bool = False) -> float:
    asked: dict[str, object] = {"content": QUOTE}
    headers = bearer(key)
    if purpose and in_body:
        asked["use"] = {"purpose": purpose}
    elif purpose:
        headers["x-fairgate-purpose"] = purpose
    answer = httpx.post(f"{served.url}/v1/fairgate/check", json=asked, headers=headers)
    assert answer.status_code == 200
    found: float = answer.json()["score"]
    return found


@pytest.mark.live
@pytest.mark.parametrize("in_body", [False, True])
def test_a_declared_use_only_raises_the_score_unless_the_tenant_may_declare(served: Bench, *, in_body: bool) -> None:
    plain = score(served, PRODUCT)
    assert score(served, LEGAL) == plain
    assert score(served, PRODUCT, "criticism", in_body=in_body) == plain
    assert score(served, LEGAL, "criticism", in_body=in_body) < plain
    assert score(served, PRODUCT, "reproduction", in_body=in_body) > plain


@pytest.mark.live
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/fairgate/check"),
        ("GET", "/v1/models"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/fairgate/decisions"),
        ("GET", "/v1/fairgate/decisions/dec_x"),
    ],
)
def test_every_route_that_costs_or_tells_needs_a_key(served: Bench, method: str, path: str) -> None:
    asked = len(served.upstream.requests)
    for headers in ({}, bearer("wrong")):
        body = {"json": {"messages": ASK}} if method == "POST" else {}
        answer = httpx.request(method, f"{served.url}{path}", headers=headers, **body)
        assert answer.status_code == 401
        assert "Bearer KEY" in answer.json()["error"]["message"]
    assert len(served.upstream.requests) == asked


@pytest.mark.live
def test_the_official_client_sees_a_wrong_key_as_one(served: Bench) -> None:
    with pytest.raises(openai.AuthenticationError):
        served.client.chat.completions.create(model="m", messages=ASK)


@pytest.mark.live
def test_a_tenants_key_stays_here_and_stands_nowhere(served: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=PRODUCT, max_retries=0)
    client.chat.completions.create(model="m", messages=ASK, user=served.plays(whole(CLEAN)))
    assert "authorization" not in served.upstream.requests[-1].headers
    assert PRODUCT.encode() not in b"".join(file.read_bytes() for file in Path(served.folder).glob("ledger.db*"))
    httpx.post(f"{served.url}/v1/chat/completions", headers=bearer(PRODUCT), content=b"{")
    out, err = capfd.readouterr()
    assert PRODUCT not in out + err
    assert PRODUCT not in httpx.get(f"{served.url}/metrics").text
