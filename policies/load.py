"""YAML to Policy. What is wrong is refused with `file:line: key: what to write instead`; absent keys are balanced's."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from indexes.errors import UsageError
from policies import yaml_source
from policies.model import Action, FactorName, Use
from policies.policy import (
    Attribution,
    Budget,
    ImageLimit,
    Limit,
    Limits,
    Over,
    Policy,
    PolicyTest,
    Rewriting,
    Rule,
    Thresholds,
    When,
)
from policies.schema import CodeLimitShape, LimitShape, PolicyShape, WhenShape
from policies.yaml_source import Source

PRESETS: Final = Path(__file__).parent / "presets"
BASE: Final = "balanced"
GUARANTEE: Final = 8
"""Copies of so many words are always found; a limit below it could not be kept."""
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Replaced as a whole, never merged key by key.
_WHOLE: Final = ("rules", "tests", "budget")


def find(name_or_file: str) -> Policy:
    """A preset by its name, or a policy by its file; raises UsageError that names the presets."""
    if name_or_file in presets():
        return load(PRESETS / f"{name_or_file}.yaml")
    path = Path(name_or_file)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return load(path)
    raise UsageError(f"no policy `{name_or_file}`: name a file or one of {', '.join(presets())}")


def presets() -> tuple[str, ...]:
    """The names of the presets that are shipped."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.yaml")))


def load(path: Path) -> Policy:
    """Read a policy file; raises UsageError."""
    return build(yaml_source.read(path))


def build(source: Source) -> Policy:
    """Make a policy of a file that was read."""
    data = dict(source.data)
    if "name" not in data:
        data["name"] = Path(source.name).stem
    base = yaml_source.read(PRESETS / f"{BASE}.yaml").data
    merged = _merge({key: value for key, value in base.items() if key not in ("tests", "name")}, data)
    shape = source.convert(PolicyShape, merged)
    _check(source, shape)
    content = {key: value for key, value in msgspec.to_builtins(shape).items() if key != "tests"}
    revision = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    return _policy(shape, revision)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        if key not in _WHOLE and isinstance(below, dict) and isinstance(value, dict):
            out[key] = _merge(below, value)
        else:
            out[key] = value
    return out


def _check(source: Source, shape: PolicyShape) -> None:
    """What the shape alone cannot say."""
    for name, limit in (("text", shape.limits.text), ("lyrics", shape.limits.lyrics)):
        if limit.words is not None and limit.words < GUARANTEE:
            raise source.error(
                ("limits", name, "words"),
                f"{limit.words} is below {GUARANTEE}, the shortest copy that is always found; write {GUARANTEE} or more",
            )
    thresholds = shape.thresholds
    if not thresholds.attribute <= thresholds.rewrite <= thresholds.block:
        raise source.error(("thresholds",), "must rise: attribute <= rewrite <= block")
    factors = shape.factors
    if factors.purpose + factors.nature + factors.amount + factors.market <= 0:
        raise source.error(("factors",), "at least one factor must weigh more than 0")
    for at, rule in enumerate(shape.rules):
        if all(getattr(rule.when, key) is None for key in WhenShape.__struct_fields__):
            raise source.error(("rules", at, "when"), "has no condition; name at least one, such as `kind: text`")
        if rule.when.probability is not None and rule.when.detector in (None, "verbatim"):
            raise source.error(
                ("rules", at, "when", "probability"), "exact matches have none; add `detector: semantic` beside it"
            )
    if shape.budget is not None and shape.budget.work_share is None and shape.budget.words is None:
        raise source.error(("budget",), "bounds nothing; write `words` or `work_share`")


def _policy(shape: PolicyShape, revision: str) -> Policy:
    total = sum(msgspec.to_builtins(shape.factors).values())
    weights: dict[FactorName, float] = {
        name: weight / total for name, weight in msgspec.to_builtins(shape.factors).items()
    }
    limits = shape.limits
    return Policy(
        name=shape.name,
        revision=revision,
        mode=shape.mode,
        on_error=shape.on_error,
        use=Use(shape.use.purpose, shape.use.commercial, shape.use.audience),
        limits=Limits(
            text=_limit(limits.text),
            lyrics=_limit(limits.lyrics),
            code=_limit(limits.code),
            image=ImageLimit(limits.image.pdq, limits.image.l2, Action(limits.image.over)),
        ),
        floors={"text": shape.floors.text.words, "code": shape.floors.code.lexemes},
        factors=weights,
        thresholds=Thresholds(shape.thresholds.attribute, shape.thresholds.rewrite, shape.thresholds.block),
        grounded=shape.grounded,
        rules=tuple(Rule(_when(rule.when), Action(rule.then)) for rule in shape.rules),
        annotations=shape.annotations,
        budget=None
        if shape.budget is None
        else Budget(shape.budget.work_share, shape.budget.words, seconds(shape.budget.window)),
        hold=shape.semantic.hold,
        rewrite=Rewriting(shape.rewrite.tries, shape.rewrite.upstream, shape.rewrite.fallback),
        attribution=Attribution(shape.attribution.footnote, tuple(shape.attribution.dialects)),
        message=shape.message,
        contact=shape.contact,
        tests=tuple(
            PolicyTest(
                test.name,
                test.match,
                Action(test.expect),
                {} if test.use is None else {k: v for k, v in msgspec.to_builtins(test.use).items() if v is not None},
            )
            for test in shape.tests
        ),
    )


def _limit(shape: LimitShape | CodeLimitShape) -> Limit:
    words = shape.lexemes if isinstance(shape, CodeLimitShape) else shape.words
    return Limit(words, shape.total, shape.work_share, Action(shape.over))


def _when(shape: WhenShape) -> When:
    given = {key: getattr(shape, key) for key in WhenShape.__struct_fields__}
    found = {
        key: tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value
        for key, value in given.items()
        if key != "over"
    }
    over = shape.over and Over(shape.over.words, shape.over.lexemes, shape.over.total, shape.over.work_share)
    return replace(When(over=over), **found)


def seconds(duration: str) -> float:
    """`90s`, `15m`, `24h`, `7d` in seconds."""
    return float(duration[:-1]) * _SECONDS[duration[-1]]
