"""`fairgate policy` as its user sees it: lines on the terminal and the exit code."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from policies.load import presets
from proxy.cli import cli

WRONG_KEY = "name: mine\nlimits:\n  text: {wrods: 30}\n"
FAILING = """\
name: mine
tests:
  - {name: a page passes, match: {words: 300, nature: creative}, expect: pass}
  - {name: a page does not, match: {words: 300, nature: creative}, expect: [rewrite, block]}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["policy", *map(str, arguments)])


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str, name: str = "mine.yaml") -> Path:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_check_says_that_a_file_is_well(written) -> None:
    result = run("check", written("name: mine\n"))
    assert result.exit_code == 0
    assert "mine@" in result.output


def test_check_exits_1_and_names_every_file_with_a_fault_in_it(written) -> None:
    wrong, right, worse = written(WRONG_KEY), written("", "right.yaml"), written("mode: off\n", "worse.yaml")
    result = run("check", wrong, right, worse)
    assert result.exit_code == 1
    assert f"{wrong}:3: limits.text.wrods: unknown key; did you mean `words`?" in result.stderr
    assert f"{worse}:1: mode: `off` cannot stand here" in result.stderr
    assert "right@" in result.stdout


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("fairgate"), "policy", "check", tmp_path / "none.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"fairgate: {tmp_path}/none.yaml: cannot be read (no such file or directory)\n"


def test_test_prints_what_was_expected_and_what_came_instead_and_why(written) -> None:
    file = written(FAILING)
    result = run("test", file)
    assert result.exit_code == 1
    assert f"{file}:3: a page passes: expected pass, got rewrite" in result.output
    assert "because a run of 300 words is over the limit of 40" in result.output
    assert "a page does not" not in result.output
    assert "1 of 2 tests as expected" in result.output


def test_test_exits_0_when_all_comes_out_as_expected() -> None:
    result = run("test", *presets())
    assert result.exit_code == 0
    assert result.output.count("as expected") == len(presets())


def test_list_names_every_preset() -> None:
    result = run("list")
    assert [line.partition("@")[0] for line in result.output.splitlines()] == list(presets())


def test_explain_says_what_a_policy_takes_from_balanced_and_what_it_says_itself(written) -> None:
    file = written(
        "mode: monitor\nlimits: {text: {words: 33}}\nbudget: {words: 800, work_share: 0.05, window: 24h}\n"
        "rules:\n  - {when: {opt_out: true, holder: [A, B], over: {work_share: 0.1}}, then: block}\n"
    )
    said = run("explain", file).output
    for part in (
        "mode monitor",
        "text: 33 words in a row, 120 in all, 15% of the work; beyond that rewrite",
        "1. when holder is A or B and opt_out is true and over 10% of the work: at least block",
        "one tenant is given of one work: 800 words, 5% of it in 24 hours",
        "attribute from 0.25, rewrite from 0.6, block from 0.8 on",
    ):
        assert part in said
