"""The settings of a server: one frozen value, read once from fairgate.yaml and the command line."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from typing_extensions import override

from indexes.errors import UsageError
from policies import yaml_source
from policies.load import seconds
from policies.schema import Duration
from policies.yaml_source import Source

DEFAULT_FILE: Final = Path("fairgate.yaml")
Role: TypeAlias = Literal["viewer", "reviewer", "admin"]
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SHA256: Final = r"^(sha256:)?[0-9a-f]{64}$"


class _Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of fairgate.yaml; a key that is not named here is refused."""


class Listen(_Shape, frozen=True):
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8800
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1


class Timeouts(_Shape, frozen=True):
    """How long to wait for an upstream: to connect, and for the next bytes of an answer."""

    connect: Duration = "10s"
    read: Duration = "120s"


class Tls(_Shape, frozen=True):
    """How an upstream's certificate is checked: against the system's authorities, those of a file, or not at all."""

    verify: bool = True
    ca_file: str | None = None


class UpstreamSettings(_Shape, frozen=True):
    """A generator. `url` is the base that ends in /v1; `models` are the names it answers to, `*` for any other."""

    name: str
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/]+")]
    key_env: str | None = None
    key_file: str | None = None
    models: list[str] = msgspec.field(default_factory=lambda: ["*"])
    timeouts: Timeouts = Timeouts()
    tls: Tls = Tls()


class IndexSettings(_Shape, frozen=True):
    """Where the index of works is."""

    dir: str = "./fairgate-index"
    url: str | None = None


