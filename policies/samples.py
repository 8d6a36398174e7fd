"""The shorthand of `tests:` to evidence: one synthetic match, its work, and what stands around it. Pure."""

from dataclasses import replace

from indexes.model import Match, Span, Stretch, Work
from policies.engine import decide
from policies.matching import quantity
from policies.model import ChannelSize, EarlierAmount, Evidence, Quotation, Use, Verdict
from policies.policy import Policy, PolicyTest
from policies.schema import Sample, UsePatch

_CHARS = 6  # of a synthetic word and the space after it


def judge(policy: Policy, test: PolicyTest) -> Verdict:
    """The verdict of a policy on one of its tests."""
    return decide(policy, evidence(test.match), patched(test.use, policy.use))


def patched(patch: UsePatch, use: Use) -> Use:
    """The use with what a test says of it in place of what it said."""
    return Use(
        patch.purpose or use.purpose,
        use.commercial if patch.commercial is None else patch.commercial,
        patch.audience or use.audience,
        use.project_license,
        patch.tenant or use.tenant,
    )


def evidence(sample: Sample) -> Evidence:
    """The evidence of an answer that holds the sample's match and is complete."""
    words = _words(sample)
    length = round(words / sample.work_share) if sample.work_share else max(sample.work_words, words)
    work = Work(
        id=sample.work, title="A Work", kind=sample.kind, license=sample.license, holder=sample.holder,
        nature=sample.nature, form=sample.form, market=sample.market, opt_out=sample.opt_out, tags=sample.tags,
        year=sample.year, words=length, chars=length * _CHARS, heart=_heart(words, sample.heart_share),
    )  # fmt: skip
    match = Match(
        detector=sample.detector, work=work, channel="content", output=Span(0, words * _CHARS),
        source=Span(0, words * _CHARS), stretches=_stretches(words, sample.common_words), words=words,
        counted=words - sample.common_words, span_words=words, grounded=sample.grounded, probability=sample.probability,
    )  # fmt: skip
    if sample.detector == "semantic":
        match = replace(match, stretches=(), counted=0)
    output = max(sample.output_words, words)
    return Evidence(
        matches=(match,),
        channels=(ChannelSize("content", output, output * _CHARS),),
        quotations=_quotations(sample, match),
        earlier=(EarlierAmount(work.id, (Span(words, words + sample.earlier_words),)),) if sample.earlier_words else (),
        budget_left=() if sample.budget_words is None else ((work.id, sample.budget_words),),
        licensed=(work.id,) if sample.licensed else (),
        closed=True,
    )


def _words(sample: Sample) -> int:
    """The words of a match; of lexemes, the most words that count as no more of them."""
    if sample.words is not None:
        return sample.words
    code, words = Work("", "", kind="code"), 1
    while quantity(code, words + 1) <= (sample.lexemes or 0):
        words += 1
    return words


def _stretches(words: int, common: int) -> tuple[Stretch, ...]:
    plain = words - common
    found = (Stretch(0, 0, plain), Stretch(plain, plain, common, common=True))
    return tuple(stretch for stretch in found if stretch.tokens)


def _heart(words: int, share: float | None) -> tuple[tuple[int, int], ...]:
    if share is None:
        return ()
    chars = words * _CHARS
    return ((0, round(chars / share)),) if share else ((chars, 2 * chars),)


def _quotations(sample: Sample, match: Match) -> tuple[Quotation, ...]:
    if not sample.quoted:
        return ()
    return (Quotation("content", match.output, sample.credited, sample.comment_words),)
