"""The sample generator's prose copies nothing, and that holds for the whole grammar."""

import re
from itertools import islice

import pytest

from proxy.demo.prose import MARKS, PATTERNS, PHRASES, sentences
from proxy.demo.shelf import load_works, samples_folder

WORD = re.compile(r"[^\W_]+")
SLOT = re.compile(r"\{(\w+)\}|([^\W_]+)")


def words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def bundled_words() -> list[list[str]]:
    files = [samples_folder() / f"{work.id.rsplit('/', 1)[-1]}.txt" for work in load_works(samples_folder())]
    return [words(file.read_text(encoding="utf-8")) for file in files]


def runs(parts: list[list[str]]) -> tuple[int | None, int, int, int]:
    """Worst case over the choices of each part: (length if it may hold no mark, head, inner run, tail)."""
    unmarked: int | None = 0
    head, inner, tail = 0, 0, 0
    marked = False
    for choices in parts:
        plain = [words(choice) for choice in choices]
        gaps = [re.split(r"(?:X)", "".join("X" if word in MARKS else "." for word in choice)) for choice in plain]
        free = max((len(gap[0]) for gap in gaps if len(gap) == 1), default=None)
        first, last = max(len(gap[0]) for gap in gaps), max(len(gap[-1]) for gap in gaps)
        inner = max([inner, tail + first, *(len(run) for gap in gaps for run in gap[1:-1])])
        if not marked:
            head = (unmarked or 0) + first
        tail = max(last, tail + free) if free is not None else last
        marked = marked or any(len(gap) > 1 for gap in gaps)
        unmarked = None if free is None or unmarked is None else unmarked + free
    return unmarked, head, max(inner, head), tail


def pattern_parts(pattern: str) -> list[list[str]]:
    return [list(PHRASES[slot]) if slot else [literal] for slot, literal in SLOT.findall(pattern)]


def test_no_bundled_work_holds_a_mark() -> None:
    for text in bundled_words():
        assert not MARKS & set(text)


def test_every_sentence_of_the_grammar_holds_a_mark_at_least_every_seventh_word() -> None:
    measured = [runs(pattern_parts(pattern)) for pattern in PATTERNS]
    assert all(unmarked is None for unmarked, *_ in measured)
    assert max(inner for _, _, inner, _ in measured) <= 7
    assert max(tail for *_, tail in measured) + max(head for _, head, *_ in measured) <= 7


def test_sampled_prose_shares_no_eight_words_with_a_bundled_work() -> None:
    held = {tuple(text[at : at + 8]) for text in bundled_words() for at in range(len(text) - 7)}
    assert tuple(words("Alice was beginning to get very tired of")) in held
    for seed in range(20):
        prose = words("".join(islice(sentences(seed), 40)))
        assert not any(tuple(prose[at : at + 8]) in held for at in range(len(prose) - 7))


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_seed_writes_the_same_prose_and_another_seed_another(seed: int) -> None:
    assert list(islice(sentences(seed), 9)) == list(islice(sentences(seed), 9))
    assert list(islice(sentences(seed), 9)) != list(islice(sentences(seed + 1), 9))
