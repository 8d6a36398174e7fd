"""Near copies at the gate: what is delivered and said does not depend on how the text was cut."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from indexes.model import Work
from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from policies.load import find
from policies.model import Action, Verdict
from policies.policy import Limit, Policy
from proxy.gate import ChoiceGate
from proxy.judging import PolicyJudge
from proxy.plan import Plan


def words(count: int, seed: int) -> list[str]:
    random = Random(seed)  # noqa: S311 (seeded test data)
    return ["".join(random.choices("bcdfghjklm", k=5)) for _ in range(count)]


def text_of(seed: int, book: list[str]) -> str:
    """Edited and verbatim pieces of a book, after one another, with prose between."""
    random, out = Random(seed), words(20, seed + 1)  # noqa: S311 (seeded test data)
    for _ in range(4):
        start, every = random.randrange(300), random.choice([6, 7, 9, 300])
        for at, word in enumerate(book[start : start + random.randrange(20, 110)]):
            out += [word] if at % every != every - 1 else random.choice([[], ["other"], [word, "more"]])
        out += words(random.choice([0, 2, 90]), seed + 2)
    return " ".join(out)


def read(index: SegmentIndex, policy: Policy, chunks: Iterable[str]) -> tuple[str, Verdict, Action]:
    gate = ChoiceGate(
        Plan(
            scanner=index.scanner,
            view=lambda choice, channel: None,
            judge=PolicyJudge(policy, policy.use),
            earlier=lambda works: (),
            enforce=True,
            may_quote=lambda channel: True,
        )
    )
    out = "".join(gate.feed("content", chunk) for chunk in chunks)
    out += "".join(gate.close().values()) if not gate.stopped else ""
    return out, gate.conclude(), gate.applied


@pytest.mark.parametrize("block", [0.55, 0.7])
@pytest.mark.parametrize("seed", [10, 20, 30])
def test_streamed_and_whole_agree_where_near_copies_stop_the_text(seed: int, block: float) -> None:
    book = words(400, seed)
    work = Work(id="book", title="A Book", nature="creative", market="in_print")
    index = SegmentIndex([TextSegment.from_texts([(work, " ".join([*book, *words(3000, seed + 5)]))])], "0" * 16)
    preset = find("balanced")
    policy = replace(
        preset,
        limits=replace(preset.limits, text=Limit(words=60, total=400, over=Action.REWRITE)),
        thresholds=replace(preset.thresholds, rewrite=block - 0.05, block=block),
        rules=(),
    )
    text = text_of(seed, book)
    whole = read(index, policy, [text])
    assert whole == read(index, policy, [text[at : at + 3] for at in range(0, len(text), 3)])
    assert any(each.match.detector == "near" for each in whole[1].matches)
