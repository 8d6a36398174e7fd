import json
import os
import zipfile
from pathlib import Path

import pytest

from indexes.corpora import Read, find
from indexes.errors import UsageError
from indexes.text.form import infer_form

PROSE = "It was a bright cold day in April, and the clocks were striking thirteen.\n"


def read(*paths, **defaults):
    items = list(find(paths, defaults))
    works = [item for item in items if isinstance(item, Read)]
    return works, [item for item in items if not isinstance(item, Read)]


def manifest(folder, *lines):
    path = folder / "works.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


@pytest.fixture
def books(tmp_path):
    folder = tmp_path / "books"
    (folder / "old").mkdir(parents=True)
    (folder / "Emma.txt").write_text(PROSE)
    (folder / "old" / "Clarissa.txt").write_text(PROSE * 2)
    return folder


def test_a_folder_gives_its_files_with_paths_for_ids(books):
    works, others = read(books)
    assert [(item.work.id, item.work.title) for item in works] == [
        ("Emma.txt", "Emma"),
        ("old/Clarissa.txt", "Clarissa"),
    ]
    assert [item.text for item in works] == [PROSE, PROSE * 2]
    assert others == []


def test_a_file_gives_its_name(books):
    works, _ = read(books / "old" / "Clarissa.txt")
    assert [item.work.id for item in works] == ["Clarissa.txt"]


def test_a_path_that_is_not_there_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        find([tmp_path / "nothing"])


def test_options_fill_what_a_manifest_leaves_open(books):
    path = manifest(books, {"path": "Emma.txt", "license": "PDM-1.0"}, {"path": "old/Clarissa.txt"})
    works, _ = read(path, license="LicenseRef-x", creators=["Somebody"])
    assert [item.work.license for item in works] == ["PDM-1.0", "LicenseRef-x"]
    assert works[0].work.creators == ("Somebody",)


def test_a_manifest_says_everything(books):
    said = {
        "path": "Emma.txt",
        "id": "emma",
        "kind": "text",
        "title": "Emma, a Novel",
        "creators": ["Jane Austen"],
        "holder": "H",
        "license": "PDM-1.0",
        "private_to": ["acme"],
        "nature": "creative",
        "form": "novel",
        "year": 1815,
        "url": "https://example.org/emma",
        "market": "out_of_print",
        "opt_out": True,
        "plugin": None,
        "heart": [[0, 10], [20, 30]],
        "tags": ["own"],
    }
    (item,), others = read(manifest(books, said))
    assert others == []
    for key, value in said.items():
        if key == "heart":
            assert item.work.heart == ((0, 10), (20, 30))
        elif key != "path":
            assert getattr(item.work, key) == (tuple(value) if isinstance(value, list) else value)
    assert not item.work.form_inferred


def test_content_stands_for_a_file_and_gets_a_steady_id(tmp_path):
    (first,), _ = read(manifest(tmp_path, {"content": "Some words that are kept here"}))
    (second,), _ = read(manifest(tmp_path, b"", {"content": "Some words that are kept here", "year": 1900}))
    assert first.work.id == second.work.id
    assert first.work.title == "Some words that are kept here"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"path": "Emma.txt"', "is not JSON (expecting ',' delimiter at column"),
        (b"[" * 100_000, "is not JSON (too deep)"),
        (b'["Emma.txt"]', 'is not an object; write {"path": "FILE"}'),
        (b'{"path": "Emma\xff.txt"}', "is not UTF-8 (byte 15)"),
        ({"title": "x"}, "needs either `path` or `content`"),
        ({"path": "Emma.txt", "content": "x y z"}, "needs either `path` or `content`"),
        ({"path": "Emma.txt", "titel": "x"}, "unknown key `titel`; write `title`"),
        ({"path": "Emma.txt", "zzz": 1}, "unknown key `zzz`; keys are path, content"),
        ({"path": 3}, "has `path` as `3`; write a string in quotes"),
        ({"path": "Emma.txt", "title": ""}, 'has `title` as `""`; write a string'),
        ({"path": "Emma.txt", "creators": "Jane"}, 'has `creators` as `"Jane"`; write a list of strings, like ["Jane'),
        ({"path": "Emma.txt", "year": "1815"}, "write a year as a number"),
        ({"path": "Emma.txt", "year": True}, "write a year as a number"),
        ({"path": "Emma.txt", "opt_out": "yes"}, "write true or false"),
        ({"path": "Emma.txt", "nature": "poetic"}, 'write one of "creative", "factual", "functional"'),
        ({"path": "Emma.txt", "market": "sold"}, 'write one of "in_print"'),
        ({"path": "Emma.txt", "heart": [[5, 5]]}, "write intervals of code points"),
        ({"path": "Emma.txt", "heart": [[5, 5000]]}, "`heart` has [5, 5000], but the text has 74 code points"),
        ({"path": "Emma.txt", "kind": "image"}, "images are not indexed yet"),
        ({"path": "../secret.txt"}, "leaves the manifest's folder"),
        ({"path": "old/../../secret.txt"}, "leaves the manifest's folder"),
        ({"path": "/etc/passwd"}, "leaves the manifest's folder"),
        ({"path": "link.txt"}, "is a symbolic link"),
        ({"path": "linked/secret.txt"}, "is a symbolic link"),
        ({"path": "old"}, "is not a file"),
        ({"path": "nothing.txt"}, "is not a file; `path` is relative to the manifest's folder"),
        ({"path": "Emma.txt\x00"}, "holds a NUL"),
        (b'{"path": "Emma.txt", "title": "\\ud800"}', "with half a character"),
        (b'{"path": "Emma.txt", "tags": ["ok", "\\udfff"]}', "with half a character"),
        ({"path": "books.zip"}, "is an archive, which may hold many works"),
    ],
)
def test_a_wrong_line_is_named_and_loses_no_other(books, line, said):
    (books.parent / "secret.txt").write_text("the secret words of another folder")
    (books / "link.txt").symlink_to(books.parent / "secret.txt")
    (books / "linked").symlink_to(books.parent)
    with zipfile.ZipFile(books / "books.zip", "w") as archive:
        archive.writestr("a.txt", PROSE)
    path = manifest(books, {"path": "old/Clarissa.txt"}, line, {"content": "the last of the three"})
    works, others = read(path)
    assert len(works) == 2
    assert len(others) == 1
    assert others[0].fault
    assert others[0].why.startswith(f"{path}:2:")
    assert said in others[0].why
    assert "\n" not in others[0].why


