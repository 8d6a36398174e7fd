"""The shorthand of `tests:` to evidence: one synthetic match, its work, and what stands around it."""

from typing import Any, Literal

import msgspec

from indexes.model import Detector, Kind, Market, Match, Nature, Span, Stretch, Work
from policies.engine import decide
from policies.model import ChannelSize, EarlierAmount, Evidence, Quotation, Use, Verdict
from policies.policy import Policy, PolicyTest

_CHARS = 6  # of a synthetic word and the space after it


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A synthetic match. `work_words` is the length of the work, `output_words` that of the answer (the copy if not said).

    `earlier_words` were given of the work before, in the same conversation; `comment_words` stand around a quotation;
    `work_share` may be said in place of `work_words`; `heart_share` is how much of the work's heart is copied.
    """

    words: int
    detector: Detector = "verbatim"
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
    common_words: int = 0
    work_words: int = 100_000
    work_share: float | None = None
    heart_share: float | None = None
    output_words: int = 0
    earlier_words: int = 0
    quoted: bool = False
    credited: bool = False
    comment_words: int = 0
    live: bool = False


def judge(policy: Policy, test: PolicyTest) -> Verdict:
    """The verdict of a policy on one of its tests."""
    use = msgspec.structs.replace(UsePatch(), **test.use).over(policy.use)
    return decide(policy, evidence(msgspec.convert(test.match, Sample)), use)


class UsePatch(msgspec.Struct, frozen=True):
    """What a test says of the use, over what the policy says."""

    purpose: str | None = None
    commercial: bool | None = None
    audience: str | None = None

    def over(self, use: Use) -> Use:
        """The use with what is said here in place of what it said."""
        return Use(
            self.purpose or use.purpose,
            use.commercial if self.commercial is None else self.commercial,
            self.audience or use.audience,
        )


def evidence(sample: Sample) -> Evidence:
    """The evidence of an answer that holds the sample's match and is complete."""
    words = sample.words
    length = round(words / sample.work_share) if sample.work_share else max(sample.work_words, words)
    work = Work(
        id=sample.work, title="A Work", kind=sample.kind, license=sample.license, holder=sample.holder,
        nature=sample.nature, form=sample.form, market=sample.market, opt_out=sample.opt_out, tags=sample.tags,
        year=sample.year, words=length, chars=length * _CHARS, heart=_heart(sample),
    )  # fmt: skip
    match = Match(
        detector=sample.detector, work=work, channel="content", output=Span(0, words * _CHARS),
        source=Span(0, words * _CHARS), stretches=tuple(_stretches(sample)), words=words,
        counted=words - sample.common_words, span_words=words, grounded=sample.grounded, live=sample.live,
    )  # fmt: skip
    output = max(sample.output_words, words)
    return Evidence(
        matches=(match,),
        channels=(ChannelSize("content", output, output * _CHARS),),
        quotations=_quotations(sample, match),
        earlier=(EarlierAmount(work.id, (Span(words, words + sample.earlier_words),)),) if sample.earlier_words else (),
        licensed=(work.id,) if sample.licensed else (),
        closed=True,
    )


def _stretches(sample: Sample) -> list[Stretch]:
    plain = sample.words - sample.common_words
    units: Literal[2] = 2
    out = [Stretch(0, 0, plain, units)] if plain else []
    return [*out, Stretch(plain, plain, sample.common_words, units, common=True)] if sample.common_words else out


def _heart(sample: Sample) -> tuple[tuple[int, int], ...]:
    if sample.heart_share is None:
        return ()
    chars = sample.words * _CHARS
    return ((0, round(chars / sample.heart_share)),) if sample.heart_share else ((chars, 2 * chars),)


def _quotations(sample: Sample, match: Match) -> tuple[Quotation, ...]:
    if not sample.quoted:
        return ()
    return (Quotation("content", match.output, sample.credited, sample.comment_words),)


def shorthand(found: dict[str, Any]) -> Sample:
    """Read the shorthand; raises msgspec.ValidationError."""
    return msgspec.convert(found, Sample)
