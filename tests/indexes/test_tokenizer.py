from collections.abc import Iterable

import pytest
from hypothesis import given

from indexes.text.normalize import tokenize
from indexes.text.tokenizer import LONG, SHORT, Tokenizer
from tests.support.alphabets import cut_texts, texts


def columns(machine):
    return machine.hashes, machine.starts, machine.ends, machine.units


def whole(text):
    tokens = tokenize(text)
    return tuple(column.tolist() for column in (tokens.hashes, tokens.starts, tokens.ends, tokens.units))


def read_all(pieces: Iterable[str]) -> Tokenizer:
    machine = Tokenizer()
    for piece in pieces:
        before = len(machine.hashes)
        assert machine.read_all(piece) == len(machine.hashes) - before
    machine.close()
    return machine


def read_by_token(pieces: Iterable[str]) -> Tokenizer:
    machine = Tokenizer()
    for piece in pieces:
        at = 0
        while at < len(piece):
            before, offset = len(machine.hashes), machine.offset
            after = machine.read(piece, at)
            assert at <= after <= len(piece)
            assert machine.offset - offset == after - at
            assert len(machine.hashes) - before == (after < len(piece))
            at = after
    machine.close()
    return machine


@given(cut_texts())
def test_cuts_do_not_matter(pieces):
    assert columns(read_all(pieces)) == whole("".join(pieces))


@given(cut_texts())
def test_reading_token_by_token_gives_the_same(pieces):
    assert columns(read_by_token(pieces)) == whole("".join(pieces))


@given(texts)
def test_every_code_point_alone_gives_the_same(text):
    assert columns(read_all(text)) == columns(read_by_token(text)) == whole(text)


@given(cut_texts())
def test_both_ways_of_reading_may_be_mixed(pieces):
    machine = Tokenizer()
    for number, piece in enumerate(pieces):
        at = 0
        if number % 2:
            at = machine.read(piece)
        machine.read_all(piece, at)
    machine.close()
    assert columns(machine) == whole("".join(pieces))


@pytest.mark.parametrize("size", [SHORT - 1, SHORT, SHORT + 1, LONG - 1, LONG, LONG + 1, 3 * LONG])
@pytest.mark.parametrize(
    "text", ["The quick brown fox; ", "Ça déjà vu, 漢字 ", "漢字かな", "e\u0301\u200d", "nospaces"]
)
def test_pieces_of_any_length_give_the_same(size, text):
    text = text * 60
    pieces = [text[first : first + size] for first in range(0, len(text), size)]
    assert columns(read_all(pieces)) == columns(read_by_token(pieces)) == whole(text)


def test_a_token_is_finished_by_the_code_point_after_it_which_is_not_read():
    machine = Tokenizer()
    assert machine.read("whale") == 5
    assert machine.hashes == []
    assert machine.read("\u0301\u200d") == 2
    assert machine.read(", said") == 0
    assert (machine.starts, machine.ends) == ([0], [7])
    assert machine.read(", said") == 6
    assert len(machine.hashes) == 1
    machine.close()
    assert machine.starts == [0, 9]


def test_closing_twice_or_empty_finishes_nothing_more():
    machine = Tokenizer()
    machine.close()
    machine.read_all("")
    machine.read_all("one")
    machine.close()
    machine.close()
    assert machine.ends == [3]


def test_a_word_without_end_costs_no_more_than_its_length():
    machine = Tokenizer()
    for _ in range(200_000):
        machine.read_all("abcd")
    machine.close()
    assert machine.ends == [800_000]
