"""Evidence made by hand and by hypothesis: works, matches that grow as a scanner's would, policies to judge them."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

from hypothesis import strategies as st

from indexes.model import Match, Span, Stretch, Work
from policies import yaml_source
from policies.engine import decide
from policies.load import build, find
from policies.model import Action, ChannelSize, EarlierAmount, Evidence, Quotation, Use, Verdict
from policies.policy import Policy

CHARS = 6
REACH = 9


def policy_of(text: str) -> Policy:
    return build(yaml_source.parse(text, "made.yaml"))


def verdict(said: Evidence, policy: Policy | None = None, use: Use | None = None) -> Verdict:
    """What a policy, `balanced` if none is named, says under a use, its own if none is named."""
    judging = policy or find("balanced")
    return decide(judging, said, use or judging.use)


def action(said: Evidence, policy: Policy | None = None, use: Use | None = None) -> Action:
    return verdict(said, policy, use).action


def a_work(**facts: Any) -> Work:
    return replace(Work("a", "A Work", nature="creative", words=90_000, chars=540_000), **facts)


def a_match(work: Work | None = None, words: int = 20, at: int = 0, source: int = 1000, **facts: Any) -> Match:
    """So many words in a row, at output token `at` and source token `source`."""
    return of_stretches(work or a_work(), (Stretch(at, source, words),), **facts)


def of_stretches(work: Work, stretches: tuple[Stretch, ...], **facts: Any) -> Match:
    """A match that holds these, with all counts as a scanner would give them."""
    first, last = stretches[0], stretches[-1]
    units = sum(each.units * each.tokens for each in stretches)
    counted = sum(each.units * each.tokens for each in stretches if not each.common)
    gaps = sum(later.output - earlier.output - earlier.tokens for earlier, later in pairwise(stretches))
    match = Match(
        detector="verbatim",
        work=work,
        channel="content",
        output=Span(first.output * CHARS, (last.output + last.tokens) * CHARS - 1),
        source=Span(first.source * CHARS, (last.source + last.tokens) * CHARS - 1),
        stretches=stretches,
        words=units // 2,
        counted=counted // 2,
        span_words=units // 2 + gaps,
    )
    return replace(match, **facts)


def evidence_of(*matches: Match, words: int = 400, closed: bool = True, **facts: Any) -> Evidence:
    channels = sorted({match.channel for match in matches} | {"content"})
    sizes = tuple(ChannelSize(channel, words, words * CHARS) for channel in channels)
    return replace(Evidence(matches, sizes, closed=closed), **facts)


def later(match: Match, tokens: list[tuple[int, bool]], run: int = 0) -> Match:
    """The match after a plain run and some more tokens, each (after a gap of so many, whether common).

    A gram that is not common makes up to nine tokens before its last one count.
    """
    stretches = list(match.stretches)
    if run:
        last = stretches[-1]
        stretches.append(Stretch(last.output + last.tokens, last.source + last.tokens, run, last.units))
        stretches = uncovered(stretches, stretches[-1].output - REACH)
    for gap, common in tokens:
        last = stretches[-1]
        step = last.tokens + gap
        stretches.append(Stretch(last.output + step, last.source + step, 1, last.units, common))
        if not common:
            stretches = uncovered(stretches, stretches[-1].output - REACH)
    return of_stretches(match.work, tuple(stretches), channel=match.channel, grounded=match.grounded, live=match.live)


def uncovered(stretches: list[Stretch], first: int) -> list[Stretch]:
    out = []
    for each in stretches:
        before = min(max(0, first - each.output), each.tokens) if each.common else each.tokens
        if before:
            out.append(replace(each, tokens=before))
        if each.tokens > before:
            out.append(
                replace(
                    each, output=each.output + before, source=each.source + before, tokens=each.tokens - before,
                    common=False,
                )
            )  # fmt: skip
    return out


POLICIES = {
    "rules": policy_of("""
        rules:
          - {when: {license_class: permissive, over: {words: 20}}, then: attribute}
          - {when: {opt_out: true, over: {words: 11}}, then: block}
          - {when: {holder: Acme, over: {total: 60}}, then: rewrite}
          - {when: {own: true, over: {words: 100}}, then: attribute}
          - {when: {nature: functional}, then: pass}
          - {when: {market: none}, then: attribute}
          - {when: {opt_out: true}, then: attribute}
        limits: {text: {words: 60, total: null, work_share: null}}
        budget: {words: 100, window: 24h}
    """),
    "judge": policy_of("""
        grounded: judge
        floors: {text: {words: 30}}
        rules: [{when: {grounded: true, over: {work_share: 0.01}}, then: attribute}]
    """),
    "scores": policy_of("""
        limits: {text: {words: null, total: null, work_share: null}, lyrics: {words: null, total: null}}
        thresholds: {attribute: 0.3, rewrite: 0.5, block: 0.7}
        factors: {purpose: 1, nature: 1, amount: 4, market: 3}
    """),
}


@st.composite
def works(draw: st.DrawFn, name: str) -> Work:
    words = draw(st.sampled_from([6, 14, 60, 300, 5_000, 90_000]))
    hearted = draw(st.booleans())
    return Work(
        id=name,
        title=name.upper(),
        kind=draw(st.sampled_from(["text", "text", "code"])),
        form=draw(st.sampled_from([None, "poem", "novel"])),
        nature=draw(st.sampled_from([None, "creative", "factual", "functional"])),
        market=draw(st.sampled_from([None, "in_print", "none"])),
        license=draw(st.sampled_from([None, "MIT", "CC0-1.0"])),
        holder=draw(st.sampled_from([None, "Acme"])),
        opt_out=draw(st.booleans()),
        tags=draw(st.sampled_from([(), (), (), ("own",)])),
        words=words,
        chars=words * CHARS,
        heart=((words * 2, words * 3),) if hearted else (),
    )


@st.composite
def matches(draw: st.DrawFn, held: list[Work]) -> Match:
    """A match of one of the works: stretches with gaps, common words, two channels; places that often overlap."""
    work = draw(st.sampled_from(held))
    at, source = draw(st.integers(0, 30)), draw(st.integers(0, 60))
    units: Literal[1, 2] = draw(st.sampled_from([2, 2, 2, 1]))
    stretches = []
    for _ in range(draw(st.integers(1, 3))):
        tokens = draw(st.integers(1, 30))
        stretches.append(Stretch(at, source, tokens, units, draw(st.integers(0, 4)) == 0))
        step = tokens + draw(st.integers(0, 5))
        at, source = at + step, source + step
    return of_stretches(
        work,
        tuple(stretches),
        channel=draw(st.sampled_from(["content", "content", "reasoning"])),
        grounded=draw(st.integers(0, 4)) == 0,
        live=draw(st.booleans()),
    )


@st.composite
def evidence(draw: st.DrawFn, held: list[Work], *, closed: bool, least: int = 0) -> Evidence:
    found = tuple(draw(st.lists(matches(held), min_size=least, max_size=5)))
    quoted = [match for match in found if draw(st.integers(0, 3)) == 0]
    work = draw(st.sampled_from(held)).id
    return evidence_of(
        *found,
        words=draw(st.sampled_from([10, 100, 1000])),
        closed=closed,
        quotations=tuple(Quotation(each.channel, each.output, draw(st.booleans()), 50) for each in quoted),
        earlier=draw(st.sampled_from([(), (EarlierAmount(work, (Span(10, 40),)),)])),
        budget_left=draw(st.sampled_from([(), ((work, 40),)])),
        licensed=draw(st.sampled_from([(), (), (work,)])),
    )


def some_works() -> st.SearchStrategy[list[Work]]:
    return st.tuples(works("a"), works("b"), works("c")).map(list)
