"""The hash chain: what a row's hash covers, and nothing else. Pure.

Each writer has a chain of its own. A row's hash covers its own content and the hash of the row before it; the first row
continues the chain's opening, and openings continue one another over all chains, in the order in which chains began.
Text is never hashed into a row, only a digest of it under a random salt that is erased with the text, so that what was
erased cannot be guessed back and the chain stays whole.

A row's place in its chain is said by the links alone, not by its number, so that a changed row (its hash is wrong) can
be told from a moved one (its hash is right, what it follows is not).
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import msgspec

from proxy.ledger.record import Sent

FORMAT = "fairgate-ledger-1"
GENESIS = "0" * 64
SALT_BYTES = 16

EntryKind: TypeAlias = Literal["opening", "choice", "closing", "erasure"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A row before it has a place in a chain; `private` is the erasable part, as JSON, or None.

    `sent` is what was delivered, whose `fingerprints` are kept until `until_us`; None where none are. No hash covers
    them.
    """

    kind: EntryKind
    decision_id: str | None
    at_us: int
    body: str
    tenant: str | None = None
    action: str | None = None
    private: str | None = None
    sent: tuple[Sent, ...] | None = None
    fingerprints: bytes | None = None
    until_us: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: the number of its rows and the hash of the last (of its opening while it has none)."""

    chain: str
    length: int
    hash: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row as stored. `sealed` is the salted digest of the erasable part, None where there never was one."""

    chain: str
    seq: int
    kind: str
    decision_id: str | None
    at_us: int
    tenant: str | None
    action: str | None
    body: str
    sealed: str | None
    previous: str
    hash: str

    def columns(self) -> dict[str, str | int | None]:
        """The row by column, as it is inserted."""
        return {name: getattr(self, name) for name in self.__slots__}


def canonical(value: object) -> str:
    """JSON of a value with sorted keys and no spaces: the same text for equal values. Lone surrogates become `?`."""
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except UnicodeEncodeError:  # half of a surrogate pair, which a foreign JSON text may hold and UTF-8 cannot
        plain = msgspec.to_builtins(value)
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode(errors="replace").decode()


def seal(private: str, salt: bytes) -> str:
    """The digest of an erasable text under its salt."""
    return hashlib.sha256(salt + private.encode()).hexdigest()


def opening(chain: str, number: int, started_us: int, previous: str) -> str:
    """The hash with which the `number`-th chain begins, after the opening of the chain numbered before it."""
    return _digest((FORMAT, "opening", chain, number, started_us, previous))


def row_hash(row: Row) -> str:
    """The hash that a row must bear: over all of it but its number and the hash itself."""
    body = hashlib.sha256(row.body.encode()).hexdigest()
    return _digest(
        (
            FORMAT,
            row.chain,
            row.kind,
            row.decision_id,
            row.at_us,
            row.tenant,
            row.action,
            body,
            row.sealed,
            row.previous,
        )
    )


def follow(head: Head, draft: Draft, sealed: str | None) -> tuple[Row, Head]:
    """The row that puts a draft at the end of a chain, and the new head."""
    row = Row(
        chain=head.chain,
        seq=head.length + 1,
        kind=draft.kind,
        decision_id=draft.decision_id,
        at_us=draft.at_us,
        tenant=draft.tenant,
        action=draft.action,
        body=draft.body,
        sealed=sealed,
        previous=head.hash,
        hash="",
    )
    linked = replace(row, hash=row_hash(row))
    return linked, Head(head.chain, linked.seq, linked.hash)


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256(canonical(parts).encode()).hexdigest()
