"""What a policy file must keep beyond its shape. Pure; raises UsageError with `file:line: key: what to write`."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Final

from indexes.model import Work
from policies.factors import PURPOSES
from policies.faults import KeyPath
from policies.matching import quantity
from policies.schema import PolicyShape, RuleShape, Sample, ThresholdsShape, WhenShape
from policies.yaml_source import Source

GUARANTEE: Final = 8
"""Copies of so many words are always found; a limit below it could not be kept."""


def check(source: Source, shape: PolicyShape) -> None:
    """Raise UsageError for the first thing that cannot be kept, or would mean nothing."""
    _limits(source, shape)
    _scores(source, shape)
    _purpose(source, ("use", "purpose"), shape.use.purpose, shape)
    for at, rule in enumerate(shape.rules):
        _rule(source, ("rules", at), rule, shape)
    if shape.budget is not None:
        if shape.budget.work_share is None and shape.budget.words is None:
            raise source.error(("budget",), "bounds nothing; write `words` or `work_share`")
        for key in ("words", "user_words"):
            if (words := getattr(shape.budget, key)) is not None and words < GUARANTEE:
                raise source.error(
                    ("budget", key),
                    f"{words} is below the shortest copy that is always found; write {GUARANTEE} or more",
                )
        if float(shape.budget.window[:-1]) <= 0:
            raise source.error(("budget", "window"), "must be longer than 0; write a duration such as 24h")
    for at, test in enumerate(shape.tests):
        _sample(source, ("tests", at, "match"), test.match)
        if not test.expect:
            raise source.error(("tests", at, "expect"), "expects nothing; write an action, or a list of them")
        _purpose(source, ("tests", at, "use", "purpose"), test.use.purpose, shape)


def _limits(source: Source, shape: PolicyShape) -> None:
    for path, value, unit, least in _bounds(shape):
        if value is not None and value < least:
            raise source.error(
                path, f"{value} is below the shortest copy that is always found; write {least} {unit} or more, or null"
            )


def _bounds(shape: PolicyShape) -> Iterator[tuple[KeyPath, int | None, str, int]]:
    limits = shape.limits
    for name, limit in (("text", limits.text), ("lyrics", limits.lyrics)):
        if limit is not None:
            yield ("limits", name, "words"), limit.words, "words", GUARANTEE
            yield ("limits", name, "total"), limit.total, "words", GUARANTEE
    lexemes = quantity(Work("", "", kind="code"), GUARANTEE)
    if limits.code is not None:
        yield ("limits", "code", "lexemes"), limits.code.lexemes, "lexemes", lexemes
        yield ("limits", "code", "total"), limits.code.total, "lexemes", lexemes


def _scores(source: Source, shape: PolicyShape) -> None:
    factors, thresholds = shape.factors, shape.thresholds
    if factors.purpose + factors.nature + factors.amount + factors.market <= 0:
        raise source.error(("factors",), "at least one factor must weigh more than 0; write one, such as `amount: 1`")
    names = ThresholdsShape.__struct_fields__
    for lower, higher in pairwise(names):
        low, high = getattr(thresholds, lower), getattr(thresholds, higher)
        if low > high:
            said = {key for key in (lower, higher) if ("thresholds", key) in source.lines}
            wrong = lower if said == {lower} else higher
            raise source.error(
                ("thresholds", wrong), f"{lower} {low} is over {higher} {high}; write attribute <= rewrite <= block"
            )


def _purpose(source: Source, path: KeyPath, purpose: str | None, shape: PolicyShape) -> None:
    named = {each for rule in shape.rules for each in _values(rule.when.purpose)}
    if purpose is None or purpose in PURPOSES or purpose == "unknown" or purpose in named:
        return
    near = get_close_matches(purpose, [*PURPOSES, *named], 1)
    hint = f"did you mean `{near[0]}`? write" if near else "write"
    raise source.error(
        path, f"`{purpose}` is no known purpose and no rule names it; {hint} unknown or one of {', '.join(PURPOSES)}"
    )


def _rule(source: Source, path: KeyPath, rule: RuleShape, shape: PolicyShape) -> None:
    when = rule.when
    given = [key for key in WhenShape.__struct_fields__ if getattr(when, key) is not None]
    if not given:
        raise source.error((*path, "when"), "has no condition; name at least one, such as `kind: text`")
    for key in given:
        if getattr(when, key) == []:
            raise source.error((*path, "when", key), "names nothing; write a value, or leave the key out")
    if when.grounded and shape.grounded != "judge":
        raise source.error(
            (*path, "when", "grounded"), f"never fits under `grounded: {shape.grounded}`; write `grounded: judge` above"
        )
    if when.probability is not None and (when.detector is None or "verbatim" in _values(when.detector)):
        raise source.error(
            (*path, "when", "probability"), "exact matches have none; add `detector: semantic` beside it"
        )
    _over(source, path, rule)


def _over(source: Source, path: KeyPath, rule: RuleShape) -> None:
    over, kinds = rule.when.over, _values(rule.when.kind)
    if over is None:
        return
    if over.words is over.lexemes is over.total is over.work_share is None:
        raise source.error((*path, "when", "over"), "bounds nothing; write words, lexemes, total or work_share")
    if rule.then == "pass":
        raise source.error(
            (*path, "then"),
            "a rule with `over` can only tighten, or a longer copy would be judged softer than a shorter one; "
            "write attribute, rewrite or block, or leave `over` out",
        )
    if over.words is not None and (over.lexemes is not None or kinds == ["code"]):
        raise source.error((*path, "when", "over", "words"), "code is counted in lexemes; write `lexemes` alone")
    if over.lexemes is not None and kinds and "code" not in kinds:
        raise source.error((*path, "when", "over", "lexemes"), "only code is counted in lexemes; write `words`")


def _sample(source: Source, path: KeyPath, sample: Sample) -> None:
    if (sample.words is None) == (sample.lexemes is None):
        raise source.error(path, "write how much is copied: `words`, or `lexemes` with `kind: code`")
    if sample.lexemes is not None and sample.kind != "code":
        raise source.error((*path, "lexemes"), "only code is counted in lexemes; write `words`, or add `kind: code`")
    if sample.common_words > (sample.words or sample.lexemes or 0):
        raise source.error((*path, "common_words"), "is more than is copied; write a smaller number")
    if sample.work_share == 0:
        raise source.error((*path, "work_share"), "must be over 0, for something is copied; write such as 0.1")
    if not sample.quoted and (sample.credited or sample.comment_words):
        key = "credited" if sample.credited else "comment_words"
        raise source.error((*path, key), "says something of a quotation; add `quoted: true`")


def _values(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())
