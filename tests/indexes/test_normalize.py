# ruff: noqa: RUF001 (texts of many scripts are what is tested)
import unicodedata

import pytest
from hypothesis import given

from indexes.text import tablegen, tables
from indexes.text.normalize import BLOCK, tokenize
from indexes.text.tables import MARK, SEPARATOR, VANISHING
from tests.support.alphabets import texts


def words(text):
    """Each token as its folded text."""
    tokens = tokenize(text)
    fold = tables.load().fold
    return [fold(text[start:end]) for start, end in zip(tokens.starts, tokens.ends, strict=True)]


def hashes(text):
    return tokenize(text).hashes.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was the best of times", ["it", "was", "the", "best", "of", "times"]),
        ("don't foo_bar object.name re-use", ["don", "t", "foo", "bar", "object", "name", "re", "use"]),
        ("“Don’t!”—he said…", ["don", "t", "he", "said"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("漢字かな abc", ["漢", "字", "か", "な", "abc"]),
        ("Ⅷ ½ ⑴ x²", ["viii", "12", "1", "x2"]),
        ("٣ ३ ３", ["3", "3", "3"]),
        ("", []),
        (" \n\u0301\u200d ", []),
    ],
)
def test_words_are_runs_of_letters_marks_and_digits(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café Ångström", "cafe angstrom"),
        ("e\u0301clair", "éclair"),
        ("ＨＥＬＬＯ Ｗｏｒｌｄ", "hello world"),
        ("STRASSE", "straße"),
        ("ﬁnal ﬄuent", "final ffluent"),
        ("рoсkеt сope", "pocket cope"),
        ("ΡΑΤΕ", "pate"),
        ("w\u200bo\u200dr\u2060d\ufeff", "word"),
        ("søren Łódź œuvre ægis", "soren lodz oeuvre aegis"),
        ("𝐁𝐨𝐥𝐝 🄰🅱 ᴄᴀᴘs", "bold ab caps"),
        ("شَمْس", "شمس"),
        ("한국어", unicodedata.normalize("NFD", "한국어")),
        ("が ｶﾞ", "か カ"),
        ("don\u02bct", "don't"),
    ],
)
def test_what_reads_alike_is_alike(one, other):
    assert hashes(one) == hashes(other)
    assert len(hashes(other)) > 0


def test_different_words_are_different():
    assert len(set(hashes("one two three four five six seven eight nine ten"))) == 10


def test_every_canonical_equivalent_is_alike_in_any_surroundings():
    chars = [chr(code) for code in range(0x110000) if unicodedata.normalize("NFD", chr(code)) != chr(code)]
    assert len(chars) > 13_000
    for frame in ("a{}b", "{}", "中{}文", "ก{}ข"):
        composed = " ".join(frame.format(char) for char in chars)
        apart = " ".join(frame.format(unicodedata.normalize("NFD", char)) for char in chars)
        assert hashes(composed) == hashes(apart), frame


def test_case_does_not_matter_in_any_script():
    letters = [chr(code) for code in range(0x30000) if unicodedata.category(chr(code))[0] == "L"]
    # The upper case of these is another text.
    letters = [char for char in letters if char not in "ŉẚ" and "\u0345" not in unicodedata.normalize("NFD", char)]
    plain = " ".join(f"a{char}b" for char in letters)
    assert len(hashes(plain)) > 100_000
    assert hashes(plain) == hashes(plain.upper()) == hashes(" ".join(f"a{char.lower()}b" for char in letters))


def test_folding_twice_changes_nothing_more():
    table = tables.load()
    assert [raw for raw, folded in table.folds.items() if table.fold(folded) != folded] == []


@given(texts)
def test_spans_hold_their_tokens_and_nothing_lies_between_them(text):
    tokens, table = tokenize(text), tables.load()
    outside = [0, *tokens.ends.tolist()], [*tokens.starts.tolist(), len(text)]
    for end, start in zip(*outside, strict=True):
        assert end <= start
        assert all(table.classes[ord(char)] in (SEPARATOR, VANISHING) for char in text[end:start])
    for start, end, token in zip(tokens.starts, tokens.ends, tokens.hashes, strict=True):
        assert table.classes[ord(text[start])] not in (SEPARATOR, VANISHING)
        assert SEPARATOR not in {table.classes[ord(char)] for char in text[start:end]}
        assert hashes(text[start:end]) == [token]


@given(texts)
def test_what_vanishes_right_after_a_token_belongs_to_it(text):
    table = tables.load()
    for end in tokenize(text).ends:
        assert end == len(text) or table.classes[ord(text[end])] not in (VANISHING, MARK)


def test_two_characters_of_an_unspaced_script_make_one_word():
    tokens = tokenize("春眠不覚暁 spring sleep")
    assert tokens.units.tolist() == [1, 1, 1, 1, 1, 2, 2]
    assert tokens.words == 4


def test_frequent_words_carry_the_lowest_bit():
    frequent, rare = tokenize("the AND of è nicht und"), tokenize("whale harpoon Ishmael")
    assert (frequent.hashes & 1).all()
    assert not (rare.hashes & 1).any()


@pytest.mark.parametrize("sample", ["word ", "wörd ", "漢字", "ไทย", "a\u0301\u200d"])
def test_blocks_of_a_long_text_join_without_a_seam(sample):
    text = sample * (BLOCK // len(sample) + 40)
    tokens = tokenize(text)
    lengths = {end - start for start, end in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)}
    once = tokenize(sample)
    if sample[0] != "a":
        assert len(tokens) == len(once) * (BLOCK // len(sample) + 40)
        assert lengths == set((once.ends - once.starts).tolist())
    else:
        assert lengths == {len(text)}


def test_lone_surrogates_separate():
    assert words("one\ud83dtwo \ude00 three") == ["one", "two", "three"]


@pytest.mark.slow
def test_the_shipped_table_is_what_the_generator_makes(tmp_path):
    import numpy as np

    tablegen.build(tmp_path / "made.npz")
    with np.load(tables.TABLE) as shipped, np.load(tmp_path / "made.npz") as made:
        if shipped["unicode"].tolist() != made["unicode"].tolist():
            pytest.skip("this Python has another version of Unicode than the shipped table")
        assert all((shipped[name] == made[name]).all() for name in shipped.files)
