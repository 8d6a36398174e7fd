# ruff: noqa: RUF001 (texts of many scripts are what is tested)
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.errors import FairgateError, IndexUnavailableError
from indexes.model import Work
from indexes.segment import faults, open_segment, write_segment
from indexes.text import fingerprint
from indexes.text.build import build
from indexes.text.gramtable import GramTable, build_table
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment
from tests.support.alphabets import texts

TEXTS = (
    (
        "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and "
        "nothing particular to interest me on shore, I thought I would sail about a little and see the watery part."
    ),
    "Who has seen the wind? Neither I nor you",
    "春眠不覚暁，處處聞啼鳥。夜來風雨聲，花落知多少。" * 3,
    "Ünïcode\n\n\n                    far away   "
    + "Donaudampfschifffahrtsgesellschaftskapitän " * 3
    + "x" * 40
    + " end of it all",
    "one two three",
)


def works(given=TEXTS):
    return [(Work(id=f"w{number}", title=f"Work {number}"), text) for number, text in enumerate(given)]


@pytest.fixture(params=["memory", "disk"])
def segment(request, tmp_path):
    built = build(works())
    if request.param == "memory":
        return TextSegment.built(built)
    name = write_segment(tmp_path, {}, built.arrays, built.files)
    return TextSegment.open(tmp_path, name)


def assert_holds(segment, given):
    """The segment says of each text what `tokenize` says."""
    assert len(segment.works) == len(given)
    for ordinal, text in enumerate(given):
        tokens = tokenize(text)
        first, end = segment.work_bounds(ordinal)
        assert segment.array[first:end].tolist() == list(segment.tokens[first:end]) == tokens.hashes.tolist()
        assert segment.units(first, end).tolist() == tokens.units.tolist()
        assert segment.text(ordinal) == text
        assert segment.works[ordinal].words == tokens.words
        assert segment.short(ordinal) == (tokens.units.sum() < 32 and len(tokens) > 0)
        at = 0
        for number, position in enumerate(range(first, end)):
            assert segment.work_at(position) == ordinal
            assert segment.unit(position) == tokens.units[number]
            assert segment.char_start(position) == tokens.starts[number]
            assert segment.char_end(position) == tokens.ends[number]
            assert segment.char_span(first, position + 1) == (tokens.starts[0], tokens.ends[number])
            at += segment.step(position)
            assert at == tokens.ends[number]


def test_a_segment_says_what_was_put_into_it(segment):
    assert_holds(segment, TEXTS)
    assert [work.id for work in segment.works] == ["w0", "w1", "w2", "w3", "w4"]


def test_works_keep_every_fact(tmp_path):
    work = Work(
        id="漢/1",
        title="T “x”",
        kind="code",
        creators=("A", "B"),
        holder="H",
        license="MIT",
        private_to=("t",),
        nature="factual",
        form="poem",
        form_inferred=True,
        year=-40,
        url="https://x/",
        market="none",
        opt_out=True,
        plugin="p",
        heart=((1, 5), (7, 9)),
        tags=("own",),
    )
    built = build([(work, "some words to keep")])
    segment = TextSegment.open(tmp_path, write_segment(tmp_path, {}, built.arrays, built.files))
    kept = segment.works[0]
    assert (kept.words, kept.chars, len(kept.digest)) == (4, 18, 64)
    for name in ("id", "kind", "creators", "private_to", "heart", "tags", "year", "market", "opt_out", "form_inferred"):
        assert getattr(kept, name) == getattr(work, name)


@pytest.mark.parametrize("lead", [0, 1, 63, 64, 65])
def test_works_that_end_where_a_checkpoint_stands_keep_their_places(lead):
    given = [" " + "ab  " * lead, "one two " * 64, " x" * 128, "y " * 63, "z-" * 65, "last of all these"]
    assert_holds(TextSegment.from_texts(works(given)), given)


def test_every_gap_and_length_comes_back_where_codes_end_too():
    rows = (
        " " * gap + "x" * length for gap in (0, 1, 14, 15, 16, 17, 300, 70_000) for length in (1, 2, 15, 16, 17, 900)
    )
    assert_holds(TextSegment.from_texts(works((text := "-".join(rows), text[::-1], text))), (text, text[::-1], text))


@given(st.lists(texts, min_size=1, max_size=6))
def test_any_texts_come_back_as_they_were(given):
    assert_holds(TextSegment.from_texts(works(given)), given)


def test_long_works_are_found_by_winnowed_grams_and_short_ones_by_every_three(segment):
    expected = {False: defaultdict(list), True: defaultdict(list)}
    for ordinal, text in enumerate(TEXTS):
        tokens, first = tokenize(text), segment.work_bounds(ordinal)[0]
        short = segment.short(ordinal)
        grams, places = (fingerprint.short_fingerprint if short else fingerprint.fingerprint)(tokens)
        for gram, place in zip(grams.tolist(), places.tolist(), strict=True):
            expected[short][gram].append(first + place)
    assert len(expected[False]) > 20
    assert len(expected[True]) == 7 + 9 + 1
    for table, wanted in ((segment.main, expected[False]), (segment.short_grams, expected[True])):
        for gram, places in wanted.items():
            assert table.maybe(gram)
            assert list(table.positions(gram)) == places
        others = expected[True] if wanted is expected[False] else expected[False]
        assert all(list(table.positions(gram)) == [] for gram in others if gram not in wanted)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 1000])
