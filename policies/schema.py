"""The shape of a policy file, key for key; `load` checks it against this and makes a Policy of it."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from indexes.model import Detector, Kind, Market, Nature
from policies.licenses import LicenseClass

ActionName: TypeAlias = Literal["pass", "attribute", "rewrite", "block"]
StopName: TypeAlias = Literal["rewrite", "block"]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Duration: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\d+(\.\d+)?(s|m|h|d)$")]


class _Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class UseShape(_Shape, frozen=True):
    purpose: str = "unknown"
    commercial: bool | None = None
    audience: str | None = None


class LimitShape(_Shape, frozen=True):
    words: Count | None = None
    total: Count | None = None
    work_share: Share | None = None
    over: StopName = "block"


class CodeLimitShape(_Shape, frozen=True):
    lexemes: Count | None = None
    total: Count | None = None
    work_share: Share | None = None
    over: StopName = "block"


class ImageLimitShape(_Shape, frozen=True):
    pdq: Annotated[int, msgspec.Meta(ge=0, le=256)] = 31
    l2: Share = 0.15
    over: StopName = "block"


class LimitsShape(_Shape, frozen=True):
    text: LimitShape
    lyrics: LimitShape
    code: CodeLimitShape
    image: ImageLimitShape


class WordsFloor(_Shape, frozen=True):
    words: Count


class LexemesFloor(_Shape, frozen=True):
    lexemes: Count


class FloorsShape(_Shape, frozen=True):
    text: WordsFloor
    code: LexemesFloor


class FactorsShape(_Shape, frozen=True):
    purpose: Weight
    nature: Weight
    amount: Weight
    market: Weight


class ThresholdsShape(_Shape, frozen=True):
    attribute: Share
    rewrite: Share
    block: Share


class OverShape(_Shape, frozen=True):
    words: Count | None = None
    lexemes: Count | None = None
    total: Count | None = None
    work_share: Share | None = None


class WhenShape(_Shape, frozen=True):
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
    when: WhenShape
    then: ActionName


class BudgetShape(_Shape, frozen=True):
    window: Duration
    work_share: Share | None = None
    words: Count | None = None


class SemanticShape(_Shape, frozen=True):
    hold: Literal["none", "sentence", "paragraph"] = "none"


class RewriteShape(_Shape, frozen=True):
    tries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    upstream: str = "same"
    fallback: Literal["quote", "block"] = "quote"


class AttributionShape(_Shape, frozen=True):
    footnote: bool = False
    dialects: list[Literal["copilot_annotations", "references", "gemini"]] = []


class TestShape(_Shape, frozen=True):
    name: str
    match: dict[str, Any]
    expect: ActionName
    use: UseShape | None = None


class PolicyShape(_Shape, frozen=True):
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
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
