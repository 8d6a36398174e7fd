"""Text in pieces for slow detectors: the same however it came, without a gap, and looked at once."""

from itertools import pairwise

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from policies.policy import Hold
from proxy.windows import LONGEST, Window, Windows

PIECES = ["word", " ", " ", ". ", "! ", '." ', "...\n", "。", "」", "\uff1f", "\n\n", "\n \n", "3.5", "x" * 700, "\n"]
Texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
Cuts = st.lists(st.integers(0, 4000), max_size=12)


def cut(text: str, hold: Hold, cuts: list[int]) -> list[Window]:
    windows = Windows("content", hold)
    for first, last in pairwise([0, *sorted(min(each, len(text)) for each in cuts), len(text)]):
        windows.accept(text[first:last])
        windows.cut()
    windows.finish(windows.end)
    return windows.take()


@given(Texts, Cuts, st.sampled_from(["none", "sentence", "paragraph"]))
def test_windows_are_the_same_however_the_text_came(text: str, cuts: list[int], hold: Hold) -> None:
    found = cut(text, hold, cuts)
    event(f"{min(len(found), 5)} windows")
    assert found == cut(text, hold, [])
    assert "".join(window.text for window in found) == text
    assert [window.start for window in found] == [0, *(window.end for window in found)][: len(found)]
    assert all(0 < len(window.text) <= LONGEST for window in found)


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        ("sentence", ["One (1.5). ", 'Two!" ', "Three\n\n", "\u56db\u3002", "\u4e94"]),
        ("paragraph", ['One (1.5). Two!" Three\n\n', "\u56db\u3002\u4e94"]),
    ],
)
def test_a_window_ends_with_its_sentence_or_paragraph(hold: Hold, expected: list[str]) -> None:
    assert [window.text for window in cut("".join(expected), hold, [])] == expected


def test_text_without_an_end_is_looked_at_in_pieces() -> None:
    assert [len(window.text) for window in cut("x" * (2 * LONGEST + 1), "sentence", [7])] == [LONGEST, LONGEST, 1]
    words = cut("word " * LONGEST, "sentence", [7])
    assert {window.text for window in words} == {"word " * (LONGEST // 5)}


def test_what_is_looked_at_reaches_to_the_first_window_that_is_not() -> None:
    windows = Windows("content", "sentence")
    windows.accept("One. Two. Three. Fo")
    windows.cut()
    one, two, three = windows.take()
    assert windows.take() == []
    assert windows.looked == 0
    assert windows.answer(two)
    assert windows.looked == 0
    assert windows.answer(one)
    assert windows.looked == three.start
    assert not windows.answer(one)
    assert windows.answer(three)
    assert windows.looked == three.end == len("One. Two. Three. ")
    assert windows.finish(three.end)
    assert not windows.finish(windows.end)
    assert [window.text for window in windows.take()] == ["Fo"]


def test_no_window_reaches_over_an_offset_that_is_asked_for() -> None:
    windows = Windows("content", "sentence")
    windows.accept("One. Two. Three. ")
    assert not windows.finish(7)
    assert [window.text for window in windows.take()] == ["One. ", "Tw"]
    assert not windows.finish(12, read=17)
    assert [window.text for window in windows.take()] == ["o. ", "Three. "]


def test_text_that_is_read_anew_is_looked_at_from_where_it_was_not() -> None:
    windows = Windows("content", "sentence")
    windows.accept("One. Two. Three is never generated. ")
    windows.cut()
    one, two, _ = windows.take()
    windows.answer(one)
    windows.reread("One. Two. Thr")
    assert not windows.answer(two), "it is to be looked at with what follows it now"
    windows.accept("ow. ")
    windows.cut()
    assert windows.take() == [Window("content", 5, "Two. ", 1), Window("content", 10, "Throw. ", 1)]
    windows.reread("On")
    assert (windows.looked, windows.end) == (2, 2)
