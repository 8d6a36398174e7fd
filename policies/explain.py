"""A policy in words, for whoever answers for it. Pure."""

from collections.abc import Iterator
from dataclasses import fields

from policies.policy import Limit, Over, Policy, When


def explained(policy: Policy) -> Iterator[str]:
    """What the policy does, a line a thing."""
    yield f"{policy.label}: mode {policy.mode}; when nothing could be looked up: {policy.on_error}"
    commercial = {None: "not said", True: "yes", False: "no"}[policy.use.commercial]
    yield f"use: purpose {policy.use.purpose}, commercial: {commercial}"
    yield "what may be copied of one work, before any score:"
    for name, unit, limit in (
        ("text", "words", policy.limits.text),
        ("lyrics and poems", "words", policy.limits.lyrics),
        ("code", "lexemes", policy.limits.code),
    ):
        yield f"  {name}: {_limit(limit, unit)}"
    image = policy.limits.image
    yield f"  images: alike up to PDQ distance {image.pdq} and pixel distance {image.l2}: {image.over.value}"
    floors = ", ".join(
        f"{count} {'lexemes' if kind == 'code' else 'words'} of {kind}" for kind, count in policy.floors.items()
    )
    yield f"a match weighs nothing under {floors}, if it is over no limit and under half of its work"
    weights = ", ".join(f"{name} {weight:.0%}" for name, weight in policy.factors.items())
    yield f"score: {weights}; each from 0 (favours fair use) to 1 (against)"
    thresholds = policy.thresholds
    yield (
        f"  attribute from {thresholds.attribute}, rewrite from {thresholds.rewrite}, block from {thresholds.block} on"
    )
    yield f"passages that stand in the request: {policy.grounded}"
    yield "rules, the first that fits wins:" if policy.rules else "rules: none"
    for number, rule in enumerate(policy.rules, 1):
        least = "" if rule.when.over is None else "at least "
        yield f"  {number}. when {conditions(rule.when)}: {least}{rule.then.value}"
    yield from _handling(policy)


def conditions(when: When) -> str:
    """The conditions of a rule, as a person says them."""
    said: list[str] = []
    for each in fields(when):
        value = getattr(when, each.name)
        if isinstance(value, Over):
            said.extend(_amounts(value))
        elif isinstance(value, tuple):
            said.append(f"{each.name} is {' or '.join(value)}")
        elif value is not None:
            said.append(f"{each.name} is {str(value).lower()}")
    return " and ".join(said)


def _amounts(over: Over) -> Iterator[str]:
    for count, of in (
        (over.words, "words in a row"),
        (over.lexemes, "lexemes in a row"),
        (over.total, "words or lexemes of the work in all"),
    ):
        if count is not None:
            yield f"over {count} {of}"
    if over.work_share is not None:
        yield f"over {over.work_share:.0%} of the work"


def _limit(limit: Limit, unit: str) -> str:
    parts = []
    if limit.words is not None:
        parts.append(f"{limit.words} {unit} in a row")
    if limit.total is not None:
        parts.append(f"{limit.total} in all")
    if limit.work_share is not None:
        parts.append(f"{limit.work_share:.0%} of the work")
    return f"{', '.join(parts)}; beyond that {limit.over.value}" if parts else "no limit"


def _handling(policy: Policy) -> Iterator[str]:
    if policy.budget is not None:
        bounds = [f"{policy.budget.words} words"] if policy.budget.words is not None else []
        if policy.budget.work_share is not None:
            bounds.append(f"{policy.budget.work_share:.0%} of it")
        yield f"one tenant is given of one work: {', '.join(bounds)} in {policy.budget.window / 3600:g} hours"
        if policy.budget.user_words is not None:
            yield f"one user of a tenant is given of one work: {policy.budget.user_words} words in that time"
    rewriting = policy.rewrite
    yield f"rewrite: {rewriting.tries} tries by upstream {rewriting.upstream}, then {rewriting.fallback}"
    if policy.hold != "none":
        yield f"text waits for slow detectors by the {policy.hold}"
    shown = ", ".join((*policy.attribution.dialects, *(("a footnote",) if policy.attribution.footnote else ())))
    yield f"answers carry: annotations {policy.annotations}{f', {shown}' if shown else ''}"
    if policy.message is not None or policy.contact is not None:
        yield f"a blocked user reads: {policy.message or 'the standard message'} {policy.contact or ''}".rstrip()
