"""The allowance beside a real scanner: while it lasts and nothing opens, no token makes the verdict stop the text."""

import random
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.base import Scanner
from indexes.model import Match, Work
from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from policies.engine import allowance, decide
from policies.load import find
from policies.model import Evidence
from policies.policy import Policy
from tests.support.evidence import POLICIES

FREQUENT = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "it",
    "is",
    "was",
    "that",
    "he",
    "for",
    "on",
    "with",
    "as",
    "his",
    "at",
    "be",
    "this",
]
RARE = [f"word{number}" for number in range(400)]
POLICY = st.sampled_from([*POLICIES.values(), find("strict"), find("balanced")])


def prose(draw: random.Random, words: int) -> list[str]:
    """Words of which many are frequent, often several in a row, so that grams are common and then are not."""
    out: list[str] = []
    while len(out) < words:
        out += draw.choices(FREQUENT, k=draw.randint(1, 7)) if draw.random() < 0.5 else draw.sample(RARE, 3)
    return out[:words]


Key: TypeAlias = tuple[str, str, int, int, bool]


def opened(matches: tuple[Match, ...]) -> frozenset[Key]:
    return frozenset(
        (each.detector, each.work.id, each.output.start, each.source.start, each.grounded) for each in matches
    )


def unheeded_stops(scanner: Scanner, text: str, policy: Policy) -> list[int]:
    """Places at which the verdict stops the text though nothing opened and the allowance had lasted."""
    at, left, known, found = 0, 0, frozenset[Key](), []
    words: dict[Key, int] = {}
    while (at := scanner.step(text, at)) < len(text):
        said = Evidence(scanner.matches)
        now = opened(said.matches)
        stops = decide(policy, said, policy.use).action.stops
        before, words = words, {key: each.words for each in said.matches for key in opened((each,))}
        if now <= known and left > 0 and stops:
            found.append(at)
        if now <= known and left > 0:
            left -= max(words[key] - before[key] for key in now)
        else:
            left = allowance(policy, said, policy.use)
        known = now
        if stops:
            break
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30), POLICY, st.booleans())
def test_no_token_stops_the_text_while_the_allowance_lasts(seed: int, policy: Policy, grounded: bool) -> None:
    draw = random.Random(seed)  # noqa: S311 (a reproducible choice, no secret)
    books = [prose(draw, draw.choice([12, 60, 400])) for _ in range(3)]
    books.append([*books[0], *prose(draw, 50)])
    works = [
        Work(str(number), f"Book {number}", nature="creative", market="in_print", tags=draw.choice([(), (), ("own",)]))
        for number in range(len(books))
    ]
    index = SegmentIndex(
        [TextSegment.from_texts((work, " ".join(book)) for work, book in zip(works, books, strict=True))], "0" * 16
    )
    pieces: list[str] = []
    for _ in range(draw.randint(1, 5)):
        book = draw.choice(books)
        start, length = draw.randrange(len(book)), draw.choice([8, 15, 40, 90])
        copy = book[start : start + length]
        if draw.random() < 0.5 and len(copy) > 10:
            copy[9] = "changed"
        pieces += [*copy, *prose(draw, draw.randint(0, 12))]
    text = " ".join(pieces)
    request = [" ".join(books[0][5:40])] if grounded else []
    assert unheeded_stops(index.scanner("content", request), text, policy) == []
