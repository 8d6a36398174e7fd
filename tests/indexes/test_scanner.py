"""What a scanner says of single copies, token by token."""

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from indexes.base import Scanner
from indexes.model import Match, Span, Stretch, Work
from indexes.text.build import build
from indexes.text.index import SegmentIndex
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment
from tests.support.brute import Text
from tests.support.planted import indexed

WORDS = [
    f"{first}{second}" for first in ("bra", "dol", "fen", "gim", "hux", "jat", "kel") for second in "abcdefghiklmno"
]
WORK = WORDS[:60]
OTHER = WORDS[60:]
FREQUENT = [
    "and",
    "when",
    "he",
    "was",
    "to",
    "be",
    "there",
    "with",
    "them",
    "all",
    "the",
    "of",
    "it",
    "she",
    "not",
    "at",
]
FREQUENT += ["so", "they", "on", "as", "have", "i"]


def feed(scanner: Scanner, text: str) -> list[int]:
    """Step over a text; how many tokens were finished at each stop."""
    stops, at = [], 0
    while (at := scanner.step(text, at)) < len(text):
        stops.append(len(scanner.words_ended))
    return stops


def scanned(work: str, text: str, *requests: str) -> tuple[Match, ...]:
    """What is found in a text; streamed, whole and plain comparison agree."""
    index, reference = indexed([work])
    found = index.scan(text, grounding=requests)
    scanner = index.scanner("content", requests)
    feed(scanner, text)
    scanner.close()
    assert found == scanner.matches == reference.scan(text, requests)
    return found


def prose(*parts: Sequence[str]) -> str:
    return " ".join(word for part in parts for word in part)


def test_seven_words_open_nothing_and_the_eighth_opens_a_match() -> None:
    index, _ = indexed([prose(WORK)])
    scanner = index.scanner("content")
    assert feed(scanner, prose(OTHER[:4], WORK[20:27]) + " ") == []
    assert feed(scanner, WORK[27] + " ") == [12]
    (match,) = scanner.matches
    assert (match.output, match.words) == (Span(len(prose(OTHER[:4])) + 1, scanner.words_ended[-1]), 8)
    assert match.live


@pytest.mark.parametrize("start", range(52))
def test_every_eight_words_are_found(start: int) -> None:
    (match,) = scanned(prose(WORK), prose(OTHER[:5], WORK[start : start + 8], OTHER[5:9]))
    assert match.source == Span(len(prose(WORK[:start])) + (start > 0), len(prose(WORK[: start + 8])))
    assert match.stretches == (Stretch(5, start, 8),)


def test_a_match_says_where_it_stands_on_both_sides_whatever_stands_between_the_words() -> None:
    text = "Mr. X: «" + "!—\n\t".join(word.upper() for word in WORK[10:20]) + "»?"
    (match,) = scanned(prose(WORK), text)
    assert text[match.output.start : match.output.end] == text[8:-2]
    assert prose(WORK)[match.source.start : match.source.end] == prose(WORK[10:20])
    assert (match.words, match.counted, match.span_words, match.identity, match.live) == (10, 10, 10, 1.0, False)
    assert (match.detector, match.channel, match.grounded) == ("verbatim", "content", False)


@pytest.mark.parametrize("gap", [1, 5])
def test_gaps_of_up_to_five_words_are_bridged_and_do_not_count(gap: int) -> None:
    text = prose(WORK[:10], OTHER[:gap], WORK[10 + gap : 13 + gap], OTHER[10:20])
    (match,) = scanned(prose(WORK), text)
    assert match.stretches == (Stretch(0, 0, 10), Stretch(10 + gap, 10 + gap, 3))
    assert (match.words, match.span_words) == (13, 13 + gap)


def test_a_gap_of_six_words_ends_a_match() -> None:
    matches = scanned(prose(WORK), prose(WORK[:10], OTHER[:6], WORK[16:24]))
    assert [match.stretches for match in matches] == [(Stretch(0, 0, 10),), (Stretch(16, 16, 8),)]


