"""The settings of a server: one frozen value, read once from fairgate.yaml and the command line."""

import hashlib
import os
import re
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from typing_extensions import override

from indexes.errors import UsageError
from policies import yaml_source
from policies.faults import KeyPath
from policies.load import presets, seconds
from policies.schema import Duration
from policies.yaml_source import Source
from proxy.register import Licence, moment

DEFAULT_FILE: Final = Path("fairgate.yaml")
DEFAULT_TENANT: Final = "default"
Role: TypeAlias = Literal["viewer", "reviewer", "admin"]
RELOADED: Final = ("policy", "allowed_policies", "tenants", "licences")
"""Keys that are taken over while the server runs, as is `index.private_works`; the others are read at start."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SHA256: Final = r"^(sha256:)?[0-9a-f]{64}$"
_OF_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~:@+-]+)+")
_SERVED: Final = (
    "/v1/chat/completions", "/v1/models", "/v1/embeddings", "/v1/moderations", "/v1/fairgate", "/tokenize", "/console",
    "/healthz", "/readyz", "/metrics",
)  # fmt: skip
_KEY: Final = re.compile(r"[!-~]+")


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
    """Where the index of works is, and whose answers private works are judged in: their `own` tenants', or `all`.

    `semantic` says whether the check route looks for passages in other words where it is asked to.
    """

    dir: str = "./fairgate-index"
    url: str | None = None
    private_works: Literal["own", "all"] = "own"
    semantic: bool = False


class Tenant(_Shape, frozen=True):
    """Who calls. `keys` are SHA-256 digests, in hexadecimal, of the keys that the tenant sends."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{1,64}$")]
    keys: list[Annotated[str, msgspec.Meta(pattern=_SHA256)]] = []
    role: Role = "viewer"
    policy: str | None = None
    allowed_policies: list[str] = []
    may_declare: bool = False
    corpora: list[str] = []


class LicenceSettings(_Shape, frozen=True):
    """An entry of the register: what a tenant may use of a holder or a work, and from when until when."""

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
    """Bounds of the server itself: request bytes, streams at once, and times.

    `time` is how long an answer may take, `drain` how long it may go on when the server stops, `rewrite` how long a
    rewriter may be silent.
    """

    body: Annotated[int, msgspec.Meta(ge=1024)] = 32 * 1024 * 1024
    streams: Annotated[int, msgspec.Meta(ge=1)] = 4096
    time: Duration = "15m"
    drain: Duration = "30s"
    rewrite: Duration = "30s"


class Ready(_Shape, frozen=True):
    """What /readyz asks beyond index and ledger."""

    upstream: bool = False


