"""Who calls, and what that lets them choose: tenants by key, policies by name."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.errors import FairgateError, UsageError
from policies.load import find, presets
from policies.policy import Policy
from proxy.privacy import Reader
from proxy.register import Licence
from proxy.settings import DEFAULT_TENANT, Role, SettingsShape, Tenant, register
from proxy.wire.errors import RequestError

POLICY_HEADER = "x-fairgate-policy"
PURPOSE_HEADER = "x-fairgate-purpose"
_RANKS: dict[Role, int] = {"viewer": 0, "reviewer": 1, "admin": 2}


class UnauthorizedError(FairgateError):
    """The caller sent no key that we know."""

    status = 401


class ForbiddenError(FairgateError):
    """The caller is known, and may not do this."""

    status = 403


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant, as far as one request needs it."""

    name: str
    role: Role
    policy: str
    allowed: frozenset[str]
    may_declare: bool
    by_key: bool
    reader: Reader


class Doorkeeper:
    """Knows tenants and policies; immutable. Raises UsageError when a policy that is named cannot be loaded."""

    def __init__(self, settings: SettingsShape) -> None:
        self.settings = settings
        self.register: tuple[Licence, ...] = register(settings)
        self._callers: dict[str, Caller] = {}
        for tenant in settings.tenants:
            caller = _caller(tenant, settings)
            self._callers |= dict.fromkeys((key.removeprefix("sha256:") for key in tenant.keys), caller)
        self._anyone = Caller(
            DEFAULT_TENANT,
            "admin",
            settings.policy,
            frozenset(settings.allowed_policies),
            may_declare=False,
            by_key=False,
            reader=Reader(frozenset({DEFAULT_TENANT})),
        )
        named = {settings.policy, *settings.allowed_policies}
        for each in self._callers.values():
            named |= {each.policy, *each.allowed}
        self._policies = {name: find(name) for name in sorted(named)}
        for name, policy in self._policies.items():
            _check_rewriter(name, policy, [each.name for each in settings.upstreams])

    @property
    def callers(self) -> tuple[Caller, ...]:
        """Every caller there may be."""
        return tuple({caller.name: caller for caller in self._callers.values()}.values()) or (self._anyone,)

    @property
    def tenants(self) -> tuple[str, ...]:
        """The names that callers may have."""
        return tuple(sorted({caller.name for caller in self._callers.values()})) or (DEFAULT_TENANT,)

    @property
    def named(self) -> Mapping[str, Policy]:
        """Every policy that some caller may be judged by, as the settings name it: a preset, or a file."""
        return self._policies

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold those that are no presets."""
        return tuple(Path(name) for name in self._policies if name not in presets())

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy that some caller may be judged by."""
        return tuple(self._policies.values())

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who sent these headers; raises UnauthorizedError."""
        if not self._callers:
            return self._anyone
        scheme, _, key = headers.get("authorization", "").partition(" ")
        key = key.strip() if scheme.casefold() == "bearer" else headers.get("api-key", "")
        digest = hashlib.sha256(key.encode()).hexdigest()
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                return caller
        raise UnauthorizedError("no key that is known here: send `Authorization: Bearer KEY`")

    def require(self, caller: Caller, role: Role) -> None:
        """Raise ForbiddenError unless the caller has at least this role."""
        if _RANKS[caller.role] < _RANKS[role]:
            raise ForbiddenError(f"tenant `{caller.name}` has the role {caller.role}; this needs {role}")

    def policy(self, caller: Caller, headers: Mapping[str, str], in_body: str | None) -> Policy:
        """The policy a request is judged by; raises RequestError or ForbiddenError."""
        wanted = agreed(headers.get(POLICY_HEADER), in_body, POLICY_HEADER, "fairgate.policy")
        if wanted is None or wanted in (caller.policy, self._policies[caller.policy].name):
            return self._policies[caller.policy]
        for allowed in sorted(caller.allowed):
            if wanted in (allowed, self._policies[allowed].name):
                return self._policies[allowed]
        raise ForbiddenError(f"tenant `{caller.name}` may not choose the policy `{wanted}`")


def agreed(in_header: str | None, in_body: str | None, header: str, key: str) -> str | None:
    """What header and body say alike, or the one that says something; raises RequestError where they disagree."""
    if in_header and in_body and in_header != in_body:
        raise RequestError(f"the header `{header}` says `{in_header}`, the body's `{key}` says `{in_body}`", key)
    return in_header or in_body


def _caller(tenant: Tenant, settings: SettingsShape) -> Caller:
    return Caller(
        tenant.name,
        tenant.role,
        tenant.policy or settings.policy,
        frozenset(tenant.allowed_policies),
        may_declare=tenant.may_declare,
        by_key=True,
        reader=Reader(frozenset({tenant.name, *tenant.corpora})),
    )


def _check_rewriter(name: str, policy: Policy, upstreams: Sequence[str]) -> None:
    """A policy's rewriter must be there; raises UsageError."""
    if policy.rewrite.upstream not in ("same", *upstreams):
        known = ", ".join(["`same`", *(f"`{upstream}`" for upstream in upstreams)])
        raise UsageError(
            f"policy `{name}`: rewrite.upstream is `{policy.rewrite.upstream}`, but no upstream is called so; "
            f"write one of {known}"
        )
