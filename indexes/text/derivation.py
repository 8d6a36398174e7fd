"""The judge of derivation: how likely it is that one passage was made from another. Pure.

One logistic over what the two share (`derivation_features`). Its coefficients are data, with what they come from:
`benchmarks.train_derivation` writes them, `benchmarks.derivation` says how far they may be believed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from math import exp, log, log1p
from typing import Final

import msgspec

from indexes.text.derivation_features import Features, Passage, compare
from indexes.text.derivation_idf import Counted, Idf, background
from indexes.text.tables import DATA

LONG: Final = 100.0
"""From so many words on, passages are read alike."""
LEAST: Final = 0.5
MODEL: Final = DATA / "derivation.json"
SPLITS: Final = DATA / "derivation_splits.json"
"""What the coefficients were not learnt from, by the identifiers of its data sets."""
LEAST_SHOWN: Final = 1e-6
"""Nothing is certain: probabilities keep this far from 0 and 1."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Log odds as a sum: `terms` maps a feature, or the product of two (`run*length`), to its coefficient."""

    intercept: float
    terms: Mapping[str, float]

    def probability(self, values: Mapping[str, float]) -> float:
        """The probability, given the value of each feature."""
        known = {**values, "": 1.0}
        odds = self.intercept
        for term, coefficient in self.terms.items():
            first, _, second = term.partition("*")
            odds += coefficient * known[first] * known[second]
        return min(1 - LEAST_SHOWN, max(LEAST_SHOWN, 1 / (1 + exp(-max(-40.0, min(40.0, odds))))))


@dataclass(frozen=True, slots=True)
class Model:
    """What was learnt, and from what. `embedded` is for pairs of which the cosine of their embeddings is known."""

    plain: Logistic
    embedded: Logistic | None = None
    data: tuple[str, ...] = ()
    splits: str = ""
    date: str = ""

    def probability(self, features: Features) -> float:
        """How likely it is that a pair with these features is a source and what was made from it.

        Passages that share frequent words alone say nothing, and are not asked about.
        """
        if not features.chain:
            return LEAST_SHOWN
        known = values(features)
        if self.embedded is not None and features.embedding is not None:
            return self.embedded.probability(known)
        return self.plain.probability(known)


@dataclass(frozen=True, slots=True)
class Judge:
    """A model with the weights of words, and the probability from which it is believed."""

    model: Model
    idf: Idf
    least: float = LEAST

    @classmethod
    def beside(cls, index: Counted, least: float = LEAST) -> "Judge":
        """The shipped model and table, with the words of the index at hand."""
        return cls(shipped(), background().beside(index), least)


def values(features: Features) -> dict[str, float]:
    """Features as the logistic takes them: counts as logarithms."""
    known = {name: float(value) for name, value in asdict(features).items() if value is not None}
    for name in ("run", "names", "strange"):
        known[name] = log1p(known[name])
    known["length"] = log(min(LONG, max(1.0, known["length"])))
    return known


def probability(output: str, source: str, idf: Idf, embedding: float | None = None) -> float:
    """How likely it is that a passage of output was made from a passage of a source, above 0 and below 1."""
    return shipped().probability(compare(Passage.of(output, idf), Passage.of(source, idf), embedding))


@cache
def shipped() -> Model:
    """The shipped coefficients, read once a process."""
    return msgspec.json.decode(MODEL.read_bytes(), type=Model)