class MetricsSettings(_Shape, frozen=True):
    """Where /metrics is served: on the main listener, or on one of its own."""

    host: str | None = None
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None


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
    licences: list[LicenceSettings] = []
    ledger: LedgerSettings = LedgerSettings()
    limits: LimitSettings = LimitSettings()
    passthrough: list[str] = []
    ready: Ready = Ready()
    metrics: MetricsSettings = MetricsSettings()
    console: ConsoleSettings = ConsoleSettings()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server runs by. `keys` holds the upstreams' own keys by name; they are never shown.

    `file` and `overrides` are what it was read from; None where there was no file.
    """

    values: SettingsShape
    keys: dict[str, str]
    file: Path | None = None
    overrides: "Overrides | None" = None

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
    file = path or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    source = Source("fairgate.yaml", {}, {}) if file is None else yaml_source.read(file)
    _refuse_literal_keys(source)
    values = _overridden(source.convert(SettingsShape), overrides)
    _check(source, values, overrides)
    keys = {each.name: key for at, each in enumerate(values.upstreams) if (key := _key(source, at, each))}
    return Settings(values, keys, file, overrides)


def again(settings: Settings) -> Settings:
    """Read the same file anew; raises UsageError."""
    return load(settings.file, settings.overrides or Overrides())


def renewed(settings: Settings) -> Settings:
    """The settings as a process goes on with them that starts later than they were read; raises UsageError."""
    if settings.file is None:
        return settings
    return replace(settings, values=taken_over(settings.values, again(settings))[0])


def taken_over(running: SettingsShape, found: Settings) -> tuple[SettingsShape, list[str]]:
    """What a server goes on with when its file has changed, and the changed keys that wait for a restart.

    Raises UsageError where the new keys do not fit those that stay.
    """
    if running.listen.host not in _LOOPBACK and not found.values.tenants:
        raise UsageError(
            f"{found.file}: no `tenants` are left, but the server listens on `{running.listen.host}`, "
            "which is reached from elsewhere; keep one, or restart on 127.0.0.1"
        )
    changed = {key: getattr(found.values, key) for key in RELOADED}
    index = msgspec.structs.replace(running.index, private_works=found.values.index.private_works)
    values = msgspec.structs.replace(running, index=index, **changed)
    return values, [key for key in values.__struct_fields__ if getattr(values, key) != getattr(found.values, key)]


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
    """Secrets stand in the environment or in a file of their own, never here; nor does a refusal repeat them."""
    for at, upstream in enumerate(_mappings(source, "upstreams")):
        if "key" in upstream:
            raise source.error(
                ("upstreams", at, "key"), "a key must not stand in this file; write `key_env: NAME` or `key_file: PATH`"
            )
    for at, tenant in enumerate(_mappings(source, "tenants")):
        keys = tenant.get("keys")
        for number, key in enumerate(keys if isinstance(keys, list) else ()):
            if not isinstance(key, str) or not re.fullmatch(_SHA256, key):
                raise source.error(
                    ("tenants", at, "keys", number),
                    "is no SHA-256; write that of the key, 64 hexadecimal digits in lower case and in quotes",
                )


def _mappings(source: Source, key: str) -> list[dict[str, Any]]:
    """The entries of a list that are mappings, the others as empty ones; their shape is checked later."""
    found = source.data.get(key)
    return [each if isinstance(each, dict) else {} for each in (found if isinstance(found, list) else ())]


def _check(source: Source, values: SettingsShape, overrides: Overrides) -> None:
    _refuse_unbuilt(source, values)
    _check_listen(source, values, overrides)
    _check_upstreams(source, values.upstreams)
    _check_tenants(source, values.tenants)
    _check_licences(source, values)
    _check_policies(source, values, overrides)
    for at, path in enumerate(values.passthrough):
        if not _PATH.fullmatch(path):
            raise source.error(
                ("passthrough", at), f"`{path}` is no plain path; write it from the first slash: /v1/..."
            )
        if path.startswith(_SERVED) or path in values.passthrough[:at]:
            raise source.error(("passthrough", at), f"`{path}` is served already; take it out")


def _refuse_unbuilt(source: Source, values: SettingsShape) -> None:
    """Keys that are agreed and do nothing yet: an operator must not believe that they do."""
    unbuilt: tuple[tuple[tuple[str, ...], object, str], ...] = (
        (("index", "url"), values.index.url, "serving from a remote index is not built yet; write `dir`"),
    )
    for path, value, what in unbuilt:
        if value:
            raise source.error(path, what)


def _check_listen(source: Source, values: SettingsShape, overrides: Overrides) -> None:
    listen = values.listen
    if values.metrics.host is not None and values.metrics.port is None:
        raise source.error(("metrics", "host"), "stands without `port`; write the port of the metrics, too")
    if values.metrics.port == listen.port:
        raise source.error(("metrics", "port"), f"is the port that requests come in on, {listen.port}; choose another")
    if listen.host not in _LOOPBACK and not values.tenants:
        what = (
            f"`{listen.host}` is reached from elsewhere, but no `tenants` with keys are configured; "
            "add them to the configuration, or listen on 127.0.0.1"
        )
        raise UsageError(f"--host: {what}") if overrides.host else source.error(("listen", "host"), what)


def _check_upstreams(source: Source, upstreams: list[UpstreamSettings]) -> None:
    names: set[str] = set()
    models: dict[str, str] = {}
    for at, upstream in enumerate(upstreams):
        here = ("upstreams", at)
        if upstream.name in names:
            raise source.error((*here, "name"), f"`{upstream.name}` stands here twice; give each its own name")
        names.add(upstream.name)
        for model in upstream.models:
            if model in models:
                raise source.error(
                    (*here, "models"),
                    f"`{model}` goes to upstream `{models[model]}` already; name each model at one upstream, `*` too",
                )
            models[model] = upstream.name
        if (file := upstream.tls.ca_file) is not None:
            try:
                ssl.create_default_context(cafile=file)
            except OSError as error:  # a file without certificates is one, too
                raise source.error((*here, "tls", "ca_file"), f"`{file}` is no file of certificates") from error


def _check_tenants(source: Source, tenants: list[Tenant]) -> None:
    names: set[str] = set()
    keys: set[str] = set()
    for at, tenant in enumerate(tenants):
        if tenant.name in names:
            raise source.error(("tenants", at, "name"), f"`{tenant.name}` stands here twice; give one all `keys`")
        names.add(tenant.name)
        if not tenant.keys:
            raise source.error(("tenants", at), f"tenant `{tenant.name}` has no `keys`; add the SHA-256 of one")
        for number, key in enumerate(tenant.keys):
            digest = key.removeprefix("sha256:")
            if digest == _OF_NOTHING:
                raise source.error(("tenants", at, "keys", number), "is the SHA-256 of an empty key; make one")
            if digest in keys:
                raise source.error(("tenants", at, "keys", number), "stands here twice; a key names one tenant")
            keys.add(digest)


def _check_licences(source: Source, values: SettingsShape) -> None:
    known = {tenant.name for tenant in values.tenants} or {DEFAULT_TENANT}
    for at, licence in enumerate(values.licences):
        if licence.tenant is not None and licence.tenant not in known:
            raise source.error(
                ("licences", at, "tenant"),
                f"there is no tenant `{licence.tenant}`; write one of {', '.join(sorted(known))}, or leave it out",
            )
        if not licence.holder and not licence.work:
            raise source.error(("licences", at), "names nothing that may be used; write `holder` or `work`")
        times = {}
        for key in ("since", "until"):
            if (written := getattr(licence, key)) is not None:
                try:
                    times[key] = moment(written, end=key == "until")
                except ValueError as error:
                    what = f"`{written}` is no date; write one such as 2026-01-31, or 2026-01-31T12:00:00Z"
                    raise source.error(("licences", at, key), what) from error
        if len(times) == 2 and times["since"] >= times["until"]:
            raise source.error(("licences", at, "until"), f"`{licence.until}` is before `since`; write a later day")


def register(values: SettingsShape) -> tuple[Licence, ...]:
    """The licences of settings that were checked; `until` is a whole day where only its date is written."""
    return tuple(
        Licence(
            each.tenant,
            each.holder,
            each.work,
            moment(each.since) if each.since else None,
            moment(each.until, end=True) if each.until else None,
            each.action,
        )
        for each in values.licences
    )


def _check_policies(source: Source, values: SettingsShape, overrides: Overrides) -> None:
    """Every policy that is named must be a preset or a file; what stands in it is checked when it is read."""
    named: list[tuple[KeyPath, str]] = [] if overrides.policy else [(("policy",), values.policy)]
    named += [(("allowed_policies", at), name) for at, name in enumerate(values.allowed_policies)]
    for at, tenant in enumerate(values.tenants):
        named += [(("tenants", at, "policy"), tenant.policy)] if tenant.policy else []
        named += [(("tenants", at, "allowed_policies", n), name) for n, name in enumerate(tenant.allowed_policies)]
    for path, name in named:
        if name not in presets() and not Path(name).is_file():
            raise source.error(path, f"there is no policy `{name}`; name a file or one of {', '.join(presets())}")


def _key(source: Source, at: int, upstream: UpstreamSettings) -> str | None:
    env, file = upstream.key_env, upstream.key_file
    if env is not None and file is not None:
        raise source.error(("upstreams", at, "key_file"), "stands beside `key_env`; keep one")
    if env is not None:
        here, key = ("upstreams", at, "key_env"), os.environ.get(env, "")
        if not key:
            raise source.error(here, f"the environment variable `{env}` is not set; set it")
    elif file is not None:
        here = ("upstreams", at, "key_file")
        try:
            key = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise source.error(here, f"`{file}` cannot be read") from error
    else:
        return None
    if not _KEY.fullmatch(key):
        raise source.error(here, "what it names holds no key: one line of visible ASCII characters, without spaces")
    return key


def duration(text: str) -> float:
    """`90s`, `15m`, `24h`, `7d` in seconds."""
    return seconds(text)
