"""Evidence to the four fair-use factors, each 0 (favours fair use) to 1 (against). Pure.

Every reading is of one of two kinds. Standing ones cannot fall as the text grows: words copied, share of the work, its
heart, nature, market, purpose declared. Closing ones are known only when the text is complete: how much of the output
is copied, quotation with its source, comment around it; until then, and in the standing score, they are NEUTRAL.
A factor is unknown (None) when nothing that it reads is known; it then counts NEUTRAL.
"""

from dataclasses import dataclass

from indexes.model import Match, Work
from policies.amounts import Amount
from policies.matching import quantity
from policies.model import FactorName, Quotation, Use
from policies.policy import Limit

NEUTRAL = 0.5

# How far a declared purpose speaks against fair use; a purpose that is not named here is unknown.
PURPOSES: dict[str, float] = {
    "criticism": 0.0, "comment": 0.0, "parody": 0.1, "news": 0.2, "research": 0.1, "scholarship": 0.1, "teaching": 0.2,
    "education": 0.2, "search": 0.2, "accessibility": 0.2, "personal": 0.4, "summary": 0.5, "marketing": 0.9,
    "entertainment": 0.9, "reproduction": 1.0, "substitute": 1.0,
}  # fmt: skip
_NATURES = {"creative": 0.8, "factual": 0.35, "functional": 0.2}
_MARKETS = {"in_print": 1.0, "licensable": 0.9, "out_of_print": 0.4, "none": 0.0}
# So many words of own comment around a quotation make it comment through and through.
_FULL_COMMENT = 120
# From this share of the work on, the output can stand in for it.
_SUBSTITUTE = 0.5
# Purposes that serve what a work serves, whatever it is, and those that do so for creative works: the same form.
_IN_ITS_PLACE = frozenset({"reproduction", "substitute"})
_AS_CREATIVE = frozenset({"entertainment"})


@dataclass(frozen=True, slots=True)
class Readings:
    """What can be read of one match at the close: None each while the text may still grow.

    `output_share` is how much of the channel is copied of the match's work, `copied_share` of any work; 0 to 1.
    """

    output_share: float | None = None
    copied_share: float | None = None
    quotation: Quotation | None = None


def purpose(use: Use, readings: Readings) -> float | None:
    """How transformative the use is: declared purpose, commercial or not, how much is new, quoted and commented."""
    declared = PURPOSES.get(use.purpose)
    if declared is None and use.commercial is None and readings.copied_share is None:
        return None
    commercial = NEUTRAL if use.commercial is None else float(use.commercial)
    return 0.45 * _copied_plainly(readings) + 0.35 * (NEUTRAL if declared is None else declared) + 0.2 * commercial


def nature(work: Work) -> float | None:
    """Creative, factual or functional; unpublished works (tag `unpublished`) deserve more protection."""
    known = _NATURES.get(work.nature or "")
    if known is None:
        return None
    return min(1.0, known + 0.2) if "unpublished" in work.tags else known


def amount(work: Work, copied: Amount, limit: Limit, readings: Readings) -> float:
    """How much: words against the limits, share of the work, its heart, and share of the output."""
    total = limit.total or (limit.words or 40) * 3
    of_words = min(1.0, quantity(work, copied.words) / (2 * total))
    of_work = min(1.0, copied.share / _SUBSTITUTE)
    of_heart = 0.0 if not copied.heart else 0.5 + 0.5 * copied.heart
    output = NEUTRAL if readings.output_share is None else readings.output_share
    return 0.85 * max(of_words, of_work, of_heart) + 0.15 * output


def market(work: Work, copied: Amount, use: Use) -> float | None:
    """Whether the output takes the work's place: is it sold or licensed, how much of it is here, is the form the same.

    The form is taken to be the same where the declared purpose is what the work itself serves.
    """
    known = _MARKETS.get(work.market or "")
    if known is None:
        return None
    same = use.purpose in _IN_ITS_PLACE or (use.purpose in _AS_CREATIVE and work.nature == "creative")
    return known * (0.6 + 0.4 * (1.0 if same else min(1.0, copied.share / _SUBSTITUTE)))


def score(factors: dict[FactorName, float | None], weights: dict[FactorName, float]) -> float:
    """The weighted mean, an unknown factor counting NEUTRAL; weights sum to 1."""
    return sum(weights[name] * (NEUTRAL if value is None else value) for name, value in factors.items())


def quotation_of(match: Match, quotations: tuple[Quotation, ...]) -> Quotation | None:
    """The quotation that holds a match wholly, if there is one; one with its source before one without."""
    holding = [
        each
        for each in quotations
        if each.channel == match.channel
        and each.output.start <= match.output.start
        and match.output.end <= each.output.end
    ]
    return max(holding, key=lambda each: (each.credited, each.comment_words), default=None)


def _copied_plainly(readings: Readings) -> float:
    """Share of the output that is copied, less where it stands as a quotation with its source and with comment."""
    if readings.copied_share is None:
        return NEUTRAL
    quotation = readings.quotation
    if quotation is None:
        return 0.3 + 0.7 * readings.copied_share
    credit = 0.3 if quotation.credited else 0.6
    return credit * (1 - 0.7 * min(1.0, quotation.comment_words / _FULL_COMMENT))
