"""A policy as data: limits, floors, weights, thresholds and rules. Values only; `load` makes them from YAML."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from policies.model import Action, FactorName, Mode, Use
from policies.schema import Sample, UsePatch

Grounded: TypeAlias = Literal["pass", "attribute", "judge"]
OnError: TypeAlias = Literal["block", "pass"]
Annotations: TypeAlias = Literal["off", "minimal", "full"]
Hold: TypeAlias = Literal["none", "sentence", "paragraph"]


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be copied of one work before any score. None means no such limit.

    `words` bounds one run (lexemes for code), `total` the distinct source words of one work, `work_share` their share
    of the work (0 to 1). `over` is what happens beyond.
    """

    words: int | None = None
    total: int | None = None
    work_share: float | None = None
    over: Action = Action.BLOCK


@dataclass(frozen=True, slots=True)
class ImageLimit:
    """When two pictures count as the same: Hamming distance of their hashes and pixel distance, both at most."""

    pdq: int = 31
    l2: float = 0.15
    over: Action = Action.BLOCK


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits by the matched work's form, then its kind."""

    text: Limit
    lyrics: Limit
    code: Limit
    image: ImageLimit = ImageLimit()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores at or over which an action is taken; each 0 to 1."""

    attribute: float
    rewrite: float
    block: float


@dataclass(frozen=True, slots=True)
class Over:
    """Amounts that a match must exceed for a rule to fit; all that are given."""

    words: int | None = None
    lexemes: int | None = None
    total: int | None = None
    work_share: float | None = None


@dataclass(frozen=True, slots=True)
class When:
    """Conditions of a rule; all that are given must hold, each by any of its values. Licences stand in lower case."""

    kind: tuple[str, ...] | None = None
    form: tuple[str, ...] | None = None
    license: tuple[str, ...] | None = None
    license_class: tuple[str, ...] | None = None
    holder: tuple[str, ...] | None = None
    work: tuple[str, ...] | None = None
    tag: tuple[str, ...] | None = None
    nature: tuple[str, ...] | None = None
    market: tuple[str, ...] | None = None
    opt_out: bool | None = None
    own: bool | None = None
    grounded: bool | None = None
    detector: tuple[str, ...] | None = None
    purpose: tuple[str, ...] | None = None
    commercial: bool | None = None
    tenant: tuple[str, ...] | None = None
    over: Over | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """When its conditions hold for a match, its action is that match's, whatever limits and score say.

    A rule with `over` tightens only: the match gets the stricter of its action and what it would get without it.
    """

    when: When
    then: Action


@dataclass(frozen=True, slots=True)
class Budget:
    """What one tenant may be given of one work within a window of seconds; `user_words` bounds each of its users."""

    work_share: float | None
    words: int | None
    window: float
    user_words: int | None = None


@dataclass(frozen=True, slots=True)
class Rewriting:
    """How a copied passage is replaced: bounded tries, by which upstream, and what if none is better."""

    tries: int = 2
    upstream: str = "same"
    fallback: Literal["quote", "block"] = "quote"


@dataclass(frozen=True, slots=True)
class Attribution:
    """How sources are told beside the standard annotations."""

    footnote: bool = False
    dialects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A synthetic match and the actions of which one is expected of it; `line` is where the file says so."""

    name: str
    match: Sample
    expect: tuple[Action, ...]
    use: UsePatch = field(default_factory=UsePatch)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do about what is found. `revision` names the content, 8 hexadecimal digits."""

    name: str
    revision: str
    mode: Mode
    on_error: OnError
    use: Use
    limits: Limits
    floors: dict[str, int]
    factors: dict[FactorName, float]
    thresholds: Thresholds
    grounded: Grounded
    rules: tuple[Rule, ...]
    annotations: Annotations
    budget: Budget | None = None
    hold: Hold = "none"
    rewrite: Rewriting = Rewriting()
    attribution: Attribution = Attribution()
    message: str | None = None
    contact: str | None = None
    tests: tuple[PolicyTest, ...] = ()

    @property
    def label(self) -> str:
        """`name@revision`, as decisions name it."""
        return f"{self.name}@{self.revision}"
