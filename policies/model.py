"""The nouns of judging: evidence and use in, verdict out. Values only."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from indexes.model import Match, Span, Work

FactorName: TypeAlias = Literal["purpose", "nature", "amount", "market"]
Mode: TypeAlias = Literal["enforce", "annotate", "monitor"]


class Action(Enum):
    """What is done about an answer; the strictest wins."""

    PASS = "pass"  # noqa: S105 (an action, not a password)
    ATTRIBUTE = "attribute"
    REWRITE = "rewrite"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """0 for pass to 3 for block."""
        return _SEVERITY[self]

    @property
    def stops(self) -> bool:
        """Whether the text may not go on as it was generated."""
        return self in (Action.REWRITE, Action.BLOCK)


_SEVERITY = {action: severity for severity, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Use:
    """Facts about the use of an answer, by policy, tenant and request.

    `trusted` is False where purpose or commercial is said by a caller who may not declare it: such a word raises the
    score at most, and no rule heeds it.
    """

    purpose: str = "unknown"
    commercial: bool | None = None
    audience: str | None = None
    project_license: str | None = None
    tenant: str = "default"
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class ChannelSize:
    """How long a channel's output is so far: words as limits count them, and code points."""

    channel: str
    words: int
    chars: int


@dataclass(frozen=True, slots=True)
class Quotation:
    """Output text that stands as a quotation, in code points of its channel.

    `credited` says that a title or creator of a matched work, or its URL, is named in or beside it. `comment_words`
    counts words of the output's own that speak around it.
    """

    channel: str
    output: Span
    credited: bool
    comment_words: int = 0


@dataclass(frozen=True, slots=True)
class EarlierAmount:
    """What earlier answers of the same conversation already gave of a work: sorted, disjoint source token intervals.

    `units` is 2 for words and 1 for characters of a script without spaces; a work in mixed scripts has an entry of
    each. None means that nobody said: they count as the matches of this answer do.
    """

    work: str
    source: tuple[Span, ...]
    units: Literal[1, 2] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is read about one choice (or image) before it is judged; holds no text, so it is stored whole.

    `budget_left` is how many words of a work the tenant may still be given, by the work's id; `licensed` are works that
    the register lets pass, `licensed_with_source` those that it lets pass with their source.
    `closed` says that the text is complete, so that what can still change (share of the output, quotation, comment)
    may be read.
    """

    matches: tuple[Match, ...] = ()
    channels: tuple[ChannelSize, ...] = ()
    quotations: tuple[Quotation, ...] = ()
    earlier: tuple[EarlierAmount, ...] = ()
    budget_left: tuple[tuple[str, int], ...] = ()
    licensed: tuple[str, ...] = ()
    licensed_with_source: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class JudgedMatch:
    """A match with what the policy made of it.

    `also` names other works that hold the same span (10 at most), `works_count` counts them all, the match's own
    included. `weight` is 0 when the match weighs nothing, else 1. Shares are 0 to 1.
    """

    match: Match
    action: Action
    weight: float
    output_share: float
    source_share: float
    reason: str
    also: tuple[Work, ...] = ()
    works_count: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of an answer, and why.

    `score` is read at the close, `standing_score` without what may still change; both 0 (favours fair use) to 1.
    `factors` are those of the (work, choice) with the highest score. `policy` is `name@revision`.
    """

    action: Action
    score: float
    standing_score: float
    factors: dict[FactorName, float]
    unknown: tuple[FactorName, ...]
    matches: tuple[JudgedMatch, ...]
    reasons: tuple[str, ...]
    policy: str = field(default="")
