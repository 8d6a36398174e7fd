"""`fairgate index add --embeddings`, with the static vectors of the default set-up."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexes.store import Store
from indexes.text.embeddings import open_candidates
from indexes.text.embeddings_models import open_cascade
from proxy.cli import cli

TOLD = "The old fisherman had rowed out before dawn, and when the storm broke he could no longer see the harbour."
RETOLD = "An aged angler set off in his boat while it was dark; then came the tempest, and the port was lost to sight."


@pytest.fixture
def works(tmp_path: Path) -> Path:
    folder = tmp_path / "works"
    folder.mkdir()
    (folder / "sea.txt").write_text(TOLD)
    (folder / "tax.txt").write_text("The levy is due on the first day of the quarter that follows the assessment.")
    return folder


def add(works: Path, index: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["index", "add", str(works), "--index", str(index), *options])


def test_works_are_found_by_what_they_mean_after_other_processes_read_them(works: Path, tmp_path: Path) -> None:
    done = add(works, tmp_path / "index", "--embeddings", "static", "--jobs", "2", "--json")
    assert done.exit_code == 0, done.output
    assert sorted(json.loads(done.stdout)["added"]) == ["sea.txt", "tax.txt"]
    candidates = open_candidates(Store(tmp_path / "index").snapshot().segments, open_cascade("static"))
    assert candidates is not None
    assert candidates.find([RETOLD])[0][0].work.id == "sea.txt"


def test_vectors_are_made_for_works_that_are_in_the_index_without(works: Path, tmp_path: Path) -> None:
    add(works, tmp_path / "index")
    assert "2 updated" in add(works, tmp_path / "index", "--embeddings", "static").output
    assert "2 unchanged" in add(works, tmp_path / "index", "--embeddings", "static").output
    assert "2 unchanged" in add(works, tmp_path / "index").output
    assert Store(tmp_path / "index").stats()["embedded"] == 2


def test_signatures_alone_and_vectors_exclude_each_other(works: Path, tmp_path: Path) -> None:
    done = add(works, tmp_path / "index", "--embeddings", "static", "--minhash-only")
    assert "leave out `--embeddings`" in str(done.exception)
    assert not (tmp_path / "index").exists()


def test_a_model_that_is_not_here_is_said_before_anything_is_read(works: Path, tmp_path: Path) -> None:
    done = add(works, tmp_path / "index", "--embeddings", str(tmp_path / "nowhere"))
    assert "nowhere" in str(done.exception)
    assert not (tmp_path / "index").exists()