def test_a_match_is_live_for_five_unequal_words_and_not_for_a_sixth() -> None:
    index, _ = indexed([prose(WORK)])
    scanner = index.scanner("content")
    feed(scanner, prose(WORK[:10]) + " ")
    for number, word in enumerate(OTHER[:6], 1):
        assert feed(scanner, word + " ") == []
        assert scanner.matches[0].live == (number < 6)


def test_each_equal_word_after_a_bridge_counts_at_once() -> None:
    index, _ = indexed([prose(WORK)])
    scanner = index.scanner("content")
    feed(scanner, prose(WORK[:8], OTHER[:5]) + " ")
    assert feed(scanner, WORK[13] + " ") == [14]
    assert scanner.matches[0].words == 9


def test_nothing_is_bridged_backward() -> None:
    (match,) = scanned(prose(WORK), prose(WORK[:7], OTHER[:1], WORK[8:16]))
    assert match.stretches == (Stretch(8, 8, 8),)


def test_changing_every_tenth_word_gains_nothing() -> None:
    text = [OTHER[place // 10] if place % 10 == 9 else word for place, word in enumerate(WORK[:50])]
    (match,) = scanned(prose(WORK), prose(text))
    assert (match.words, match.span_words) == (45, 49)


def test_a_word_left_out_goes_on_as_another_match() -> None:
    matches = scanned(prose(WORK), prose(WORK[:20], WORK[21:40]))
    assert [match.words for match in matches] == [20, 19]


def test_a_match_that_reaches_the_end_of_its_work_is_not_live() -> None:
    index, _ = indexed([prose(WORK)])
    scanner = index.scanner("content")
    feed(scanner, prose(WORK[-9:]) + " ")
    assert [match.live for match in scanner.matches] == [False]


def test_a_copy_does_not_run_on_into_the_next_work() -> None:
    index, reference = indexed([prose(WORK), prose(OTHER)])
    matches = index.scan(prose(WORK[-10:], OTHER[:10]))
    assert [match.work.id for match in matches] == ["work 0", "work 1"]
    assert matches == reference.scan(prose(WORK[-10:], OTHER[:10]))


def test_a_refrain_matches_each_of_its_places() -> None:
    matches = scanned(prose(WORK[:9], OTHER[:3], WORK[:9]), prose(OTHER[20:24], WORK[:9]))
    assert [match.stretches for match in matches] == [(Stretch(4, 0, 9),), (Stretch(4, 12, 9),)]


def test_works_that_share_a_passage_all_match_in_the_order_of_the_index() -> None:
    index, reference = indexed([prose(OTHER[:9], WORK), prose(WORK), prose(WORK[5:], OTHER[9:])], split=1)
    matches = index.scan(prose(WORK[10:20]))
    assert [match.work.id for match in matches] == ["work 0", "work 1", "work 2"]
    assert matches == reference.scan(prose(WORK[10:20]))


@pytest.mark.parametrize(("size", "opens"), [(3, 3), (5, 3), (6, 3), (7, 4), (12, 6), (15, 8)])
def test_half_of_a_short_work_opens_a_match_and_no_less(size: int, opens: int) -> None:
    work = prose(WORK[:size])
    assert scanned(work, prose(OTHER[:3], WORK[: opens - 1], OTHER[3:6])) == ()
    (match,) = scanned(work, prose(OTHER[:3], WORK[size - opens : size], OTHER[3:6]))
    assert match.words == opens


def test_thirteen_characters_of_a_script_without_spaces_open_a_match_and_twelve_do_not() -> None:
    work = "".join(chr(0x4E00 + number) for number in range(60))
    assert scanned(work, "abc" + work[10:22] + "def") == ()
    (match,) = scanned(work, "abc" + work[10:23] + "def")
    assert (match.source, match.stretches, match.words) == (Span(10, 23), (Stretch(1, 10, 13, units=1),), 6)


@pytest.mark.parametrize("start", range(40))
def test_the_shortest_copy_is_found_at_the_very_beginning_of_a_text(start: int) -> None:
    characters = "".join(chr(0x4E00 + number) for number in range(60))
    assert [match.source for match in scanned(characters, characters[start : start + 13])] == [Span(start, start + 13)]
    assert [match.words for match in scanned(prose(WORK), prose(WORK[start : start + 8]))] == [8]


@pytest.mark.parametrize("characters", range(1, 10))
def test_characters_after_words_do_not_close_what_the_words_opened(characters: int) -> None:
    work = prose(WORK[:20]) + " " + "".join(chr(0x4E00 + number) for number in range(20))
    copy = prose(WORK[12:20]) + " " + "".join(chr(0x4E00 + number) for number in range(characters))
    (match,) = scanned(work, prose(OTHER[:3], [copy], OTHER[3:6]))
    assert [stretch.tokens for stretch in match.stretches] == [8, characters]
    (match,) = scanned(work, prose(OTHER[:3], [copy], OTHER[3:6]), prose(OTHER[6:8], [copy]))
    assert match.grounded


def test_words_within_characters_are_stretches_of_their_own() -> None:
    characters = [chr(0x4E00 + number) for number in range(30)]
    work = "".join(characters[:12]) + " openai " + "".join(characters[12:])
    (match,) = scanned(work, "。" + work)
    assert [(stretch.tokens, stretch.units) for stretch in match.stretches] == [(12, 1), (1, 2), (18, 1)]
    assert match.words == (12 + 2 + 18) // 2


def test_a_last_word_counts_only_when_it_has_ended() -> None:
    index, _ = indexed([prose(WORK)])
    scanner = index.scanner("content")
    assert feed(scanner, prose(WORK[:8])) == []
    assert scanner.matches == ()
    scanner.close()
    assert [match.words for match in scanner.matches] == [8]


def test_a_longer_word_is_not_the_copied_one() -> None:
    assert scanned(prose(WORK), prose(WORK[:8]) + "x") == ()


def test_the_caller_may_go_on_with_other_text_after_a_stop() -> None:
    index, reference = indexed([prose(WORK)])
    scanner = index.scanner("content")
    text = prose(WORK[:30])
    at = scanner.step(text, 0)
    said = text[:at] + prose([""], OTHER[:3], WORK[11:20])
    assert feed(scanner, said[at:] + " ") != []
    scanner.close()
    assert scanner.matches == reference.scan(said + " ")
    assert list(scanner.words_ended) == tokenize(said).ends.tolist()


def test_the_caller_may_hand_over_what_is_left_in_smaller_pieces() -> None:
    index, reference = indexed([prose(WORK)])
    scanner = index.scanner("content")
    text = prose(OTHER[:3], WORK[:30], OTHER[3:6])
    at = scanner.step(text, 0)
    for char in text[at:]:
        while scanner.step(char) < 1:
            pass
    scanner.close()
    assert scanner.matches == reference.scan(text)


def test_closing_at_a_stop_forgets_what_was_not_read() -> None:
    index, reference = indexed([prose(WORK)])
    scanner = index.scanner("content")
    text = prose(WORK[:30])
    at = scanner.step(text, 0)
    scanner.close()
    assert scanner.matches == reference.scan(text[:at])
    assert len(scanner.words_ended) == 8


def test_words_of_a_channel_are_counted_as_limits_count_them() -> None:
    index, _ = indexed([prose(WORK)])
    scanner = index.scanner("content")
    feed(scanner, "one two 春眠不覺曉 three ")
    assert scanner.words == (3 * 2 + 5) // 2


def test_removed_works_never_match() -> None:
    built = build([(Work(id="gone", title=""), prose(WORK)), (Work(id="kept", title=""), prose(WORK[5:], OTHER[:9]))])
    index = SegmentIndex([TextSegment(built.arrays, built.files, "memory", frozenset({0}))], "0" * 16)
    text = prose(WORK[10:30])
    scanner = index.scanner("content")
    feed(scanner, text)
    scanner.close()
    assert [match.work.id for match in scanner.matches] == ["kept"]
    assert index.scan(text) == scanner.matches


class Unread(Sequence[str]):
    """Request texts that must not be read."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: object) -> str:  # type: ignore[override]
        raise AssertionError("the request was read")

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the request was read")


def test_the_request_is_not_read_while_nothing_matches() -> None:
    index, _ = indexed([prose(WORK)])
    scanner = index.scanner("content", Unread())
    feed(scanner, prose(OTHER, WORK[:7]) + " ")
    scanner.close()
    assert index.scan(prose(OTHER, WORK[:7]), grounding=Unread()) == ()


def test_the_users_own_text_comes_back_grounded() -> None:
    (match,) = scanned(prose(WORK), prose(OTHER[:3], WORK[10:30]), prose(OTHER[9:12], WORK[10:30]))
    assert (match.grounded, match.words) == (True, 20)


def test_a_continuation_beyond_the_given_text_counts_from_its_first_word() -> None:
    given, beyond = scanned(prose(WORK), prose(WORK[10:40]), prose(WORK[5:20], OTHER[:4]))
    assert (given.grounded, given.words, beyond.grounded, beyond.words) == (True, 10, False, 20)
    assert beyond.stretches == (Stretch(10, 20, 20),)


def test_seven_words_of_the_request_ground_nothing() -> None:
    (match,) = scanned(prose(WORK), prose(WORK[10:30]), prose(WORK[10:17], OTHER[:4]))
    assert not match.grounded


def test_a_given_passage_inside_a_match_grounds_from_the_word_at_which_it_is_shown() -> None:
    matches = scanned(prose(WORK), prose(WORK[:40]), prose(WORK[10:25]))
    assert [(match.grounded, match.words) for match in matches] == [(False, 17), (True, 8), (False, 15)]


def test_a_given_passage_shown_just_as_the_match_opens_does_not_ground_the_words_before() -> None:
    # A character among words makes the grams it ends reach far back, so that both are shown at the ninth token.
    copy = [*WORK[:4], "春", *WORK[4:12]]
    matches = scanned(prose(copy, WORK[12:30]), prose(copy), prose(copy[1:]))
    assert [(match.grounded, match.stretches[0].output) for match in matches] == [(False, 0), (True, 8)]


def test_the_request_is_not_bridged() -> None:
    matches = scanned(prose(WORK), prose(WORK[:24]), prose(WORK[:10], OTHER[:1], WORK[11:18]))
    assert [(match.grounded, match.words) for match in matches] == [(True, 10), (False, 14)]


def test_two_request_texts_are_not_read_as_one() -> None:
    (match,) = scanned(prose(WORK), prose(WORK[:16]), prose(WORK[:5]), prose(WORK[5:11]))
    assert not match.grounded


def test_a_run_of_frequent_words_weighs_nothing() -> None:
    work = prose(WORK[:3], FREQUENT[:16], WORK[3:20])
    (match,) = scanned(work, prose(OTHER[:3], FREQUENT[:16], OTHER[3:6]))
    assert (match.words, match.counted) == (16, 0)
    assert match.stretches == (Stretch(3, 3, 16, common=True),)


def test_a_rare_word_makes_the_words_around_it_count() -> None:
    work = [*FREQUENT[:11], "gallimaufry", *FREQUENT[11:22]]
    (match,) = scanned(prose(work), prose(work))
    assert [(stretch.tokens, stretch.common) for stretch in match.stretches] == [(7, True), (9, False), (7, True)]
    assert match.counted == 9


def test_a_stop_is_right_after_a_token_for_any_cut() -> None:
    index, reference = indexed([prose(WORK)])
    text = prose(OTHER[:3], WORK[3:20], OTHER[3:7], WORK[24:30])
    tokens = Text.of(tokenize(text))
    expected = [number for number in range(len(tokens.hashes) + 1) if grew(reference, tokens, number)]
    for seed in range(20):
        random, scanner, at, stops = Random(seed), index.scanner("content"), 0, []  # noqa: S311 (seeded test data)
        while at < len(text):
            size = random.randint(1, 30)
            stops += feed(scanner, text[at : at + size])
            at += size
        before = scanner.matches
        scanner.close()
        stops += [len(tokens.hashes)] if scanner.matches[-1].output != before[-1].output else []
        assert stops == expected


def grew(reference: object, tokens: Text, number: int) -> bool:
    """Whether the reference finds more in so many tokens than in one fewer."""
    judge = reference.judge  # type: ignore[attr-defined]
    now = judge(tokens.head(number), (), "content", closed=False)
    return number > 0 and [m.words for m in now] != [
        m.words for m in judge(tokens.head(number - 1), (), "content", closed=False)
    ]
