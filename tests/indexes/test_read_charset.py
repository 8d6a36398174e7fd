# ruff: noqa: RUF001 (letters of many scripts are what is tested)
"""Text in whatever encoding is read as what it says; what had to be mended is said."""

import pytest

from indexes.readers.charset import decode
from tests.support.corpus_files import one, read

FRENCH = "L’été dernier, Émile prit un café crème à l’hôtel « Bellevue » ; il y resta jusqu’à la nuit.\n" * 4
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n" * 4
GERMAN = "Größer als die Füße der Mädchen war nur die Mühe, über die Straße zu gehen, sagte der König.\n" * 4
CHINESE = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。床前明月光，疑是地上霜。\n" * 4
JAPANESE = (
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で泣いていた。\n" * 4
)
ENGLISH = "It was in the café that she said it, a naïve remark about the déjà vu of the whole affair.\n" * 4
POLISH = "Zażółć gęślą jaźń, powiedział król, i wszyscy poszli do domu, bo już było późno.\n" * 4
LITHUANIAN = "Žmogus ėjo per mišką ir galvojo apie savo namus, kurių jau seniai nebuvo.\n" * 4


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ENGLISH, "latin-1"),
        (POLISH, "cp1250"),
        (LITHUANIAN, "cp1257"),
        (FRENCH, "mac_roman"),
        (FRENCH, "cp1252"),
        (GERMAN, "latin-1"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (CHINESE, "gb18030"),
        (CHINESE, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
    ],
)
def test_a_text_in_an_old_encoding_is_read_and_the_encoding_said(tmp_path, text, encoding):
    (tmp_path / "a.txt").write_bytes(b"\n" + text.encode(encoding))
    item = one(tmp_path / "a.txt")
    assert item.text == "\n" + text
    (note,) = item.notes
    assert note.startswith(f"`{tmp_path / 'a.txt'}` is not UTF-8 (line 2); read as ")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_read_with_and_without_a_mark(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(("Call me Ishmael, if you please.\n" + FRENCH).encode(encoding))
    item = one(tmp_path / "a.txt")
    assert item.text.endswith(FRENCH)
    assert "is UTF-" in item.notes[0]


def test_clean_text_is_not_touched_and_nothing_is_said(tmp_path):
    (tmp_path / "a.txt").write_text(FRENCH + GERMAN + RUSSIAN + CHINESE, encoding="utf-8")
    item = one(tmp_path / "a.txt")
    assert (item.text, item.notes) == (FRENCH + GERMAN + RUSSIAN + CHINESE, ())


def test_a_few_stray_bytes_in_utf_8_are_mended_where_they_stand():
    raw = (FRENCH * 2).encode() + "« déjà »".encode("cp1252") + FRENCH.encode()
    text, notes = decode(raw)
    assert text == FRENCH * 2 + "« déjà »" + FRENCH
    assert notes == ("is UTF-8 with 4 stray bytes; read as Windows-1252",)


@pytest.mark.parametrize("wrong", ["cp1252", "latin-1", "cp1251"])
def test_utf_8_that_was_read_as_another_encoding_is_mended_line_by_line(wrong):
    garbled = "It’s Émile’s café".encode().decode(wrong, "ignore") if wrong != "cp1252" else "Itâ€™s Ã‰mileâ€™s cafÃ©"
    text, notes = decode(f"A clean line.\n{garbled}\nAnother, naïve one.\n".encode())
    assert text.startswith("A clean line.\n")
    assert text.endswith("\nAnother, naïve one.\n")
    assert "mile" in text
    if wrong != "cp1251":
        assert "It’s Émile’s café" in text
        assert notes == ("had 1 line of UTF-8 read as another encoding; mended",)


def test_a_line_that_only_quotes_garbled_letters_stays_as_it_is():
    said = "If you see “Ã©” or “Ã¨”, the naïve reader took UTF-8 for Latin-1."
    assert decode(said.encode()) == (said, ())


def test_a_manifest_line_in_another_encoding_is_still_refused(tmp_path):
    (tmp_path / "works.jsonl").write_bytes(b'{"content": "caf\xe9 au lait"}\n')
    works, others = read(tmp_path / "works.jsonl")
    assert works == []
    assert "is not UTF-8 (byte 17)" in others[0].why


def test_what_a_page_declares_goes_before_a_guess(tmp_path):
    page = '<html><head><meta charset="iso-8859-2"></head><body>Zażółć gęślą jaźń, powiedział król.</body></html>'
    (tmp_path / "a.html").write_bytes(page.encode("iso-8859-2"))
    item = one(tmp_path / "a.html")
    assert item.text == "Zażółć gęślą jaźń, powiedział król.\n"
    assert item.notes == ()


def test_an_encoding_of_plain_bytes_is_read_as_declared(tmp_path):
    page = f'<html><head><meta charset="iso-2022-jp"></head><body><p>{JAPANESE}</p></body></html>'
    (tmp_path / "a.html").write_bytes(page.encode("iso-2022-jp"))
    assert "吾輩は猫である" in one(tmp_path / "a.html").text
