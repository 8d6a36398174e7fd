"""Parquet: one work a row, with the facts that its columns hold."""

import subprocess
import sys
from datetime import date

import pyarrow
import pyarrow.parquet
import pytest

from tests.support.corpus_files import PROSE, read, zipped

OTHER = PROSE.replace("April", "March")


def parquet(path, **columns):
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")
    return path


def test_rows_are_works_with_their_facts(tmp_path):
    path = parquet(
        tmp_path / "w.parquet",
        id=[7, 8],
        text=[PROSE, OTHER],
        title=["One", None],
        authors=[["Ada A.", "Bob B."], []],
        license=["CC-BY-4.0", None],
        publication_date=[date(2019, 3, 4), None],
        url=["https://example.org/1", None],
        opt_out=[True, None],
        embedding=[[0.1], [0.2]],
    )
    works, others = read(path)
    assert others == []
    first, second = (item.work for item in works)
    assert (first.id, first.title, first.creators, first.license) == ("7", "One", ("Ada A.", "Bob B."), "CC-BY-4.0")
    assert (first.year, first.url, first.opt_out) == (2019, "https://example.org/1", True)
    assert (second.id, second.license, second.year, second.opt_out) == ("8", None, None, False)
    assert second.title.startswith("It was a bright cold day")
    assert [item.text for item in works] == [PROSE, OTHER]


def test_rows_without_an_id_are_numbered_and_options_fill_what_they_leave_open(tmp_path):
    path = parquet(tmp_path / "w.parquet", content=[PROSE, OTHER], author=["A; B", None], license=["MIT", None])
    works, _ = read(path, license="LicenseRef-x", creators=["Z"])
    assert [item.work.id for item in works] == ["w.parquet/1", "w.parquet/2"]
    assert [item.work.license for item in works] == ["MIT", "LicenseRef-x"]
    assert [item.work.creators for item in works] == [("A", "B"), ("Z",)]


def test_a_cell_that_does_not_fit_is_left_out(tmp_path):
    path = parquet(
        tmp_path / "w.parquet", text=[PROSE], nature=["poetic"], year=["about 1815"], title=[3], kind=["image"]
    )
    (item,), others = read(path)
    assert others == []
    assert (item.work.nature, item.work.year, item.work.kind) == (None, 1815, "text")


def test_rows_without_text_are_passed_over_by_number(tmp_path):
    works, others = read(parquet(tmp_path / "w.parquet", text=[PROSE, None, OTHER]))
    assert len(works) == 2
    assert [(item.fault, item.why) for item in others] == [
        (False, f"`{tmp_path / 'w.parquet'}` row 2 has no text; passed over")
    ]


def test_a_file_without_a_column_of_text_says_how_to_name_it(tmp_path):
    works, others = read(parquet(tmp_path / "w.parquet", words=[PROSE]))
    assert works == []
    assert "has no column of text; name one of its columns `content` or `text`" in others[0].why


def test_a_file_in_an_archive_is_read(tmp_path):
    raw = parquet(tmp_path / "w.parquet", text=[PROSE]).read_bytes()
    works, _ = read(zipped(tmp_path / "a.zip", {"w.parquet": raw}))
    assert [item.work.id for item in works] == ["a.zip/w.parquet/1"]


@pytest.mark.parametrize("keep", [4, 40, 200])
def test_a_damaged_file_is_one_line_and_loses_no_other(tmp_path, keep):
    path = parquet(tmp_path / "w.parquet", text=[PROSE] * 100)
    path.write_bytes(path.read_bytes()[:keep])
    (tmp_path / "z.txt").write_text(OTHER)
    works, others = read(tmp_path)
    assert [item.work.title for item in works] == ["z"]
    assert [(item.fault, "is damaged" in item.why) for item in others] == [(True, True)]


def test_many_equal_rows_are_a_bomb(tmp_path):
    path = parquet(tmp_path / "w.parquet", text=pyarrow.array(["word " * 20_000] * 1000).dictionary_encode())
    assert path.stat().st_size < 100_000
    works, others = read(path)
    assert len(works) < 700
    assert "refused as a bomb" in others[-1].why


def test_without_pyarrow_the_line_names_the_extra(tmp_path):
    path = parquet(tmp_path / "w.parquet", text=[PROSE])
    (tmp_path / "z.txt").write_text(OTHER)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path; from indexes.corpora import find\n"
        f"for item in find([Path({str(path)!r}), Path({str(tmp_path / 'z.txt')!r})]):\n"
        "    print(getattr(item, 'why', item.where if hasattr(item, 'where') else ''))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "w.parquet` is parquet, which needs pyarrow; run `pip install 'fairgate[corpora]'`" in said
    assert "z.txt`" in said
