"""Whole texts: long ones, passages in very many works, grams in very many places."""

from collections.abc import Sequence
from random import Random
from time import process_time

import pytest

from indexes.model import Match, Stretch, Work
from indexes.text.follower import BLOCK, STRIDE
from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from tests.support.brute import Indexed, along
from tests.support.planted import indexed


def words(count: int, seed: int = 0, letters: str = "bcdfghjklm") -> list[str]:
    """So many words, of which two are hardly ever alike."""
    random = Random(seed)  # noqa: S311 (seeded test data)
    return ["".join(random.choices(letters, k=7)) for _ in range(count)]


def prose(*parts: Sequence[str]) -> str:
    return " ".join(word for part in parts for word in part)


def streamed(index: SegmentIndex, text: str, *requests: str) -> tuple[Match, ...]:
    scanner = index.scanner("content", requests)
    at = 0
    while (at := scanner.step(text, at)) < len(text):
        pass
    scanner.close()
    return scanner.matches


@pytest.mark.parametrize("text", ["", " ", "one", "one two three four", "春", "…\n—"])
def test_a_text_too_short_to_hold_a_copy_matches_nothing(text: str) -> None:
    index, _ = indexed([prose(words(30)), "three short words"])
    assert index.scan(text) == streamed(index, text) == ()


def test_an_index_without_works_matches_nothing() -> None:
    index = SegmentIndex([], "0" * 16)
    assert index.scan(prose(words(30))) == streamed(index, prose(words(30))) == ()


def test_copies_at_block_edges_and_longer_than_a_stride_are_one_match() -> None:
    work = words(STRIDE + 5000)
    head = words(BLOCK - 5, seed=1)
    middle = words(BLOCK, seed=2)
    text = prose(head, work[100:120], middle, work[200 : 200 + STRIDE + 3000], words(50, seed=3))
    index, _ = indexed([prose(work)])
    first, second = index.scan(text)
    assert first.stretches == (Stretch(BLOCK - 5, 100, 20),)
    assert second.stretches == (Stretch(2 * BLOCK + 15, 200, STRIDE + 3000),)
    assert streamed(index, text) == (first, second)


def test_a_long_copy_with_many_edits_equals_plain_comparison() -> None:
    random = Random(5)  # noqa: S311 (seeded test data)
    work = words(3000)
    text = [word if random.random() > 0.15 else "changed" for word in work]
    index, reference = indexed([prose(work), "three short words"])
    (indexed_work, _) = reference.works
    found = index.scan(prose(text))
    assert found == streamed(index, prose(text))
    runs = list(along(Indexed(indexed_work.work, prose(text)).text, indexed_work, 0))
    exact = [match for match in found if match.detector == "verbatim"]
    assert [[s.output for s in match.stretches] for match in exact] == [
        [first for first, _ in run.stretches()] for run in runs
    ]
    assert [match.words for match in exact] == [len(run.tokens) for run in runs]


SHARED = words(24, seed=77, letters="npqrst")


@pytest.mark.parametrize("split", [0, 60])
@pytest.mark.parametrize(("holders", "counted"), [(100, 24), (101, 0), (150, 0)])
def test_a_passage_in_more_than_a_hundred_works_matches_all_of_them_and_weighs_nothing(
    holders: int, counted: int, split: int
) -> None:
    works = [prose(words(20, seed=n), SHARED, words(20, seed=1000 + n)) for n in range(holders)]
    index, reference = indexed(works, split)
    text = prose(words(9, seed=5000), SHARED, words(9, seed=5001))
    found = index.scan(text)
    assert [match.work.id for match in found] == [f"work {n}" for n in range(holders)]
    assert {(match.words, match.counted) for match in found} == {(24, counted)}
    assert found == streamed(index, text) == reference.scan(text)


def test_removed_works_do_not_make_a_passage_common() -> None:
    works = [(Work(id=str(n), title=""), prose(words(20, seed=n), SHARED, words(20, seed=999 + n))) for n in range(120)]
    kept = TextSegment.from_texts(works[:60])
    rest = TextSegment.from_texts(works[60:]).without(frozenset(range(30)))
    index = SegmentIndex([kept, rest], "0" * 16)
    found = index.scan(prose(SHARED))
    assert len(found) == 90
    assert {match.counted for match in found} == {24}
    assert streamed(index, prose(SHARED)) == found


@pytest.mark.parametrize("seed", range(8))
def test_passages_of_their_own_around_common_ones_are_judged_gram_by_gram(seed: int) -> None:
    random = Random(seed)  # noqa: S311 (seeded test data)
    works = [prose(words(15, seed=n), SHARED, words(30, seed=500 + n)) for n in range(105)]
    works += [prose(words(20, seed=900 + n), SHARED[3:15], words(20, seed=950 + n)) for n in range(5)]
    index, reference = indexed(works, split=random.choice([0, 50]))
    source = random.choice(works).split()
    start = random.randrange(0, 12)
    copy = source[start : start + random.randrange(20, 50)]
    for _ in range(random.randrange(4)):
        copy[random.randrange(len(copy))] = "changed"
    text = prose(words(3, seed=4000 + seed), copy, words(3, seed=4001 + seed))
    request = prose(copy[: random.randrange(20)])
    found = index.scan(text, grounding=(request,))
    assert found
    assert found == streamed(index, text, request) == reference.scan(text, (request,))


def test_short_works_alike_by_the_hundred_weigh_nothing() -> None:
    index, reference = indexed(["wholly unlikely headline", *["strange marvels abound everywhere"] * 120])
    text = "Look: strange marvels abound everywhere! A wholly unlikely headline."
    found = index.scan(text)
    assert [match.counted for match in found] == [0] * 120 + [3]
    assert found == streamed(index, text) == reference.scan(text)


def test_a_gram_in_thousands_of_places_costs_no_milliseconds_and_hides_no_copy() -> None:
    phrase = ["marvels", "beyond", "any", "measure", "whatsoever"]
    body = words(20_000, seed=1)
    work = [word for n, word in enumerate(body) for word in ([word, *phrase] if n % 4 == 0 else [word])]
    fresh = words(2000, seed=2)
    clean = [word for n, word in enumerate(fresh) for word in ([word, *phrase] if n % 10 == 0 else [word])]
    at = 9 * 1000 + 2
    text = prose(clean, work[at : at + 8], clean[:50])
    index, _ = indexed([prose(work)])
    scanner, took = index.scanner("content"), []
    for word in text.split():
        begun, start = process_time(), 0
        while (start := scanner.step(word + " ", start)) <= len(word):
            pass
        took.append(process_time() - begun)
    scanner.close()
    assert Stretch(len(clean), at, 8) in [match.stretches[0] for match in scanner.matches]
    assert index.scan(text) == scanner.matches
    assert sorted(took)[-len(took) // 20] < 0.001, "the phrase costs more than a millisecond"


def test_passages_of_the_shipped_list_weigh_nothing() -> None:
    notice = (
        "The above copyright notice and this permission notice shall be included in all copies or substantial "
        "portions of the Software."
    )
    work = prose(words(20), [notice], words(20, seed=4))
    index, _ = indexed([work])
    (match,) = index.scan("It says: " + notice)
    assert match.words >= 18
    assert match.counted == 0
    assert streamed(index, "It says: " + notice) == (match,)
