"""The name of a decision: made before the first byte, ordered by time, the same length for ever."""

import secrets
import time
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: ascending in ASCII, so text order is time order
_LENGTH = 26
_RANDOM_BITS = 80


def new_decision_id() -> str:
    """`dec_` and a ULID (48 bits of milliseconds, 80 random bits): later ids sort after earlier, to the millisecond."""
    return _decision_id(time.time_ns() // 1_000_000, secrets.randbits(_RANDOM_BITS))


def least_decision_id(at: datetime) -> str:
    """The id that sorts at or before every decision made at `at` (aware) or later."""
    return _decision_id(max(0, int(at.timestamp() * 1000)), 0)


def _decision_id(milliseconds: int, random_bits: int) -> str:
    number = (milliseconds << _RANDOM_BITS) | random_bits
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5)]
    return "dec_" + "".join(digits)
