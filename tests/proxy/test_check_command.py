"""`fairgate check`: exit codes, what is printed where, and input that cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest

from indexes.model import Work
from indexes.store import Store
from tests.support.bench import CLEAN, WORK
from tests.support.commands import Done, fairgate

WORDS = WORK.split()
SHORT, LONG = " ".join(WORDS[100:125]), " ".join(WORDS[100:200])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("check")
    work = Work(id="work", title="The Work", creators=("A. Writer",), nature="creative", form="novel")
    list(Store(made / "fairgate-index").add([(work, WORK)]))
    texts = {"clean": CLEAN, "short": SHORT, "long": f"{CLEAN} {LONG} {CLEAN}"}
    for name, text in texts.items():
        (made / f"{name}.txt").write_text(text, encoding="utf-8")
    (made / "latin.txt").write_bytes(b"caf\xe9")
    (made / "blocking.yaml").write_text("limits: {text: {words: 40, over: block}}\n", encoding="utf-8")
    return made


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> Done:
    return fairgate(folder, "check", *arguments, stdin=stdin)


def one_line(done: Done) -> str:
    """What was said of a fault: one line on stderr, nothing on stdout."""
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("fairgate: ")
    return lines[0]


@pytest.mark.parametrize(
    ("file", "code", "action"), [("clean.txt", 0, "pass"), ("short.txt", 0, "attribute"), ("long.txt", 1, "rewrite")]
)
def test_the_exit_code_says_whether_the_text_may_stand(folder: Path, file: str, code: int, action: str) -> None:
    done = run(folder, file)
    assert done.returncode == code
    assert done.stdout.startswith(f"{action}  score ")
    assert done.stderr == ""


def test_a_block_is_one_as_well_as_a_rewrite(folder: Path) -> None:
    done = run(folder, "long.txt", "--policy", "blocking.yaml")
    assert (done.returncode, done.stdout.split()[0]) == (1, "block")


def test_a_person_is_told_where_what_and_why(folder: Path) -> None:
    said = run(folder, "long.txt").stdout
    start = len(CLEAN) + 1
    assert f"{start}-{start + len(LONG)}: 100 words of The Work by A. Writer [work]" in said
    assert "because a run of 100 words is over the limit of 40" in said
    assert "factors: purpose" in said


@pytest.mark.parametrize(("file", "code"), [("clean.txt", 0), ("long.txt", 1)])
def test_json_is_one_document_and_nothing_else(folder: Path, file: str, code: int) -> None:
    done = run(folder, file, "--json")
    assert done.returncode == code
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["content_filter_results"]["protected_material_text"]["detected"] is bool(code)
    assert found["policy"].startswith("balanced@")
    assert len(found["index"]) == 16
    if code:
        [match] = found["matches"]
        text = (folder / file).read_text(encoding="utf-8")
        assert text[match["start"] : match["end"]] == LONG
        assert WORK[match["source_start"] : match["source_end"]] == LONG
        assert (match["words"], match["work"]["id"]) == (100, "work")


def test_what_the_request_gave_grounds_the_text(folder: Path) -> None:
    assert run(folder, "long.txt", "--grounding", "long.txt").returncode == 0
    found = json.loads(run(folder, "long.txt", "--grounding", "long.txt", "--json").stdout)
    assert [match["grounded"] for match in found["matches"]] == [True]
    assert run(folder, "long.txt", "--grounding", "clean.txt").returncode == 1


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input_is_read_where_no_file_is_named(folder: Path, arguments: tuple[str, ...]) -> None:
    assert run(folder, *arguments, stdin=CLEAN.encode()).returncode == 0
    assert run(folder, *arguments, stdin=b"\xef\xbb\xbf" + LONG.encode()).returncode == 1
    assert run(folder, *arguments).returncode == 0


def test_a_purpose_moves_the_score(folder: Path) -> None:
    def score(*more: str) -> float:
        found: float = json.loads(run(folder, "short.txt", "--json", *more).stdout)["score"]
        return found

    assert score("--purpose", "parody") < score() < score("--purpose", "reproduction")


WRONG = {
    "a file that is not there": (("nofile.txt",), "`nofile.txt` cannot be read (no such file or directory)"),
    "a folder": ((".",), "`.` cannot be read (is a directory)"),
    "not UTF-8": (("latin.txt",), "`latin.txt` is not UTF-8 text (byte 3); convert it first"),
    "grounding that is not there": (("clean.txt", "--grounding", "nofile"), "`nofile` cannot be read"),
    "grounding that is not UTF-8": (("clean.txt", "--grounding", "latin.txt"), "`latin.txt` is not UTF-8 text"),
    "text and grounding both from standard input": (("-", "--grounding", "-"), "name a file for one of them"),
    "two files": (("clean.txt", "short.txt"), "unexpected extra argument"),
    "an unknown option": (("clean.txt", "--polcy", "x"), "No such option"),
    "an unknown policy": (("clean.txt", "--policy", "nope"), "no policy `nope`: name a file or one of balanced,"),
    "an unknown purpose": (("clean.txt", "--purpose", "fun"), "'fun' is not one of"),
    "images": (("clean.txt", "--kind", "image"), "images are not checked yet"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_usage_is_2_with_one_line(folder: Path, arguments: tuple[str, ...], said: str, *, as_json: bool) -> None:
    done = run(folder, *arguments, *(["--json"] if as_json else []))
    assert done.returncode == 2
    assert said in one_line(done)


def test_standard_input_that_is_not_utf_8_is_called_so(folder: Path) -> None:
    assert "standard input is not UTF-8 text (byte 0)" in one_line(run(folder, stdin=b"\xff"))


def test_without_an_index_it_could_not_look(folder: Path) -> None:
    done = run(folder, "clean.txt", "--index", "nowhere")
    assert done.returncode == 3
    assert "there is no index in `nowhere`; make one with `fairgate index add PATH`" in one_line(done)


def test_an_index_that_holds_nothing_is_none(folder: Path) -> None:
    store = Store(folder / "emptied")
    list(store.add([(Work(id="x", title="X"), WORK)]))
    store.remove(["x"])
    done = run(folder, "clean.txt", "--index", "emptied")
    assert done.returncode == 3
    assert "holds no works" in one_line(done)


def test_a_folder_that_is_a_file_is_no_index(folder: Path) -> None:
    done = run(folder, "clean.txt", "--index", "clean.txt")
    assert done.returncode == 3
    one_line(done)