class Tenant(_Shape, frozen=True):
    """Who calls. `keys` are SHA-256 digests, in hexadecimal, of the keys that the tenant sends."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{1,64}$")]
    keys: list[Annotated[str, msgspec.Meta(pattern=_SHA256)]] = []
    role: Role = "viewer"
    policy: str | None = None
    allowed_policies: list[str] = []
    may_declare: bool = False
    corpora: list[str] = []


class Licence(_Shape, frozen=True):
    """An entry of the register: what a tenant may use of a holder or a work, and until when."""

    tenant: str | None = None
    holder: str | None = None
    work: str | None = None
    since: str | None = None
    until: str | None = None
    action: Literal["pass", "attribute"] = "pass"


class LedgerSettings(_Shape, frozen=True):
    """Where decisions are written, and how much of the texts they are about is kept beside them."""

    url: str = "sqlite:///./fairgate-ledger.db"
    excerpts: Literal["none", "matched", "full"] = "matched"
    fingerprints: Duration | None = None
    retention: Duration | None = None


class LimitSettings(_Shape, frozen=True):
    """Bounds of the server itself: request bytes, streams at once, seconds an answer may take."""

    body: Annotated[int, msgspec.Meta(ge=1024)] = 32 * 1024 * 1024
    streams: Annotated[int, msgspec.Meta(ge=1)] = 4096
    time: Duration = "15m"


class Ready(_Shape, frozen=True):
    """What /readyz asks beyond index and ledger."""

    upstream: bool = False


class MetricsSettings(_Shape, frozen=True):
    """Where /metrics is served: on the main listener, or on one of its own."""

    host: str | None = None
    port: int | None = None


class ConsoleSettings(_Shape, frozen=True):
    """Whether the console is served."""

    enabled: bool = True


class SettingsShape(_Shape, frozen=True):
    """fairgate.yaml, key for key."""

    listen: Listen = Listen()
    upstreams: list[UpstreamSettings] = []
    index: IndexSettings = IndexSettings()
    policy: str = "balanced"
    allowed_policies: list[str] = []
    tenants: list[Tenant] = []
    licences: list[Licence] = []
    ledger: LedgerSettings = LedgerSettings()
    limits: LimitSettings = LimitSettings()
    passthrough: list[str] = []
    ready: Ready = Ready()
    metrics: MetricsSettings = MetricsSettings()
    console: ConsoleSettings = ConsoleSettings()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server runs by. `keys` holds the upstreams' own keys by name; they are never shown."""

    values: SettingsShape
    keys: dict[str, str]

    @override
    def __repr__(self) -> str:
        return f"Settings({self.values!r})"


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says over the file; None says nothing."""

    host: str | None = None
    port: int | None = None
    workers: int | None = None
    upstream: str | None = None
    index: str | None = None
    policy: str | None = None
    ledger: str | None = None


def load(path: Path | None = None, overrides: Overrides = Overrides()) -> Settings:
    """Read the file (fairgate.yaml here, if none is named and it is there), then the overrides; raises UsageError."""
    if path is None and not DEFAULT_FILE.exists():
        source = Source("fairgate.yaml", {}, {})
    else:
        source = yaml_source.read(path or DEFAULT_FILE)
    _refuse_literal_keys(source)
    values = _overridden(source.convert(SettingsShape), overrides)
    _check(source, values)
    return Settings(
        values, {each.name: key for at, each in enumerate(values.upstreams) if (key := _key(source, at, each))}
    )


def _overridden(values: SettingsShape, overrides: Overrides) -> SettingsShape:
    given: dict[str, Any] = {
        "listen": msgspec.structs.replace(
            values.listen,
            **{key: value for key in ("host", "port", "workers") if (value := getattr(overrides, key)) is not None},
        )
    }
    if overrides.upstream is not None:
        if not overrides.upstream.startswith(("http://", "https://")):
            raise UsageError(
                f"--upstream is `{overrides.upstream}`: write the base that ends in /v1, http://host:port/v1"
            )
        given["upstreams"] = [UpstreamSettings("upstream", overrides.upstream)]
    if overrides.index is not None:
        given["index"] = msgspec.structs.replace(values.index, dir=overrides.index)
    if overrides.policy is not None:
        given["policy"] = overrides.policy
    if overrides.ledger is not None:
        given["ledger"] = msgspec.structs.replace(values.ledger, url=overrides.ledger)
    return msgspec.structs.replace(values, **given)


def _refuse_literal_keys(source: Source) -> None:
    """Secrets stand in the environment or in a file of their own, never here."""
    upstreams = source.data.get("upstreams")
    for at, each in enumerate(upstreams if isinstance(upstreams, list) else ()):
        if isinstance(each, dict) and "key" in each:
            raise source.error(
                ("upstreams", at, "key"), "a key must not stand in this file; write `key_env: NAME` or `key_file: PATH`"
            )


def _check(source: Source, values: SettingsShape) -> None:
    if values.index.url is not None:
        raise source.error(("index", "url"), "serving from a remote index is not built yet; write `dir`")
    if values.listen.host not in _LOOPBACK and not values.tenants:
        raise source.error(
            ("listen", "host"),
            f"`{values.listen.host}` is reached from elsewhere, but no `tenants` with keys are configured; "
            "add them, or listen on 127.0.0.1",
        )
    names: set[str] = set()
    for at, upstream in enumerate(values.upstreams):
        if upstream.name in names:
            raise source.error(
                ("upstreams", at, "name"), f"`{upstream.name}` stands here twice; give each its own name"
            )
        names.add(upstream.name)
    for at, tenant in enumerate(values.tenants):
        if not tenant.keys:
            raise source.error(("tenants", at), f"tenant `{tenant.name}` has no `keys`; add the SHA-256 of one")


def _key(source: Source, at: int, upstream: UpstreamSettings) -> str | None:
    if upstream.key_env is not None:
        value = os.environ.get(upstream.key_env)
        if not value:
            raise source.error(
                ("upstreams", at, "key_env"), f"the environment variable `{upstream.key_env}` is not set; set it"
            )
        return value
    if upstream.key_file is not None:
        try:
            return Path(upstream.key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise source.error(("upstreams", at, "key_file"), f"`{upstream.key_file}` cannot be read") from error
    return None


def duration(text: str) -> float:
    """`90s`, `15m`, `24h`, `7d` in seconds."""
    return seconds(text)
