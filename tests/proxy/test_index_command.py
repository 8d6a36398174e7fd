import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli import cli, main

PROSE = "It was a bright cold day in April, and the clocks were striking thirteen.\n"


@pytest.fixture
def books(tmp_path):
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "Emma.txt").write_text(PROSE)
    (folder / "Clarissa.txt").write_text(PROSE.replace("April", "March"))
    return folder


@pytest.fixture
def index(tmp_path):
    return tmp_path / "index"


@pytest.fixture
def run(index, capsys, monkeypatch):
    """Runs `fairgate index ...` as the user does: exit code, standard output, standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["fairgate", "index", *map(str, words), "--index", str(index)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return stopped.value.code, out, err

    return call


def test_adding_says_what_it_did_and_adding_again_changes_nothing(run, books):
    code, out, err = run("add", books)
    assert (code, err) == (0, "")
    assert out.startswith("2 added; ")
    revision = out.split()[-1]
    code, out, err = run("add", books)
    assert (code, err) == (0, "")
    assert out.startswith("0 added, 2 unchanged; ")
    assert out.split()[-1] == revision


def test_what_comes_in_many_small_pieces_brings_a_hint_until_it_is_compacted(run, tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text(PROSE.replace("thirteen", f"some number {number}"))
        code, out, err = run("add", tmp_path / f"{number}.txt", "--json")
        hint = f"fairgate: {number + 1} segments: `fairgate index compact` makes look-ups faster\n"
        assert (code, err) == (0, hint if number >= 7 else "")
        assert len(json.loads(out)["added"]) == 1
    assert run("add", tmp_path / "1.txt")[2] == ""  # nothing is new
    run("compact")
    (tmp_path / "9.txt").write_text(PROSE)
    assert run("add", tmp_path / "9.txt")[2] == ""


def test_replacing_is_said(run, books):
    run("add", books)
    (books / "Emma.txt").write_text("Another text that was written since then")
    code, out, err = run("add", books)
    assert code == 0
    assert "1 replaced, 1 unchanged" in out
    assert err == "fairgate: `Emma.txt` had another content; replaced\n"


def test_json_is_one_document_and_lines_go_to_standard_error(run, books):
    (books / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    (books / "old.txt").write_bytes(b"Un caf\xe9 au lait")
    (books / "tiny.txt").write_text("x")
    code, out, err = run("add", books, "--json")
    said = json.loads(out)
    assert code == 1
    assert said["added"] == ["Clarissa.txt", "Emma.txt", "old.txt"]
    assert len(said["faults"]) == len(said["skipped"]) == len(said["notes"]) == 1
    assert len(err.splitlines()) == 3
    assert len(said["revision"]) == 16


def test_a_bad_work_does_not_lose_the_others(run, tmp_path):
    path = tmp_path / "works.jsonl"
    path.write_text(
        '{"content": "one two three four", "id": "a"}\n{"contents": 1}\n{"content": "five six seven", "id": "b"}\n'
    )
    code, out, err = run("add", path)
    assert code == 1
    assert out.startswith("2 added, 1 at fault; ")
    assert err == f"fairgate: {path}:2: has the unknown key `contents`; write `content`\n"


def test_facts_given_as_options_are_kept(run, books):
    words = ("--title", "Emma, a Novel", "--creator", "Jane Austen", "--license", "PDM-1.0", "--nature", "creative")
    assert run("add", books / "Emma.txt", *words, "--holder", "H", "--url", "https://x/")[0] == 0
    code, out, _ = run("show", "Emma.txt", "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["title"], said["creators"], said["license"]) == ("Emma, a Novel", ["Jane Austen"], "PDM-1.0")
    assert (said["nature"], said["holder"], said["url"], said["text_kept"]) == ("creative", "H", "https://x/", True)
    assert "title: Emma, a Novel" in run("show", "Emma.txt")[1]


def test_no_name_breaks_a_line_or_moves_a_cursor(run, tmp_path):
    path = tmp_path / "works.jsonl"
    path.write_text(json.dumps({"content": "one two three", "id": "a\n\tb", "title": "\x1b[2J\nTitle"}))
    assert run("add", path)[0] == 0
    for words in (("list",), ("show", "a\n\tb")):
        code, out, _ = run(*words)
        assert code == 0
        assert "\x1b" not in out
    assert len(run("list")[1].splitlines()) == 1
    assert run("remove", "x\ny")[2].count("\n") == 1


def test_a_name_that_is_not_utf_8_is_said(run, books):
    try:
        Path(os.fsdecode(bytes(books) + b"/caf\xe9.txt")).write_text(PROSE)
    except OSError:
        pytest.skip("this file system takes no such name")
    code, out, err = run("add", books)
    assert code == 1
    assert out.startswith("2 added, 1 at fault")
    assert "half a character" in err


def test_one_title_for_many_works_is_refused(run, books):
    code, out, err = run("add", books, "--title", "All")
    assert (code, out) == (2, "")
    assert err == "fairgate: `--title` names one work; give one file, or titles in a manifest\n"


def test_fingerprints_only_keeps_no_text(run, books, index):
    run("add", books, "--fingerprints-only")
    assert json.loads(run("show", "Emma.txt", "--json")[1])["text_kept"] is False
    assert not list(index.rglob("texts.zst"))


def test_listing_removing_and_counting(run, books):
    run("add", books)
    assert [line.split("\t")[0] for line in run("list")[1].splitlines()] == ["Clarissa.txt", "Emma.txt"]
    code, out, err = run("remove", "Emma.txt", "nobody", "--json")
    assert code == 1
    assert (json.loads(out)["removed"], json.loads(out)["missing"]) == (["Emma.txt"], ["nobody"])
    assert "no work `nobody`" in err
    assert [work["id"] for work in json.loads(run("list", "--json")[1])["works"]] == ["Clarissa.txt"]
    stats = json.loads(run("stats", "--json")[1])
    assert (stats["works"], stats["words"], stats["removed"], stats["kinds"]) == (1, 14, 1, {"text": 1})
    assert "works: 1" in run("stats")[1]
    assert run("show", "Emma.txt")[0] == 1


def test_verify_finds_a_damaged_byte(run, books, index):
    run("add", books)
    assert run("verify")[0] == 0
    path = next(index.rglob("arrays.bin"))
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"?" + whole[101:])
    code, out, err = run("verify", "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False
    assert "arrays.bin" in err
    code, out, err = run("list")
    assert (code, out) == (3, "")
    assert err.startswith("fairgate: index file ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [("list",), ("show", "x"), ("remove", "x"), ("verify",), ("stats",)])
def test_a_missing_index_is_said_in_one_line(run, index, words):
    code, out, err = run(*words)
    assert (code, out) == (3, "")
    assert err == f"fairgate: there is no index in `{index}`; make one with `fairgate index add PATH`\n"
    assert not index.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "nowhere"), "`nowhere` is neither a file nor a folder"),
        (("add",), "Missing argument"),
        (("add", ".", "--kind", "image"), "images are not indexed yet"),
        (("add", ".", "--kind", "song"), "song"),
        (("frobnicate",), "No such"),
    ],
)
def test_wrong_usage_is_code_two(run, words, said):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert said in err


def test_help_names_the_commands():
    said = CliRunner().invoke(cli, ["index", "--help"]).output
    assert all(name in said for name in ("add", "list", "show", "remove", "verify", "stats"))


def test_a_terminal_sees_a_progress_bar_and_a_pipe_does_not(books, index):
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-c",
        "from proxy.cli import main; main()",
        "index",
        "add",
        str(books),
        "--index",
        str(index),
    ]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}, check=True
    )
    os.close(theirs)
    assert b"reading" in os.read(ours, 1 << 16)
    os.close(ours)
    assert done.stdout.startswith(b"2 added")
