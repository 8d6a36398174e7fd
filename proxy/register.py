"""The licence register: what tenants may use of which works, and when. Values only."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, TypeAlias

from indexes.model import Match, Work

LicenceAction: TypeAlias = Literal["pass", "attribute"]
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Licence:
    """An entry of the register: `tenant` (None: everyone) may use what fits from `since` until before `until`."""

    tenant: str | None
    holder: str | None
    work: str | None
    since: datetime | None
    until: datetime | None
    action: LicenceAction

    def covers(self, work: Work) -> bool:
        """Whether it is for this work."""
        return self.work in (None, work.id) and self.holder in (None, work.holder)

    def holds(self, tenant: str, at: datetime) -> bool:
        """Whether a tenant has it at a time."""
        begun = self.since is None or self.since <= at
        return self.tenant in (None, tenant) and begun and (self.until is None or at < self.until)


@dataclass(slots=True)
class Licensed:
    """What a tenant may use at the time of one request; remembers what it was asked about."""

    licences: Sequence[Licence]
    _found: dict[str, LicenceAction | None] = field(default_factory=dict)

    def action(self, work: Work) -> LicenceAction | None:
        """Under what a work may be used: `pass` where some licence says so, else `attribute`; None without licence."""
        if work.id not in self._found:
            actions = {each.action for each in self.licences if each.covers(work)}
            self._found[work.id] = "pass" if "pass" in actions else "attribute" if actions else None
        return self._found[work.id]

    def of(self, matches: Iterable[Match], action: LicenceAction) -> tuple[str, ...]:
        """The ids of matched works that may be used under this action, sorted."""
        if not self.licences:
            return ()
        works = {match.work.id: match.work for match in matches}
        return tuple(sorted(key for key, work in works.items() if self.action(work) == action))


def licensed(register: Sequence[Licence], tenant: str, at: datetime) -> Licensed:
    """What a tenant may use at an aware time."""
    return Licensed([each for each in register if each.holds(tenant, at)])


def moment(written: str, *, end: bool = False) -> datetime:
    """A date, or a time of ISO 8601, as an aware time; of a date its beginning, or with `end` that of the next day.

    UTC where no zone is written. Raises ValueError.
    """
    if _DATE.fullmatch(written):
        day = date.fromisoformat(written) + timedelta(days=end)
        return datetime.combine(day, time(), UTC)
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
