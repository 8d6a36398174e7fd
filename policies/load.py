"""YAML to Policy. What is wrong is refused with `file:line: key: what to write instead`; absent keys are balanced's."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from indexes.errors import UsageError
from policies import checks, yaml_source
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
from policies.schema import BudgetShape, CodeLimitShape, LimitShape, LimitsShape, PolicyShape, WhenShape
from policies.yaml_source import Source

PRESETS: Final = Path(__file__).parent / "presets"
BASE: Final = "balanced"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def find(name_or_file: str) -> Policy:
    """A preset by its name, or a policy by its file; raises UsageError that names the presets."""
    return load(path_of(name_or_file))


def path_of(name_or_file: str) -> Path:
    """The file of a preset, or the file that is named; raises UsageError that names the presets."""
    if name_or_file in presets():
        return PRESETS / f"{name_or_file}.yaml"
    path = Path(name_or_file)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return path
    raise UsageError(f"no policy `{name_or_file}`: name a file or one of {', '.join(presets())}")


def presets() -> tuple[str, ...]:
    """The names of the presets that are shipped."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.yaml")))


def load(path: Path) -> Policy:
    """Read a policy file; raises UsageError."""
    return build(yaml_source.read(path))


def build(source: Source) -> Policy:
    """Make a policy of a file that was read; raises UsageError."""
    base = yaml_source.read(PRESETS / f"{BASE}.yaml").data
    named = {"name": Path(source.name).stem, **source.data}
    merged = _merged({key: value for key, value in base.items() if key not in ("tests", "name")}, named)
    shape = source.convert(PolicyShape, merged)
    checks.check(source, shape)
    return _policy(source, shape)


def revision(shape: PolicyShape) -> str:
    """Names what a policy says, 8 hexadecimal digits: not how it is written down, nor its tests."""
    content = {key: value for key, value in msgspec.to_builtins(shape).items() if key != "tests"}
    content["rules"] = [
        {"when": {key: _listed(value) for key, value in rule["when"].items()}, "then": rule["then"]}
        for rule in content["rules"]
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def seconds(duration: str) -> float:
    """`90s`, `15m`, `24h`, `7d` in seconds."""
    return float(duration[:-1]) * _SECONDS[duration[-1]]


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            out[key] = _merged(below, value)
        else:
            out[key] = value
    return out


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _policy(source: Source, shape: PolicyShape) -> Policy:
    total = sum(msgspec.to_builtins(shape.factors).values())
    weights: dict[FactorName, float] = {
        name: weight / total for name, weight in msgspec.to_builtins(shape.factors).items()
    }
    thresholds = shape.thresholds
    return Policy(
        name=shape.name,
        revision=revision(shape),
        mode=shape.mode,
        on_error=shape.on_error,
        use=Use(shape.use.purpose, shape.use.commercial, shape.use.audience),
        limits=_limits(shape.limits),
        floors={"text": shape.floors.text.words, "code": shape.floors.code.lexemes},
        factors=weights,
        thresholds=Thresholds(thresholds.attribute, thresholds.rewrite, thresholds.block),
        grounded=shape.grounded,
        rules=tuple(Rule(_when(rule.when), Action(rule.then)) for rule in shape.rules),
        annotations=shape.annotations,
        budget=None if shape.budget is None else _budget(shape.budget),
        hold=shape.semantic.hold,
        rewrite=Rewriting(shape.rewrite.tries, shape.rewrite.upstream, shape.rewrite.fallback),
        attribution=Attribution(shape.attribution.footnote, tuple(shape.attribution.dialects)),
        message=shape.message,
        contact=shape.contact,
        tests=tuple(
            PolicyTest(test.name, test.match, _actions(test.expect), test.use, source.line(("tests", at)))
            for at, test in enumerate(shape.tests)
        ),
    )


def _limits(shape: LimitsShape) -> Limits:
    image = shape.image
    return Limits(
        text=_limit(shape.text),
        lyrics=_limit(shape.lyrics),
        code=_limit(shape.code),
        image=ImageLimit(image.pdq, image.l2, Action(image.over)),
    )


def _limit(shape: LimitShape | CodeLimitShape | None) -> Limit:
    if shape is None:
        return Limit()
    words = shape.lexemes if isinstance(shape, CodeLimitShape) else shape.words
    return Limit(words, shape.total, shape.work_share, Action(shape.over))


def _budget(shape: BudgetShape) -> Budget:
    return Budget(shape.work_share, shape.words, seconds(shape.window), shape.user_words)


def _when(shape: WhenShape) -> When:
    over = shape.over
    licenses = _several(shape.license)
    return When(
        kind=_several(shape.kind),
        form=_several(shape.form),
        license=licenses and tuple(each.casefold() for each in licenses),
        license_class=_several(shape.license_class),
        holder=_several(shape.holder),
        work=_several(shape.work),
        tag=_several(shape.tag),
        nature=_several(shape.nature),
        market=_several(shape.market),
        opt_out=shape.opt_out,
        own=shape.own,
        grounded=shape.grounded,
        detector=_several(shape.detector),
        purpose=_several(shape.purpose),
        commercial=shape.commercial,
        tenant=_several(shape.tenant),
        over=None if over is None else Over(over.words, over.lexemes, over.total, over.work_share),
        probability=shape.probability,
    )


def _actions(expected: str | Sequence[str]) -> tuple[Action, ...]:
    return tuple(Action(each) for each in ([expected] if isinstance(expected, str) else expected))


def _several(value: str | list[Any] | None) -> tuple[str, ...] | None:
    """One value or a list of them, as one that a match may have."""
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)
