"""The shape of a policy file, key for key; `load` checks it against this and makes a Policy of it.

Descriptions are what an operator is told to write.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

from indexes.model import Detector, Kind, Market, Nature
from policies.licenses import LicenseClass

ActionName: TypeAlias = Literal["pass", "attribute", "rewrite", "block"]
StopName: TypeAlias = Literal["rewrite", "block"]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Share: TypeAlias = Annotated[
    float, msgspec.Meta(ge=0, le=1, extra_json_schema={"description": "a share from 0 to 1, such as 0.15 for 15 %"})
]
Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Duration: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d+(\.\d+)?(s|m|h|d)$",
        extra_json_schema={"description": "a duration such as 90s, 15m, 24h or 7d"},
    ),
]
Name: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
        extra_json_schema={"description": "a name of lower-case letters, digits, `.`, `_` and `-`"},
    ),
]


class _Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping whose keys are all known."""


class UseShape(_Shape, frozen=True):
    """Facts about the use of answers."""

    purpose: str = "unknown"
    commercial: bool | None = None
    audience: str | None = None


class LimitShape(_Shape, frozen=True):
    """What may be copied of a work of text."""

    words: Count | None = None
    total: Count | None = None
    work_share: Share | None = None
    over: StopName = "block"


class CodeLimitShape(_Shape, frozen=True):
    """What may be copied of a work of code."""

    lexemes: Count | None = None
    total: Count | None = None
    work_share: Share | None = None
    over: StopName = "block"


class ImageLimitShape(_Shape, frozen=True):
    """When two pictures count as the same."""

    pdq: Annotated[int, msgspec.Meta(ge=0, le=256)] = 31
    l2: Share = 0.15
    over: StopName = "block"


class LimitsShape(_Shape, frozen=True):
    """Limits by form, then kind, of the work; null for none."""

    text: LimitShape | None
    lyrics: LimitShape | None
    code: CodeLimitShape | None
    image: ImageLimitShape


class WordsFloor(_Shape, frozen=True):
    """The floor of text."""

    words: Count


class LexemesFloor(_Shape, frozen=True):
    """The floor of code."""

    lexemes: Count


class FloorsShape(_Shape, frozen=True):
    """Below these a match weighs nothing."""

    text: WordsFloor
    code: LexemesFloor


class FactorsShape(_Shape, frozen=True):
    """Weights of the four factors."""

    purpose: Weight
    nature: Weight
    amount: Weight
    market: Weight


class ThresholdsShape(_Shape, frozen=True):
    """Scores from which an action is taken."""

    attribute: Share
    rewrite: Share
    block: Share


class OverShape(_Shape, frozen=True):
    """Amounts that must be exceeded."""

    words: Count | None = None
    lexemes: Count | None = None
    total: Count | None = None
    work_share: Share | None = None


class WhenShape(_Shape, frozen=True):
    """Conditions of a rule."""

    kind: Kind | list[Kind] | None = None
    form: str | list[str] | None = None
    license: str | list[str] | None = None
    license_class: LicenseClass | list[LicenseClass] | None = None
    holder: str | list[str] | None = None
    work: str | list[str] | None = None
    tag: str | list[str] | None = None
    nature: Nature | list[Nature] | None = None
    market: Market | list[Market] | None = None
    opt_out: bool | None = None
    own: bool | None = None
    grounded: bool | None = None
    detector: Detector | list[Detector] | None = None
    purpose: str | list[str] | None = None
    commercial: bool | None = None
    tenant: str | list[str] | None = None
    over: OverShape | None = None
    probability: Share | None = None


class RuleShape(_Shape, frozen=True):
    """A rule."""

    when: WhenShape
    then: ActionName


class BudgetShape(_Shape, frozen=True):
    """What a tenant may be given of a work within a window."""

    window: Duration
    work_share: Share | None = None
    words: Count | None = None
    user_words: Count | None = None


class SemanticShape(_Shape, frozen=True):
    """Slow detectors."""

    hold: Literal["none", "sentence", "paragraph"] = "none"


class RewriteShape(_Shape, frozen=True):
    """How a passage is replaced."""

    tries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    upstream: str = "same"
    fallback: Literal["quote", "block"] = "quote"


class AttributionShape(_Shape, frozen=True):
    """How sources are told."""

    footnote: bool = False
    dialects: list[Literal["copilot_annotations", "references", "gemini"]] = []


class Sample(_Shape, frozen=True):
    """The shorthand of a test: one synthetic match, its work, and what stands around it.

    `words` (or `lexemes`) are copied, `common_words` of them frequent phrases. `work_words` is the length of the work;
    `work_share` may be said in its place. `output_words` is the length of the answer (the copy, if not said).
    `earlier_words` of the work were given before in the same conversation, `budget_words` may still be given.
    `probability` is that of a semantic match. `heart_share` is how much of the work's heart is copied. `comment_words`
    stand around a quotation.
    """

    words: Annotated[int, msgspec.Meta(ge=1)] | None = None
    lexemes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    detector: Detector = "verbatim"
    probability: Share | None = None
    kind: Kind = "text"
    form: str | None = None
    nature: Nature | None = None
    license: str | None = None
    holder: str | None = None
    market: Market | None = None
    work: str = "work"
    tags: tuple[str, ...] = ()
    year: int | None = None
    opt_out: bool = False
    grounded: bool = False
    licensed: bool = False
    common_words: Count = 0
    work_words: Annotated[int, msgspec.Meta(ge=1)] = 100_000
    work_share: Share | None = None
    heart_share: Share | None = None
    output_words: Count = 0
    earlier_words: Count = 0
    budget_words: Count | None = None
    quoted: bool = False
    credited: bool = False
    comment_words: Count = 0


class UsePatch(_Shape, frozen=True):
    """What a test says of the use, over what the policy says."""

    purpose: str | None = None
    commercial: bool | None = None
    audience: str | None = None
    tenant: str | None = None


class TestShape(_Shape, frozen=True):
    """A test."""

    __test__ = False  # no test of pytest's

    name: str
    match: Sample
    expect: ActionName | list[ActionName]
    use: UsePatch = UsePatch()


class PolicyShape(_Shape, frozen=True):
    """A policy file."""

    name: Name
    mode: Literal["enforce", "annotate", "monitor"]
    on_error: Literal["block", "pass"]
    use: UseShape
    limits: LimitsShape
    floors: FloorsShape
    factors: FactorsShape
    thresholds: ThresholdsShape
    grounded: Literal["pass", "attribute", "judge"]
    annotations: Literal["off", "minimal", "full"]
    rules: list[RuleShape] = []
    budget: BudgetShape | None = None
    semantic: SemanticShape = SemanticShape()
    rewrite: RewriteShape = RewriteShape()
    attribution: AttributionShape = AttributionShape()
    message: str | None = None
    contact: str | None = None
    tests: list[TestShape] = []
