"""Which limit and which rules apply to a match. Pure."""

from indexes.model import Match, Work
from policies.amounts import Amount
from policies.licenses import license_class
from policies.model import Use
from policies.policy import Limit, Limits, Over, When

VERSE = frozenset({"lyrics", "poem"})


def limit_of(limits: Limits, work: Work) -> Limit:
    """The limit of a work: by its form, then by its kind, never by where the match stands."""
    if work.form in VERSE:
        return limits.lyrics
    return limits.code if work.kind == "code" else limits.text


def quantity(work: Work, words: int) -> int:
    """Words as the limit of a work counts them: lexemes for code.

    Matches carry words only. In windows of source code nine out of ten have at most 5 lexemes for every 2 words, so
    that many are taken; a limit is then kept early rather than late.
    """
    return words * 5 // 2 if work.kind == "code" and work.form not in VERSE else words


def unit(work: Work) -> str:
    """What the limit of a work counts."""
    return "lexemes" if work.kind == "code" and work.form not in VERSE else "words"


def fits(when: When, match: Match, amount: Amount, use: Use) -> bool:
    """Whether every condition that is given holds."""
    return _fits_work(when, match.work) and _fits_use(when, use) and _fits_match(when, match, amount)


def _fits_work(when: When, work: Work) -> bool:
    return (
        _one_of(when.kind, work.kind)
        and _one_of(when.form, work.form)
        and (when.license is None or (work.license or "").casefold() in when.license)
        and (when.license_class is None or license_class(work.license) in when.license_class)
        and _one_of(when.holder, work.holder)
        and _one_of(when.work, work.id)
        and (when.tag is None or any(tag in work.tags for tag in when.tag))
        and _one_of(when.nature, work.nature)
        and _one_of(when.market, work.market)
        and (when.opt_out is None or when.opt_out is work.opt_out)
        and (when.own is None or when.own is ("own" in work.tags))
    )


def _fits_use(when: When, use: Use) -> bool:
    return (
        _one_of(when.purpose, use.purpose)
        and (when.commercial is None or when.commercial is use.commercial)
        and _one_of(when.tenant, use.tenant)
    )


def _fits_match(when: When, match: Match, amount: Amount) -> bool:
    return (
        (when.grounded is None or when.grounded is match.grounded)
        and _one_of(when.detector, match.detector)
        and (when.over is None or _exceeds(when.over, match, amount))
        and (when.probability is None or (match.probability is not None and match.probability >= when.probability))
    )


def _one_of(wanted: tuple[str, ...] | None, actual: str | None) -> bool:
    return wanted is None or actual in wanted


def _exceeds(over: Over, match: Match, amount: Amount) -> bool:
    lexemes = unit(match.work) == "lexemes"
    run = quantity(match.work, match.counted)
    return (
        (over.words is None or (not lexemes and run > over.words))
        and (over.lexemes is None or (lexemes and run > over.lexemes))
        and (over.total is None or quantity(match.work, amount.words) > over.total)
        and (over.work_share is None or amount.share > over.work_share)
    )
