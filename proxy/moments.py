"""Times as people write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """A time: so long ago (`12h`, `7d`, `4w`), a date, or a date with time, in UTC where no zone is said.

    Raises ValueError with what to write instead.
    """
    if ago := re.fullmatch(r"(\d{1,4})([smhdw])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is no time: write 7d, 12h, 2026-01-31 or 2026-01-31T12:00+00:00") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
