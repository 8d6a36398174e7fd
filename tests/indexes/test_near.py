"""Copies with edits, planted in prose of their own: streamed and whole, what a near match says, and what is none."""

from random import Random

import pytest

from indexes.model import Match, Work
from indexes.text.build import build
from indexes.text.index import SegmentIndex
from indexes.text.near_align import backward, between, outward
from indexes.text.scanner import TextScanner
from indexes.text.segment import TextSegment

FREQUENT = ["the", "of", "and", "to", "in", "was"]


def words(count: int, seed: int) -> list[str]:
    """Prose of made-up words, a third of them frequent."""
    random = Random(seed)  # noqa: S311 (seeded test data)
    return [
        random.choice(FREQUENT) if random.random() < 0.33 else "".join(random.choices("bcdfghjklm", k=5))
        for _ in range(count)
    ]


WORK = words(2000, seed=1)
OTHER = words(2000, seed=2)


def edited(copy: list[str], every: int, kind: str) -> list[str]:
    """A copy with every so-manieth word replaced, dropped or doubled by another."""
    out: list[str] = []
    for at, word in enumerate(copy):
        if at % every != every - 1:
            out.append(word)
        elif kind != "drop":
            out += ["changed"] if kind == "replace" else [word, "put"]
    return out


def index_of(*texts: list[str]) -> SegmentIndex:
    works = [(Work(id=str(number), title=""), " ".join(text)) for number, text in enumerate(texts)]
    return SegmentIndex([TextSegment.from_texts(works)], "0" * 16)


def streamed(index: SegmentIndex, pieces: list[str], requests: tuple[str, ...] = ()) -> tuple[Match, ...]:
    scanner = TextScanner(index._sources, index._grams, "content", requests)
    for piece in pieces:
        at = 0
        while (at := scanner.step(piece, at)) < len(piece):
            pass
    scanner.close()
    return scanner.matches


def near(index: SegmentIndex, text: list[str], *requests: str) -> list[Match]:
    """The near matches of a text: whole, word by word and in one go they are the same."""
    raw = " ".join(text)
    found = index.scan(raw, grounding=requests)
    assert found == streamed(index, [raw], requests) == streamed(index, [word + " " for word in text], requests)
    return [match for match in found if match.detector == "near"]


@pytest.mark.parametrize("kind", ["replace", "drop", "insert"])
def test_a_copy_with_every_seventh_word_edited_is_one_near_match_from_end_to_end(kind: str) -> None:
    copy = edited(WORK[300:400], 7, kind)
    (match,) = near(index_of(WORK, OTHER), [*OTHER[:0], *words(60, seed=3), *copy, *words(90, seed=4)])
    raw = " ".join([*words(60, seed=3), *copy, *words(90, seed=4)])
    said = raw[match.output.start : match.output.end].split()
    assert said[0] in copy[:8]
    assert len(said) > len(copy) - 12
    assert set(said) <= set(copy)
    assert match.words == sum(stretch.tokens for stretch in match.stretches)
    assert match.identity > 0.8
    source = " ".join(WORK)[match.source.start : match.source.end].split()
    assert set(source) <= set(WORK[300:400])


def test_each_stretch_holds_the_same_words_on_both_sides() -> None:
    text = [*words(60, seed=3), *edited(WORK[300:400], 6, "insert")]
    (match,) = near(index_of(WORK), text)
    for stretch in match.stretches:
        copied = text[stretch.output : stretch.output + stretch.tokens]
        assert copied == WORK[stretch.source : stretch.source + stretch.tokens]


@pytest.mark.parametrize("every", [13, 30, 200])
def test_what_one_verbatim_match_says_is_not_said_again(every: int) -> None:
    assert near(index_of(WORK), edited(WORK[300:420], every, "replace")) == []


def test_a_short_or_single_seed_is_no_near_match() -> None:
    index = index_of(WORK)
    assert near(index, [*words(40, seed=3), *WORK[100:107], *words(40, seed=4), *WORK[900:907]]) == []
    assert near(index, [*words(40, seed=3), *edited(WORK[100:116], 6, "replace"), *words(80, seed=4)]) == []


def test_a_gram_in_more_than_a_hundred_places_seeds_nothing() -> None:
    shared = edited(WORK[:60], 7, "insert")
    index = index_of(*[[*words(30, seed=n), *WORK[:60], *words(30, seed=500 + n)] for n in range(101)])
    assert near(index, shared) == []


def test_a_work_without_its_text_is_found_as_well() -> None:
    segment = TextSegment.built(build([(Work(id="0", title=""), " ".join(WORK))], keep_texts=False))
    assert near(SegmentIndex([segment], "0" * 16), edited(WORK[300:400], 7, "drop"))


def test_a_near_copy_of_what_the_request_holds_is_grounded_and_what_goes_beyond_is_not() -> None:
    text = edited(WORK[300:400], 7, "drop")
    first, second = near(index_of(WORK), text, "Mend this: " + " ".join(WORK[300:350]))
    assert (first.grounded, second.grounded) == (True, False)
    assert second.stretches[0].source >= 350
    found = near(index_of(WORK), text, "Mend this: " + " ".join(edited(WORK[300:400], 11, "insert")))
    assert sum(match.words for match in found if match.grounded) > 70
    assert sum(match.words for match in found if not match.grounded) < 8


def test_a_near_match_only_ever_grows_and_each_stop_is_at_a_token() -> None:
    index, text = index_of(WORK), " ".join([*edited(WORK[300:500], 7, "replace"), *words(90, seed=4)])
    scanner, at, known = TextScanner(index._sources, index._grams, "content", ()), 0, 0
    while (at := scanner.step(text, at)) < len(text):
        found = [match for match in scanner.matches if match.detector == "near"]
        assert scanner.words_ended[-1] == at
        grown = max([match.words for match in found], default=0)
        assert grown >= known
        known = grown
    assert known > 150


@pytest.mark.parametrize("seed", range(12))
def test_streamed_and_whole_agree_on_copies_of_all_kinds(seed: int) -> None:
    random = Random(seed)  # noqa: S311 (seeded test data)
    books = [words(400, seed=seed * 10 + n) for n in range(3)]
    books.append([*books[0][:200], *words(100, seed=seed * 10 + 5), *books[0][:200]])
    text: list[str] = []
    for _ in range(6):
        book = random.choice(books)
        start = random.randrange(300)
        copy = book[start : start + random.randrange(10, 120)]
        text += edited(copy, random.choice([4, 6, 7, 9, 12, 40]), random.choice(["replace", "drop", "insert"]))
        text += words(random.choice([0, 3, 20, 80]), seed=seed * 10 + 7)
    near(index_of(*books), text, " ".join(books[0][50:120]))


def test_alignments_are_of_equal_tokens_in_order_and_end_where_they_no_longer_pay() -> None:
    one, other = [1, 2, 9, 3, 4, 5, 50, 51, 52, 53, 54, 55], [1, 2, 3, 8, 4, 5, 60, 61, 62, 63, 64, 55]
    assert between(one[:6], other[:6]) == [(0, 0, 2), (3, 2, 1), (4, 4, 2)]
    assert outward(one, other) == [(0, 0, 2), (3, 2, 1), (4, 4, 2)]
    assert backward(one[::-1], other[::-1]) == [(6, 6, 2), (8, 9, 1), (10, 10, 2)]
    assert outward([1, 2], [3, 4]) == outward([], [1]) == outward([1], []) == []
