"""Which limit and which rules apply to a match. Pure."""

from indexes.model import Match, Work
from policies.amounts import Amount
from policies.licenses import license_class
from policies.model import Use
from policies.policy import Limit, Limits, Over, When

VERSE = frozenset({"lyrics", "poem"})


def limit_of(limits: Limits, work: Work) -> Limit:
    """The limit of a work: by its form, then by its kind, never by where the match stands."""
    if work.kind == "code":
        return limits.code
    return limits.lyrics if work.form in VERSE else limits.text


def fits(when: When, match: Match, amount: Amount, use: Use) -> bool:
    """Whether every condition that is given holds."""
    work = match.work
    return (
        _one_of(when.kind, work.kind)
        and _one_of(when.form, work.form)
        and _one_of(when.license, work.license)
        and _one_of(when.license_class, license_class(work.license))
        and _one_of(when.holder, work.holder)
        and _one_of(when.work, work.id)
        and (when.tag is None or any(tag in work.tags for tag in when.tag))
        and _one_of(when.nature, work.nature)
        and _one_of(when.market, work.market)
        and _same(when.opt_out, actual=work.opt_out)
        and _same(when.own, actual="own" in work.tags)
        and _same(when.grounded, actual=match.grounded)
        and _one_of(when.detector, match.detector)
        and _one_of(when.purpose, use.purpose)
        and _same(when.commercial, actual=use.commercial)
        and _one_of(when.tenant, use.tenant)
        and (when.over is None or _exceeds(when.over, match, amount))
        and when.probability is None  # no detector of exact copies has one
    )


def _one_of(wanted: tuple[str, ...] | None, actual: str | None) -> bool:
    return wanted is None or actual in wanted


def _same(wanted: bool | None, *, actual: bool | None) -> bool:  # noqa: FBT001 (a condition's value)
    return wanted is None or wanted is actual


def _exceeds(over: Over, match: Match, amount: Amount) -> bool:
    counted = {"words": match.counted if match.work.kind != "code" else 0}
    counted["lexemes"] = match.counted if match.work.kind == "code" else 0
    return all(
        bound is None or actual > bound
        for bound, actual in (
            (over.words, counted["words"]),
            (over.lexemes, counted["lexemes"]),
            (over.total, amount.words),
            (over.work_share, amount.share),
        )
    )
