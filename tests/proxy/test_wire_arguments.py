"""JSON that arrives in fragments, read as running text."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.arguments import JsonText, PlainText, Reading

TEXT = st.text(
    st.sampled_from(["a", "b", " ", "\u00e9", "\U0001f600", '"', "\\", "/", "\n", "\t", "\u2028", "0"]), max_size=8
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(TEXT, TEXT, SCALARS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)
DOCUMENTS = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
    VALUES,
    st.booleans(),
    st.sampled_from([None, 1]),
)
FAULTS = st.sampled_from(["x", '"', "\\", "}", "]", " true story", "\n", "12", "\\u12", "\\ud800", ",", "{"])


@st.composite
def damaged(draw: st.DrawFn) -> str:
    document = draw(DOCUMENTS)
    at = draw(st.integers(0, len(document)))
    return document[:at] + draw(FAULTS) + document[at:]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from strings(element)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield key
            yield from strings(element)


def read(raw: str, cuts: list[int] | range = range(0)) -> tuple[Reading, str]:
    reading = JsonText()
    return reading, "".join(reading.feed(raw[start:end]) for start, end in pairwise([0, *cuts, len(raw)]))


@given(DOCUMENTS)
def test_the_text_is_all_strings_one_a_line(raw: str) -> None:
    assert read(raw)[1] == "\n".join(strings(json.loads(raw)))


@given(st.one_of(DOCUMENTS, damaged()), st.data())
def test_any_cut_gives_the_same_text_and_offsets(raw: str, data: st.DataObject) -> None:
    whole, text = read(raw)
    singly, by_character = read(raw, range(1, len(raw)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=4)))
    assert by_character == text
    assert read(raw, cuts)[1] == text
    assert [whole.raw_offset(at) for at in range(len(text) + 1)] == [
        singly.raw_offset(at) for at in range(len(text) + 1)
    ]
    assert [whole.text_offset(at) for at in range(len(raw) + 1)] == [
        singly.text_offset(at) for at in range(len(raw) + 1)
    ]


@given(st.one_of(DOCUMENTS, damaged()))
def test_offsets_go_there_and_back(raw: str) -> None:
    reading, text = read(raw)
    places = [reading.raw_offset(at) for at in range(len(text) + 1)]
    assert places == sorted(set(places))
    assert [reading.text_offset(place) for place in places] == list(range(len(text) + 1))
    for at, place in enumerate(places[:-1]):
        assert text[at] == raw[place] or text[at] == "\n" or raw[place] == "\\"


@given(st.one_of(DOCUMENTS, damaged()))
def test_no_more_text_is_counted_than_ends_before_an_offset(raw: str) -> None:
    reading, text = read(raw)
    counts = [reading.text_offset(at) for at in range(len(raw) + 1)]
    assert counts == sorted(counts)
    assert all(reading.raw_offset(count) <= at for at, count in enumerate(counts) if count)
    assert counts[-1] == len(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('{"a": "b"}', "a\nb"),
        ('["", ""]', "\n"),
        ('{"a": ["b", 1.5e-3, null, {"c": true}]} ', "a\nb\nc"),
        (r'"\u00e9\ud83d\ude00\n\/"', "\u00e9\U0001f600\n/"),
        (r'"\ud83dx\ude00"', "\ufffdx\ufffd"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        ("", ""),
        ("  12.50 ", ""),
        ("true", ""),
    ],
)
def test_json_is_decoded(raw: str, text: str) -> None:
    assert read(raw)[1] == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Once upon a time", "Once upon a time"),
        ("true story", "true story"),
        ("12 men", "12 men"),
        ("```json\n{}", "```json\n{}"),
        ('{"a": "b"} trailing', 'a\nb"} trailing'),
        ('{"a": "b", 12 men}', 'a\nb", 12 men}'),
        ('{"a": "b\\qc"}', 'a\nb\\qc"}'),
        ('{"a": "b\nc"}', 'a\nb\nc"}'),
        ('{"a": "b\\u12 c"}', 'a\nb\\u12 c"}'),
        ("{a: 1}", "{a: 1}"),
        ("[1, 01]", "[1, 01]"),
        ("[1,]", "[1,]"),
        ("{} {}", "{} {}"),
        ("\ufeff{}", "\ufeff{}"),
        ("[truely]", "[truely]"),
        ("[1.e5]", "[1.e5]"),
    ],
)
def test_what_is_no_json_is_plain_text_and_loses_nothing(raw: str, text: str) -> None:
    assert read(raw)[1] == text
    assert read(raw, range(1, len(raw)))[1] == text


def test_a_word_is_followed_into_the_raw_document() -> None:
    raw = r'{"text": "caf\u00e9 noir", "then": "tea"}'
    reading, text = read(raw)
    start = text.index("noir")
    assert raw[reading.raw_offset(start) : reading.raw_offset(start + 4)] == "noir"
    end_of_first = text.index("\nthen")
    assert raw[: reading.raw_offset(end_of_first)] == r'{"text": "caf\u00e9 noir'
    assert reading.text_offset(raw.index("e9")) == text.index("\u00e9")


def test_plain_text_is_its_own_text() -> None:
    reading = PlainText()
    assert reading.feed('{"a"') == '{"a"'
    assert (reading.raw_offset(3), reading.text_offset(3)) == (3, 3)
