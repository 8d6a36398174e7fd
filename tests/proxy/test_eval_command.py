"""`fairgate eval` as its user sees it: a table, JSON, a page, one line where there is nothing to measure."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from proxy.evaluation.model import Chart, Figure, Line, Result, Target
from proxy.evaluation.page import page
from proxy.evaluation.report import as_json, table
from proxy.evaluation.run import evaluate, steps
from tests.support.commands import fairgate
from tests.support.evaluation import PAIRS, TINY, folder, write_pairs


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return evaluate(folder(tmp_path_factory.mktemp("sets")), TINY)


def figure(result: Result, measure: str, method: str = "verbatim", part: str = "") -> Figure:
    (found,) = (each for each in result.figures if (each.measure, each.method, each.part) == (measure, method, part))
    return found


def of_set(result: Result, name: str) -> Result:
    return Result([each for each in result.figures if each.set == name])


def test_everything_under_a_folder_of_ones_own_is_measured(measured: Result) -> None:
    assert {each.set for each in measured.figures} == {
        "small",
        "planted_pairs",
        "planted",
        "edits",
        "disguises",
        "spans",
        "clean",
        "leaks",
    }
    assert {each.title.partition(",")[0] for each in measured.charts} >= {
        "ROC",
        "Recall by edit rate and length",
        "ROC by disguise",
        "Longest run that leaves",
    }


def test_what_is_planted_is_found_and_what_is_clean_passes(measured: Result) -> None:
    assert figure(measured, "recall of copies of 8+ words").value == 1
    assert figure(measured, "recall at 100 words", part="0% edited").value == 1
    assert figure(measured, "PlagDet", part="0% edited").value > 0.9
    assert figure(measured, "false blocks per 1,000", "policy balanced", "clean").value == 0
    assert figure(measured, "recall at 60 words", part="swapped case").value == 1


def test_no_copy_leaves_beyond_the_limit(measured: Result) -> None:
    assert figure(measured, "longest leaked run, common words aside", "policy balanced").value == 40
    assert figure(measured, "longest leaked run", "no filter").value > 40


def test_baselines_are_run_beside_ours(measured: Result) -> None:
    names = {each.method for each in measured.figures if each.role == "baseline" and each.set in ("small", "spans")}
    assert {
        "ROUGE-L",
        "QUIP-25",
        "word winnowing",
        "tf-idf cosine",
        "4-gram containment",
        "Passim-style chaining",
    } <= names
    assert figure(of_set(measured, "small"), "AUC", "ROUGE-L").value == 1


def test_the_same_folder_gives_the_same_figures(measured: Result, tmp_path: Path) -> None:
    again = dict(steps(folder(tmp_path), TINY))
    for name in ("spans", "leaks"):
        assert again[name]().figures == of_set(measured, name).figures


def test_what_was_made_from_a_source_is_told_with_a_probability(measured: Result) -> None:
    assert figure(of_set(measured, "small"), "calibration error", "semantic").value < 0.5
    assert figure(measured, "PlagDet", "with semantic", "0% edited").value > 0.9
    assert {each.title for each in measured.charts} >= {"Reliability, small", "Reliability, planted_pairs"}


def test_edits_and_disguises_are_measured_each_by_itself(measured: Result) -> None:
    pairs = of_set(measured, "planted_pairs")
    assert figure(pairs, "AUC", part="swapped case").value == 1
    assert figure(pairs, "AUC", part="30% edited").role == "detector"
    assert not any("TPR" in line and "edited" in line for line in table(measured))


def test_the_json_holds_every_figure_with_its_interval(measured: Result) -> None:
    said = json.loads(json.dumps(as_json(measured, {"mode": "quick"})))
    assert said["mode"] == "quick"
    assert len(said["figures"]) == len(measured.figures)
    recall = next(each for each in said["figures"] if each["measure"] == "recall of copies of 8+ words")
    assert recall["value"] == 1
    assert recall["interval"]["low"] == pytest.approx(0.757, abs=0.001)
    assert recall["target"] == {"said": "= 1", "met": True}
    assert said["targets"]["met"] + said["targets"]["missed"] == sum(
        each["target"] is not None for each in said["figures"]
    )


def test_the_table_names_baseline_target_and_what_is_missed() -> None:
    result = Result(
        [
            Figure("set", "AUC", "ours", 0.5, 10, target=Target("at least 0.9", met=False)),
            Figure("set", "AUC", "plain", 0.7, 10, role="baseline"),
            Figure("set", "AUC", "plainer", 0.6, 10, role="baseline"),
        ]
    )
    head, row, _, counts, missed = table(result)
    assert re.split(r"\s{2,}", head)[:3] == ["set", "measure", "of"]
    assert re.split(r"\s{2,}", row) == ["set", "AUC", "ours", "0.5000", "10", "0.7000 plain", "at least 0.9", "missed"]
    assert counts == "0 of 1 targets met"
    assert missed == "missed: set: AUC 0.5000 by ours, target at least 0.9"


class Links(HTMLParser):
    """What a page would fetch or run, and its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [tag for name, _ in attrs if name in ("src", "href", "onload")]
        self.outside += [tag] if tag in ("script", "link", "iframe", "img", "object") else []