def test_what_is_not_text_is_passed_over_with_a_line(books):
    (books / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (books / "tiny.txt").write_text("two words")
    (books / "empty.txt").write_text("")
    (books / "link.txt").symlink_to(books / "Emma.txt")
    (books / "more.jsonl").write_text("{}")
    (books / ".hidden.txt").write_text(PROSE)
    works, others = read(books)
    assert len(works) == 2
    assert [item.fault for item in others] == [False] * 5
    said = "\n".join(item.why for item in others)
    for words in ("picture.png` is not text", "tiny.txt` has fewer than 3 words", "symbolic link", "is a manifest"):
        assert words in said


def test_a_file_in_another_encoding_is_read_and_says_so(books):
    (books / "A.txt").write_bytes(b"Un caf\xe9 au lait\npour l'\xe9t\xe9")
    works, others = read(books)
    assert len(works) == 3
    assert others == []
    assert works[0].text == "Un café au lait\npour l'été"
    assert works[0].notes == (f"`{books / 'A.txt'}` is not UTF-8 (line 1); read as cp1252",)
    assert works[1].notes == ()


def test_a_file_name_that_is_not_utf_8_is_a_fault_that_loses_no_other(books):
    try:
        Path(os.fsdecode(bytes(books) + b"/caf\xe9.txt")).write_text(PROSE)
    except OSError:
        pytest.skip("this file system takes no such name")
    works, others = read(books)
    assert len(works) == 2
    assert [item.fault for item in others] == [True]
    assert "with half a character" in others[0].why


def test_one_id_twice_is_refused_with_both_places(books, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "Emma.txt").write_text(PROSE)
    works, others = read(books, other)
    assert len(works) == 2
    assert len(others) == 1
    assert others[0].fault
    assert str(other / "Emma.txt") in others[0].why
    assert str(books / "Emma.txt") in others[0].why


def test_a_path_given_twice_is_read_once(books):
    works, others = read(books, books / "old", books)
    assert [item.work.id for item in works] == ["Emma.txt", "old/Clarissa.txt", "Clarissa.txt"]
    assert [item.fault for item in others] == [False, False]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + PROSE.encode())
    path = manifest(tmp_path, b'\xef\xbb\xbf{"path": "a.txt"}')
    (item,), others = read(path)
    assert item.text == PROSE
    assert others == []


def test_line_ends_are_kept_so_that_offsets_stay_true(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree\n")
    (item,), _ = read(tmp_path / "a.txt")
    assert item.text == "one\r\ntwo\rthree\n"


def test_sizes_add_up_to_the_whole(books):
    path = manifest(books, {"path": "Emma.txt"}, {"content": "three more words"})
    corpus = find([books / "Emma.txt", path])
    assert sum(item.size for item in corpus) == corpus.size


WIND = "Who has seen the wind?\nNeither I nor you:\nBut when the leaves hang trembling,\nThe wind is passing through."
FOG = "The fog comes\non cat feet.\n\nIt sits looking\nover harbor and city\non silent haunches\nand then moves on."
WRAPPED = (
    "Call me Ishmael. Some years ago, never mind how long\nprecisely, having little or no money in my purse, and\n"
    "nothing particular to interest me on shore, I thought\nI would sail about a little and see the watery part\n"
    "of the world. It is a way I have of driving off the\nspleen and regulating the circulation."
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (WIND, "poem"),
        (FOG, "poem"),
        (WRAPPED, "prose"),
        (PROSE * 9, "prose"),
        (PROSE.replace("\n", " ") * 50, "prose"),
        ("白日依山盡，\n黃河入海流。\n欲窮千里目，\n更上一層樓。", "poem"),  # noqa: RUF001 (a poem)
        ("one line only", "prose"),
        ("", "prose"),
    ],
)
def test_verse_is_told_from_prose_by_its_lines(text, form):
    assert infer_form(text) == form


def test_an_inferred_form_says_so(tmp_path):
    (tmp_path / "wind.txt").write_text(WIND)
    (item,), _ = read(tmp_path / "wind.txt")
    assert (item.work.form, item.work.form_inferred) == ("poem", True)