def test_a_table_answers_many_as_it_answers_one(count):
    rng = np.random.default_rng(count)
    grams = rng.integers(0, 1 << 64, count, dtype=np.uint64)
    grams = np.concatenate((grams, grams[: count // 2], grams[: count // 4]))
    table = GramTable(build_table(grams, np.arange(len(grams))))
    strangers = rng.integers(0, 1 << 64, 2000, dtype=np.uint64)
    asked = np.concatenate((grams[::-1], strangers, np.zeros(1, np.uint64)))
    indices, positions = table.lookup(asked)
    one_by_one = [
        (number, position)
        for number, gram in enumerate(asked.tolist())
        if table.maybe(gram)
        for position in table.positions(gram)
    ]
    assert list(zip(indices.tolist(), positions.tolist(), strict=True)) == one_by_one
    for number, gram in enumerate(grams.tolist()):
        assert number in table.positions(gram)
    assert sum(map(table.maybe, strangers.tolist())) < 0.2 * len(strangers)
    assert not set(indices.tolist()) & set(range(len(grams), len(asked) - 1))


def test_positions_of_one_gram_ascend():
    text = "the same six words again then " * 40
    segment = TextSegment.from_texts(works((text, text)))
    grams, _ = fingerprint.fingerprint(tokenize(text))
    for gram in set(grams.tolist()):
        found = list(segment.main.positions(gram))
        assert len(found) > 10
        assert all(one < other for one, other in pairwise(found))


def test_requests_are_indexed_by_every_gram_of_three():
    segment = TextSegment.from_texts(works(), every_gram=True)
    assert len(segment.main) == 0
    tokens = tokenize(TEXTS[0])
    for gram in fingerprint.short_fingerprint(tokens)[0].tolist():
        assert len(segment.short_grams.positions(gram)) > 0


def test_fingerprints_only_keeps_no_text():
    built = build(works(), keep_texts=False)
    segment = TextSegment.built(built)
    assert not segment.keeps_texts
    assert segment.text(0) is None
    assert b"Ishmael" not in b"".join(built.files.values())


def test_texts_longer_than_a_block_come_back():
    long = "".join(f"word{number} " for number in range(60_000))
    segment = TextSegment.from_texts(works(("short one here", long, "", "漢" * 100_000, "last words here")))
    assert [segment.text(ordinal) for ordinal in range(5)] == [
        "short one here",
        long,
        "",
        "漢" * 100_000,
        "last words here",
    ]


def test_a_removed_work_is_not_alive():
    segment = TextSegment.from_texts(works())
    other = segment.without(frozenset({1}))
    assert [other.alive(ordinal) for ordinal in range(3)] == [True, False, True]
    assert segment.alive(1)
    assert other.without(frozenset({1})) is other


def test_the_same_works_make_the_same_segment(tmp_path):
    names = {write_segment(tmp_path, {}, built.arrays, built.files) for built in (build(works()), build(works()))}
    assert len(names) == 1
    assert [path.name for path in tmp_path.iterdir()] == [*names]


def files_of(tmp_path):
    built = build(works())
    name = write_segment(tmp_path, {}, built.arrays, built.files)
    return name, sorted(path.name for path in (tmp_path / name).iterdir())


def test_any_damaged_byte_is_found_and_refused(tmp_path):
    name, files = files_of(tmp_path)
    assert files == ["arrays.bin", "segment.json", "texts.zst", "works.jsonl"]
    assert faults(tmp_path, name) == []
    for file in files:
        path = tmp_path / name / file
        whole = path.read_bytes()
        for at in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
            found = faults(tmp_path, name)
            assert len(found) == 1
            assert file in found[0]
            with pytest.raises(IndexUnavailableError, match=file):
                open_segment(tmp_path, name, unread=())
        path.write_bytes(whole)
    assert faults(tmp_path, name) == []


def test_kept_texts_are_compared_only_by_verify(tmp_path):
    name, _ = files_of(tmp_path)
    path = tmp_path / name / "texts.zst"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    segment = TextSegment.open(tmp_path, name)
    with pytest.raises(IndexUnavailableError, match="kept text"):
        segment.text(0)


@pytest.mark.parametrize("damage", ["short", "gone", "folder"])
def test_a_missing_or_short_file_is_refused_by_name(tmp_path, damage):
    name, files = files_of(tmp_path)
    for file in files:
        path = tmp_path / name / file
        whole = path.read_bytes()
        path.unlink()
        if damage == "short":
            path.write_bytes(whole[:-1])
        elif damage == "folder":
            path.mkdir()
        with pytest.raises(IndexUnavailableError) as error:
            TextSegment.open(tmp_path, name, check=False)
        assert "\n" not in str(error.value)
        assert name in str(error.value)
        assert len(faults(tmp_path, name)) == 1
        if damage == "folder":
            path.rmdir()
        path.write_bytes(whole)


def test_a_half_deleted_segment_is_written_anew(tmp_path):
    name, _ = files_of(tmp_path)
    (tmp_path / name / "works.jsonl").unlink()
    assert files_of(tmp_path)[0] == name
    assert faults(tmp_path, name) == []


def test_a_disk_that_refuses_is_said_in_one_line(tmp_path):
    built = build(works())
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FairgateError, match="cannot write"):
        write_segment(tmp_path / "file", {}, built.arrays, built.files)
