"""What of an output stands as a quotation, told from its text and the copied spans."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.model import Match, Span, Work
from policies.quotation import quotations
from tests.support.evidence import a_match, a_work

COPY = "call me Ishmael. Some years ago, never mind how long precisely"
MOBY = a_work(
    id="moby", title="Moby-Dick; or, The Whale", creators=("Herman Melville",), url="https://www.example.org/moby/"
)


def copied(text: str, copy: str = COPY, work: Work = MOBY) -> Match:
    start = text.index(copy)
    return replace(a_match(work, len(copy.split())), output=Span(start, start + len(copy)))


def found(text: str, *matches: Match):
    return quotations(text, matches or (copied(text),), "content")


def quoted(text: str, *matches: Match) -> list[str]:
    return [text[each.output.start : each.output.end] for each in found(text, *matches)]


PAIRS = [
    ("\u201c", "\u201d"), ("\u201e", "\u201c"), ("\u201e", "\u201d"), ("\u00ab", "\u00bb"), ("\u00bb", "\u00ab"),
    ("\u300c", "\u300d"), ("\u300e", "\u300f"), ('"', '"'), ("\u2018", "\u2019"),
]  # fmt: skip


@pytest.mark.parametrize(("opening", "closing"), PAIRS)
def test_a_copy_between_marks_is_a_quotation(opening: str, closing: str) -> None:
    text = f"He begins so: {opening}{COPY}{closing}, and then goes on."
    assert quoted(text) == [f"{opening}{COPY}{closing}"]


@pytest.mark.parametrize(
    "text",
    [
        COPY,
        f"He begins so: {COPY}, and goes on.",
        f'"Yes," he said. {COPY}. "No," she said.',
        f"\u201cYes,\u201d he said. {COPY}. \u201cNo,\u201d she said.",
        f'"Never closed.\n\n{COPY}.\n\nA "word" in quotes.',
        f"\u201cNever closed.\n\n{COPY}.\n\nAnother \u201cword\u201d.",
        f"the dogs\u2019 tails, {COPY}, the cats\u2019 tails",
        f"> a quoted line\n{COPY}\n> another one",
        f'"a"{COPY}"b"',
        f'"Never closed.\n\nIt says {COPY}" and so on',
    ],
)
def test_marks_that_stand_around_something_else_make_no_quotation(text: str) -> None:
    assert quoted(text) == []


def test_dialogue_that_is_recited_with_its_own_marks_is_no_quotation() -> None:
    copy = "\u201cWell!\u201d thought Alice to herself. \u201cAfter such a fall, I shall think nothing\u201d she said"
    text = f"Here it goes: {copy} and more."
    assert found(text, copied(text, copy)) == ()


def test_a_quotation_may_hold_apostrophes_and_other_marks() -> None:
    inner = "\u2018don\u2019t\u2019 \u201ccall\u201d him"
    text = f"\u2018It isn\u2019t so, {COPY}\u2019 and \u00abhe says {inner}: {COPY[:30]}\u00bb"
    assert quoted(text) == [f"\u2018It isn\u2019t so, {COPY}\u2019"]
    other = copied(text, inner)
    assert quoted(text, other) == [f"\u00abhe says {inner}: {COPY[:30]}\u00bb"]


def test_the_narrowest_quotation_around_a_copy_is_meant() -> None:
    assert quoted(f'\u00abHe said: "{COPY}" to me\u00bb') == [f'"{COPY}"']


def test_a_mark_after_a_full_stop_closes_whatever_follows() -> None:
    assert quoted(f'"{COPY}."\u2014that is all') == [f'"{COPY}."']


def test_a_stray_mark_before_a_quotation_does_not_swallow_it() -> None:
    assert quoted(f'It is 5" long and says "{COPY}" on it') == [f'"{COPY}"']


def test_a_quotation_of_several_paragraphs_opens_each_of_them() -> None:
    pieces = [f"\u201c{COPY}.\n\n", "\u201cA second one of them.\n\n", "\u201cThe third\u201d"]
    text = "".join(pieces) + " ends it."
    copy = COPY + ".\n\n\u201cA second one of them.\n\n\u201cThe third"
    assert quoted(text, copied(text, copy)) == ["".join(pieces)]


def test_lines_that_begin_with_an_angle_are_one_quotation() -> None:
    text = "He writes:\n\n> call me Ishmael. Some years\n> ago, never mind\n\nand more."
    copy = "call me Ishmael. Some years\n> ago, never mind"
    assert quoted(text, copied(text, copy)) == ["> call me Ishmael. Some years\n> ago, never mind\n"]


def test_a_copy_may_run_a_word_past_the_closing_mark_by_chance() -> None:
    text = f'So: "{COPY}" I went on.'
    copy = f'{COPY}" I'
    assert quoted(text, copied(text, copy)) == [f'"{COPY}" I']
    longer = f'{COPY}" I went on.'
    assert quoted(text, copied(text, longer)) == []


@pytest.mark.parametrize(
    "beside",
    [
        "(Herman Melville)",
        "says Melville in his novel.",
        "says MOBY-DICK.",
        "from Moby-Dick; or, the whale.",
        "see http://example.org/moby",
        "in a long book, " + "as I said, " * 30 + "by Melville.",
    ],
)
def test_a_quotation_with_its_source_beside_it_is_credited(beside: str) -> None:
    assert [each.credited for each in found(f'"{COPY}" {beside}')] == [True]
    assert [each.credited for each in found(f'{beside} "{COPY}"')] == [True]


def test_a_source_may_be_named_anywhere_in_the_paragraph() -> None:
    aside = "as I said before, " * 30
    assert [each.credited for each in found(f'Melville, {aside}: "{COPY}"')] == [True]
    assert [each.credited for each in found(f'"{COPY}", {aside}, Melville')] == [True]
    assert [each.credited for each in found(f'Melville, {aside}\n"{COPY}"\n{aside} Melville')] == [False]


@pytest.mark.parametrize(
    "beside", ["", "as somebody says", "in Melvilles", "melville", "\n\nnothing here\n\n" + "x " * 130 + "Melville"]
)
def test_a_quotation_without_its_source_is_not_credited(beside: str) -> None:
    assert [each.credited for each in found(f'"{COPY}" {beside}')] == [False]


@pytest.mark.parametrize(
    ("work", "beside", "credited"),
    [
        (a_work(title="Home"), "at home", False),
        (a_work(title="Home"), "in Home", True),
        (a_work(title="It"), "said It", False),
        (a_work(title="x", creators=("Austen, Jane",)), "by Jane Austen", True),
        (a_work(title="x", creators=("Austen, Jane",)), "by Austen", True),
        (a_work(title="x", creators=("Austen, Jane",)), "by Jane", False),
        (a_work(title="Alice\u2019s Adventures"), "in Alice's adventures", True),
        (a_work(title="\u6625\u66c9"), "\u51fa\u81ea\u300a\u6625\u66c9\u300b", True),
        (a_work(title="C++"), "in C++.", True),
    ],
)
def test_names_are_found_as_a_reader_would(work: Work, beside: str, *, credited: bool) -> None:
    text = f'"{COPY}" {beside}'
    assert [each.credited for each in found(text, copied(text, work=work))] == [credited]


def test_one_of_several_works_with_the_same_words_is_credit_enough() -> None:
    text = f'"{COPY}" (Herman Melville)'
    both = [
        copied(text, work=a_work(id="b", title="An Anthology")),
        copied(text),
        copied(text, work=a_work(id="c", title="x")),
    ]
    assert [each.credited for each in found(text, *both)] == [True]


def test_comment_is_what_the_output_itself_says_near_by() -> None:
    comment = "this is a famous first line and much has been said of it"
    text = f'{comment}: "{COPY}". {comment}.\n\n{COPY.upper()}'
    again = replace(copied(text), output=Span(text.index(COPY.upper()), len(text)))
    assert [each.comment_words for each in found(text, copied(text), again)] == [2 * len(comment.split())]
    assert [each.comment_words for each in found(text)] == [2 * len(comment.split()) + len(COPY.split())]


def test_words_far_away_are_no_comment() -> None:
    assert [each.comment_words for each in found(f'"{COPY}"' + " " * 1100 + "word " * 500)] == [0]


def test_two_characters_of_a_script_without_spaces_are_one_word_of_comment() -> None:
    assert [each.comment_words for each in found(f'\u4e16\u754c\u597d\u7684 two "{COPY}"')] == [3]


def test_what_the_request_holds_is_no_quotation_of_the_output() -> None:
    text = f'"{COPY}" (Melville)'
    assert found(text, replace(copied(text), grounded=True)) == ()
    assert found(text, replace(copied(text), channel="reasoning")) == ()


@given(st.text('"\u201c\u201d\u00ab\u00bb>\n a\u2018\u2019', max_size=60), st.integers(0, 60), st.integers(1, 20))
def test_whatever_the_text_every_quotation_holds_a_match_and_lies_in_the_text(text: str, at: int, size: int) -> None:
    start = min(at, max(0, len(text) - 1))
    span = Span(start, min(len(text), start + size))
    if len(span) > 0:
        for each in quotations(text, [replace(a_match(MOBY), output=span)], "content"):
            assert 0 <= each.output.start <= span.start < span.end <= each.output.end <= len(text)
            assert set(text[each.output.start : each.output.end]) & set('"\u201c\u201d\u00ab\u00bb>\u2018\u2019')


def test_a_long_answer_of_many_quotations_is_read_at_once() -> None:
    text = f'and so "{COPY}" he said, ' * 1000
    step = len(text) // 1000
    matches = [replace(copied(text), output=Span(at + 8, at + 8 + len(COPY))) for at in range(0, len(text), step)]
    began = time.perf_counter()
    assert len(found(text, *matches)) == 1000
    assert time.perf_counter() - began < 5
