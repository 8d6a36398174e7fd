import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexes.text import fingerprint
from indexes.text.fingerprint import K_UNSPACED, MASK, MULTIPLIER, SHORT_K, K, T, W
from indexes.text.normalize import Tokens, tokenize

WORDS = (
    *("whale", "sea", "ship", "harpoon", "the", "of", "and", "a", "to", "in", "storm", "captain"),
    *"漢字春眠不覚暁",
)

tokens_of = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join).map(tokenize)


def plain_gram(tokens: Tokens, last: int) -> int | None:
    size = K if tokens.units[last] == 2 else K_UNSPACED
    if last - size + 1 < 0:
        return None
    value = 0
    for token in tokens.hashes[last - size + 1 : last + 1].tolist():
        value = (value * MULTIPLIER + token) & MASK
    return value


@given(tokens_of)
def test_grams_are_the_polynomial_of_their_tokens(tokens):
    grams, valid = fingerprint.grams(tokens.hashes, tokens.units)
    expected = [plain_gram(tokens, last) for last in range(len(tokens))]
    assert valid.tolist() == [gram is not None for gram in expected]
    assert [gram for gram in expected if gram is not None] == grams[valid].tolist()


@given(tokens_of)
def test_of_every_four_grams_in_a_row_one_is_kept(tokens):
    grams, valid = fingerprint.grams(tokens.hashes, tokens.units)
    common = fingerprint.common_grams(tokens.hashes, tokens.units)
    kept = fingerprint.winnow(grams, valid, common)
    assert not (kept & ~valid).any()
    assert kept.any() == valid.any()
    for first in range(len(tokens) - W + 1):
        if valid[first : first + W].all():
            assert kept[first : first + W].any()


def test_a_gram_of_frequent_words_alone_is_kept_only_among_its_like():
    rng = np.random.default_rng(5)
    tokens = tokenize(" ".join(rng.choice(["of", "and", "a", "to", "in", "the", "is", "whale"], 4000)))
    grams, valid = fingerprint.grams(tokens.hashes, tokens.units)
    common = fingerprint.common_grams(tokens.hashes, tokens.units)
    kept = fingerprint.winnow(grams, valid, common)
    assert 200 < common.sum() < 3000
    for place in np.flatnonzero(kept & common):
        windows = [range(first, first + W) for first in range(max(0, place - W + 1), place + 1)]
        full = [window for window in windows if window.stop <= len(tokens) and valid[list(window)].all()]
        assert not full or any(common[list(window)].all() for window in full)


def test_any_copy_of_eight_words_shares_a_kept_gram_with_its_source():
    rng = np.random.default_rng(7)
    words = [f"w{number}" for number in rng.integers(0, 500, 4000)]
    source = tokenize(" ".join(words))
    kept = set(fingerprint.fingerprint(source)[0].tolist())
    for first in range(len(words) - T):
        copy = tokenize(" ".join(words[first : first + T]))
        assert kept.intersection(fingerprint.grams(copy.hashes, copy.units)[0][K - 1 :].tolist())


def test_two_grams_of_five_are_kept_on_average():
    rng = np.random.default_rng(3)
    source = tokenize(" ".join(f"w{number}" for number in rng.integers(0, 5000, 20000)))
    assert 0.39 < len(fingerprint.fingerprint(source)[0]) / len(source) < 0.41


def test_a_short_work_keeps_every_gram_of_three():
    tokens = tokenize("Who has seen the wind")
    grams, places = fingerprint.short_fingerprint(tokens)
    assert fingerprint.is_short(tokens)
    assert places.tolist() == [2, 3, 4]
    assert grams.tolist() == fingerprint.short_grams(tokens.hashes)[SHORT_K - 1 :].tolist()
    assert not fingerprint.is_short(tokenize("word " * 16))
    assert fingerprint.is_short(tokenize("漢" * 31))
    assert not fingerprint.is_short(tokenize("漢" * 32))


def test_texts_without_room_for_a_gram_have_none():
    for text in ("", "one", "one two three four"):
        assert len(fingerprint.fingerprint(tokenize(text))[0]) == 0
    assert len(fingerprint.short_fingerprint(tokenize("one two"))[0]) == 0


def test_frequent_is_the_lowest_bit():
    assert [fingerprint.is_frequent(token) for token in tokenize("the whale").hashes.tolist()] == [True, False]


def test_licences_and_idioms_are_common_and_a_novel_is_not():
    negative = fingerprint.negative_grams()

    def share(text: str) -> float:
        tokens = tokenize(text)
        grams, valid = fingerprint.grams(tokens.hashes, tokens.units)
        return float(np.mean([gram in negative for gram in grams[valid].tolist()]))

    licence = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software"
    assert share(licence) == 1.0
    assert share("THIS PROGRAM IS DISTRIBUTED in the hope that it will be useful, but WITHOUT ANY WARRANTY") == 1.0
    assert share("Call me Ishmael. Some years ago, never mind how long precisely, having little money") == 0.0