def test_the_page_fetches_nothing_and_its_pictures_are_well_formed(measured: Result) -> None:
    said = page(measured, {"folder": "<b>"})
    links = Links()
    links.feed(said)
    assert links.outside == []
    assert "<b>" not in said
    assert "url(" not in said
    pictures = re.findall(r"<svg.*?</svg>", said, re.DOTALL)
    assert len(pictures) == len(measured.charts)
    for picture, chart in zip(pictures, measured.charts, strict=True):
        drawn = ElementTree.fromstring(picture)  # noqa: S314 (our own)
        names = {each.text for each in drawn.iter("text")}
        assert {line.name for line in chart.lines} <= names
        numbers = [float(each) for line in drawn.iter("polyline") for each in re.split("[ ,]", line.get("points", "0"))]
        assert all(0 <= each <= 640 for each in numbers)


def test_a_chart_without_points_is_drawn_empty() -> None:
    assert "<svg" in page(Result([], [Chart("none", "x", "y", (Line("a", ()),))]), {})


def test_what_a_set_is_called_breaks_no_picture() -> None:
    said = page(Result([], [Chart("<t>", "<x>", "&", (Line("<l>", ((0.0, 0.0), (1.0, 2.0))),), kind="bars")]), {})
    (picture,) = re.findall(r"<svg.*?</svg>", said, re.DOTALL)
    drawn = ElementTree.fromstring(picture)  # noqa: S314 (our own)
    assert drawn.get("aria-label") == "<t>"
    assert {"<x>", "&", "<l>"} <= {each.text for each in drawn.iter("text")}
    assert [each.text for each in drawn.iter("title")] == ["<l>, up to 0: 0", "<l>, up to 1: 2"]


def test_a_set_with_one_label_alone_is_left_out_by_name(tmp_path: Path) -> None:
    write_pairs(tmp_path, "one", PAIRS[:3])
    result = evaluate(tmp_path, TINY)
    assert result.figures == []
    assert result.notes == ["one: left out, it needs pairs that are copied and pairs that are not"]


def test_a_folder_without_sets_is_one_clear_line(tmp_path: Path) -> None:
    done = fairgate(tmp_path, "eval", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"fairgate: `{tmp_path}` holds no labelled sets; put pairs in `sets/NAME.jsonl`")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = fairgate(tmp_path, "eval", "nowhere")
    assert (done.returncode, done.stderr.partition(";")[0]) == (2, "fairgate: `nowhere` is no folder")


def test_the_command_prints_json_alone_and_writes_the_page(tmp_path: Path) -> None:
    write_pairs(tmp_path, "small", PAIRS)
    done = fairgate(tmp_path, "eval", ".", "--quick", "--json", "--html", "out.html")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["mode"], said["folder"]) == ("quick", ".")
    assert {each["set"] for each in said["figures"]} == {"small"}
    assert (tmp_path / "out.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_page_that_cannot_be_written_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    done = fairgate(tmp_path, "eval", ".", "--html", "no/out.html")
    assert (done.returncode, done.stderr.partition(";")[0]) == (2, "fairgate: `no` is no folder")


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    write_pairs(tmp_path, "small", PAIRS)
    done = fairgate(tmp_path, "eval", ".", "--quick")
    assert done.returncode == 0
    assert re.search(r"^small +AUC +verbatim +0\.\d+ +0\.\d+ to \d\.\d+ +6 +1 ", done.stdout, re.MULTILINE)
