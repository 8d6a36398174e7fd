"""What fairgate.yaml may say, and what it refuses, with the line."""

import hashlib
from pathlib import Path

import certifi
import pytest

from indexes.errors import UsageError
from proxy.settings import Overrides, Settings, load

KEY = hashlib.sha256(b"fg-one").hexdigest()
OTHER = hashlib.sha256(b"fg-two").hexdigest()
NOTHING = hashlib.sha256(b"").hexdigest()
EVERY_KEY = f"""
listen: {{host: 0.0.0.0, port: 9000, workers: 4}}
upstreams:
  - name: one
    url: https://generator.example/v1
    key_env: TEST_UPSTREAM_KEY
    models: [small, large]
    timeouts: {{connect: 3s, read: 2m}}
    tls: {{verify: true, ca_file: ca.pem}}
  - {{name: two, url: "http://127.0.0.1:8000/v1", key_file: two.key}}
index: {{dir: ./works}}
policy: strict
allowed_policies: [balanced, mine.yaml]
tenants:
  - {{name: product, keys: [{KEY}], role: admin, policy: balanced, allowed_policies: [research], may_declare: true}}
  - {{name: legal, keys: ["sha256:{OTHER}"], role: reviewer}}
licences: []
ledger: {{url: "sqlite:///./decisions.db", excerpts: none}}
limits: {{body: 1024, streams: 7, time: 90s, drain: 5s}}
passthrough: [/v1/audio/speech, /score]
ready: {{upstream: true}}
metrics: {{host: 127.0.0.1, port: 9100}}
console: {{enabled: false}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST_UPSTREAM_KEY", "sk-of-one")
    monkeypatch.setenv("TEST_EMPTY", "")
    monkeypatch.setenv("TEST_TWO_LINES", "sk-of\r\nx-evil: 1")
    Path("two.key").write_text("sk-of-two\n", encoding="utf-8")
    Path("empty.key").write_text("\n", encoding="utf-8")
    Path("ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    Path("empty.pem").write_text("", encoding="utf-8")
    Path("mine.yaml").write_text("name: mine\n", encoding="utf-8")
    return tmp_path


def read(text: str, overrides: Overrides | None = None) -> Settings:
    Path("fairgate.yaml").write_text(text, encoding="utf-8")
    return load(Path("fairgate.yaml"), overrides or Overrides())


def test_every_key_is_read() -> None:
    found = read(EVERY_KEY)
    values = found.values
    assert (values.listen.host, values.listen.port) == ("0.0.0.0", 9000)  # noqa: S104 (what the file says)
    assert [each.name for each in values.upstreams] == ["one", "two"]
    assert values.upstreams[0].models == ["small", "large"]
    assert (values.upstreams[0].timeouts.connect, values.upstreams[0].timeouts.read) == ("3s", "2m")
    assert values.upstreams[0].tls.ca_file == "ca.pem"
    assert values.upstreams[1].models == ["*"]
    assert values.index.dir == "./works"
    assert (values.policy, values.allowed_policies) == ("strict", ["balanced", "mine.yaml"])
    assert values.tenants[0].may_declare
    assert (values.tenants[1].role, values.tenants[1].may_declare) == ("reviewer", False)
    assert (values.ledger.url, values.ledger.excerpts) == ("sqlite:///./decisions.db", "none")
    assert (values.limits.body, values.limits.streams, values.limits.time) == (1024, 7, "90s")
    assert values.passthrough == ["/v1/audio/speech", "/score"]
    assert values.ready.upstream
    assert not values.console.enabled
    assert found.keys == {"one": "sk-of-one", "two": "sk-of-two"}


def test_without_a_file_the_defaults_hold() -> None:
    values = load().values
    assert (values.listen.host, values.listen.port) == ("127.0.0.1", 8800)
    assert (values.index.dir, values.policy) == ("./fairgate-index", "balanced")
    assert (values.ledger.url, values.ledger.excerpts) == ("sqlite:///./fairgate-ledger.db", "matched")
    assert values.upstreams == values.tenants == values.allowed_policies == values.passthrough == []


def test_a_file_that_is_there_is_read_without_being_named() -> None:
    Path("fairgate.yaml").write_text("policy: strict\n", encoding="utf-8")
    assert load().values.policy == "strict"


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(UsageError, match=r"nofile\.yaml: cannot be read"):
        load(Path("nofile.yaml"))


def test_the_command_line_stands_over_the_file() -> None:
    given = Overrides(
        host="::1", port=1, upstream="http://x/v1", index="i", policy="research", ledger="sqlite:///other.db"
    )
    found = read(EVERY_KEY, given)
    values = found.values
    assert (values.listen.host, values.listen.port, values.index.dir) == ("::1", 1, "i")
    assert [(each.name, each.url, each.models) for each in values.upstreams] == [("upstream", "http://x/v1", ["*"])]
    assert (values.policy, values.ledger.url, values.ledger.excerpts) == ("research", "sqlite:///other.db", "none")
    assert found.keys == {}


def test_no_secret_is_shown() -> None:
    found = read(EVERY_KEY)
    assert "sk-of" not in f"{found!r} {found} {found.values!r}"


UP = "upstreams:\n  - name: a\n    url: http://x/v1\n"
TWO = "tenants:\n  - {{name: a, keys: [{}]}}\n  - {{name: {}, keys: [{}]}}\n"
REFUSED = {
    "an unknown key": ("policy: strict\npolcy: x\n", "2: polcy: unknown key; did you mean `policy`?"),
    "an unknown key within": ("listen:\n  hots: x\n", "2: listen.hots: unknown key; did you mean `host`?"),
    "no YAML": ("a: [\n", "not valid YAML"),
    "no mapping": ("- a\n", "1: holds no mapping"),
    "a port out of range": ("listen:\n  port: 70000\n", "2: listen.port: `70000` cannot stand here"),
    "a word for a number": ("limits:\n  body: big\n", "2: limits.body: `big` cannot stand here"),
    "a body limit that is too small": ("limits: {body: 10}\n", "1: limits.body: `10` cannot stand here"),
    "no stream at all": ("limits: {streams: 0}\n", "1: limits.streams:"),
    "no duration": ("limits: {time: 15}\n", "1: limits.time:"),
    "an unknown role": ("tenants:\n  - {name: a, role: boss}\n", "2: tenants[0].role: `boss` cannot stand here"),
    "unknown excerpts": ("ledger: {excerpts: some}\n", "1: ledger.excerpts: `some` cannot stand here"),
    "no worker": ("listen:\n  workers: 0\n", "2: listen.workers: `0` cannot stand here"),
    "open to all without keys": ("listen:\n  host: 0.0.0.0\n", "2: listen.host: `0.0.0.0` is reached from elsewhere"),
    "a remote index": ("index:\n  url: https://x\n", "2: index.url: serving from a remote index is not built yet"),
    "a licence of nothing": ("policy: strict\nlicences:\n  - {until: 2026-01-31}\n", "3: licences[0]: names nothing"),
    "a licence of a stranger": (
        f"tenants:\n  - {{name: a, keys: [{KEY}]}}\nlicences:\n  - holder: X\n    tenant: b\n",
        "5: licences[0].tenant: there is no tenant `b`; write one of a",
    ),
    "a licence of a tenant where there are none": (
        "licences:\n  - {holder: X, tenant: a}\n",
        "2: licences[0].tenant: there is no tenant `a`; write one of default",
    ),
    "a licence from no day": (
        "licences:\n  - {holder: X, since: 2026-02-30}\n",
        "2: licences[0].since: `2026-02-30` is no date; write one such as 2026-01-31",
    ),
    "a licence that ends before it begins": (
        "licences:\n  - holder: X\n    since: 2026-02-02\n    until: 2026-02-01\n",
        "4: licences[0].until: `2026-02-01` is before `since`",
    ),
    "fingerprints for no time": ("ledger:\n  fingerprints: 30\n", "2: ledger.fingerprints:"),
    "retention for no time": ("ledger:\n  retention: ever\n", "2: ledger.retention: `ever` cannot stand here"),
    "one port for two": ("metrics:\n  port: 8800\n", "2: metrics.port: is the port that requests come in on, 8800"),
    "a host of metrics without a port": ("metrics:\n  host: x\n", "2: metrics.host: stands without `port`"),
    "a tenant without keys": ("tenants:\n  - name: a\n", "2: tenants[0]: tenant `a` has no `keys`"),
    "a tenant's key in plain": ("tenants:\n  - {name: a, keys: [fg-secret]}\n", "2: tenants[0].keys[0]: is no SHA-256"),
    "the digest of nothing": (
        f"tenants:\n  - {{name: a, keys: [{NOTHING}]}}\n",
        "2: tenants[0].keys[0]: is the SHA-256 of an empty key",
    ),
    "one key for two tenants": (TWO.format(KEY, "b", f"sha256:{KEY}"), "3: tenants[1].keys[0]: stands here twice"),
    "one tenant twice": (TWO.format(KEY, "a", OTHER), "3: tenants[1].name: `a` stands here twice"),
    "a tenant's name with a space": ("tenants:\n  - {name: a b}\n", "2: tenants[0].name: `a b` cannot stand here"),
    "an unknown policy": ("policy: nope\n", "1: policy: there is no policy `nope`; name a file or one of balanced,"),
    "an unknown allowed policy": ("allowed_policies:\n  - strict\n  - x.yaml\n", "3: allowed_policies[1]: there is no"),
    "an unknown policy of a tenant": (
        f"tenants:\n  - name: a\n    keys: [{KEY}]\n    policy: nope\n",
        "4: tenants[0].policy: there is no policy `nope`",
    ),
    "an unknown allowed policy of a tenant": (
        f"tenants:\n  - name: a\n    keys: [{KEY}]\n    allowed_policies: [nope]\n",
        "4: tenants[0].allowed_policies[0]: there is no policy `nope`",
    ),
    "an upstream without an address": ("upstreams:\n  - name: a\n", "2: upstreams[0].url: is missing"),
    "an address that is none": ("upstreams:\n  - {name: a, url: x/v1}\n", "2: upstreams[0].url: `x/v1` cannot stand"),
    "a key in the file": (f"{UP}    key: sk-secret\n", "4: upstreams[0].key: a key must not stand in this file"),
    "a variable that is not set": (f"{UP}    key_env: NO_SUCH\n", "4: upstreams[0].key_env: the environment variable"),
    "a variable that is empty": (f"{UP}    key_env: TEST_EMPTY\n", "4: upstreams[0].key_env: the environment variable"),
    "a key of two lines": (f"{UP}    key_env: TEST_TWO_LINES\n", "4: upstreams[0].key_env: what it names holds no key"),
    "a key file that is not there": (f"{UP}    key_file: nofile\n", "4: upstreams[0].key_file: `nofile` cannot"),
    "a key file that is empty": (f"{UP}    key_file: empty.key\n", "4: upstreams[0].key_file: what it names holds no"),
    "two places for a key": (f"{UP}    key_env: X\n    key_file: two.key\n", "5: upstreams[0].key_file: stands beside"),
    "one name twice": (UP + "  - {name: a, url: http://y/v1}\n", "4: upstreams[1].name: `a` stands here twice"),
    "one model at two upstreams": (UP + "  - {name: b, url: http://y/v1}\n", "4: upstreams[1].models: `*` goes to"),
    "authorities that are not there": (f"{UP}    tls: {{ca_file: no.pem}}\n", "4: upstreams[0].tls.ca_file: `no.pem`"),
    "authorities that are none": (f"{UP}    tls: {{ca_file: empty.pem}}\n", "`empty.pem` is no file of certificates"),
    "a path without a slash": ("passthrough: [v1/x]\n", "1: passthrough[0]: `v1/x` is no plain path"),
    "a path that climbs": ("passthrough: [/v1/../x]\n", "1: passthrough[0]: `/v1/../x` is no plain path"),
    "a path with a pattern": ("passthrough: ['/v1/{x}']\n", "1: passthrough[0]: `/v1/{x}` is no plain path"),
    "a path that is checked": ("passthrough: [/v1/chat/completions]\n", "1: passthrough[0]: `/v1/chat/completions` is"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith("fairgate.yaml:")
    assert said in message
    assert "\n" not in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (Overrides(host="0.0.0.0"), "--host: `0.0.0.0` is reached from elsewhere"),  # noqa: S104 (it is refused)
        (Overrides(upstream="x:8000"), "--upstream is `x:8000`: write the base that ends in /v1"),
    ],
)
def test_what_is_wrong_on_the_command_line_names_the_option(overrides: Overrides, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(None, overrides)
    assert str(caught.value).startswith(said)


def test_the_example_in_deploy_is_well() -> None:
    example = Path(__file__).resolve().parents[2] / "deploy" / "fairgate.yaml"
    assert load(example).values.upstreams[0].url == "http://127.0.0.1:8000/v1"
