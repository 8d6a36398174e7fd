import json

import numpy as np
import pytest

from indexes.errors import UsageError
from indexes.store import Store
from proxy.ledger.lookup import work_wanted
from tests.support.commands import fairgate


def prose(seed: int, count: int = 300) -> str:
    return " ".join(f"word{number}" for number in np.random.default_rng(seed).integers(0, 9000, count))


@pytest.fixture
def folder(tmp_path):
    books = tmp_path / "books"
    books.mkdir()
    for name, text in {"one": prose(1), "two": prose(2), "copy": prose(1), "tail": prose(2) + " " + prose(3)}.items():
        (books / f"{name}.txt").write_text(text)
    return tmp_path


def test_duplicates_are_listed_exactly_where_tokens_are_kept(folder):
    assert fairgate(folder, "index", "add", "books").returncode == 0
    done = fairgate(folder, "index", "duplicates")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "copy.txt\tone.txt\tjaccard 1.00\tfirst in second 1.00\tsecond in first 1.00\texact",
        "tail.txt\ttwo.txt\tjaccard 0.50\tfirst in second 0.50\tsecond in first 1.00\texact",
    ]
    assert "2 pairs in 2 clusters among 4 works" in done.stderr
    said = json.loads(fairgate(folder, "index", "duplicates", "--json", "--threshold", "0.9").stdout)
    assert (said["works"], said["threshold"], said["clusters"]) == (
        4,
        0.9,
        [["copy.txt", "one.txt"], ["tail.txt", "two.txt"]],
    )
    assert said["pairs"][0]["exact"] == {"jaccard": 1.0, "a_in_b": 1.0, "b_in_a": 1.0}


def test_wrong_thresholds_and_missing_indexes_are_said(folder):
    for threshold in ("0", "1.5", "much"):
        assert fairgate(folder, "index", "duplicates", "--threshold", threshold).returncode == 2
    assert fairgate(folder, "index", "duplicates").returncode == 3
    assert "duplicates" in fairgate(folder, "index", "--help").stdout


@pytest.mark.parametrize("family", ["affine32", "densified", "legacy"])
def test_a_corpus_held_by_signatures_is_checked_and_says_what_it_does_not_promise(folder, family):
    done = fairgate(folder, "index", "add", "books", "--minhash-only", "--minhash-family", family)
    assert done.returncode == 0
    shown = json.loads(fairgate(folder, "index", "show", "one.txt", "--json").stdout)
    assert (shown["minhash_only"], shown["verbatim_promise"], shown["text_kept"], shown["words"]) == (
        True,
        False,
        False,
        300,
    )
    assert "verbatim_promise: False" in fairgate(folder, "index", "show", "one.txt").stdout
    stats = fairgate(folder, "index", "stats", "--json")
    assert (json.loads(stats.stdout)["minhash_only"], json.loads(stats.stdout)["grams"]) == (4, 0)
    assert "4 works are held by signatures alone: no promise on verbatim copies" in stats.stderr
    copied = fairgate(folder, "check", "--json", stdin=prose(1).encode())
    said = json.loads(copied.stdout)
    (match, *_) = said["matches"]
    assert (match["detector"], match["work"]["id"] in {"one.txt", "copy.txt"}) == ("near", True)
    assert match["identity"] > 0.9
    clean = fairgate(folder, "check", "--json", stdin=prose(77).encode())
    assert (clean.returncode, json.loads(clean.stdout)["matches"]) == (0, [])
    listed = fairgate(folder, "index", "duplicates").stdout.splitlines()
    assert [line.split("\t")[:2] for line in listed] == [["copy.txt", "one.txt"], ["tail.txt", "two.txt"]]
    assert all(line.endswith("estimated") for line in listed)


def test_a_work_with_grams_promises_as_ever(folder):
    fairgate(folder, "index", "add", "books")
    shown = json.loads(fairgate(folder, "index", "show", "one.txt", "--json").stdout)
    assert (shown["minhash_only"], shown["verbatim_promise"]) == (False, True)
    assert fairgate(folder, "index", "stats").stderr == ""


def test_what_was_said_of_a_work_held_by_signatures_is_not_looked_up_as_if_it_were_known(folder):
    fairgate(folder, "index", "add", "books", "--minhash-only")
    with pytest.raises(UsageError, match="keeps signatures alone; give its text instead"):
        work_wanted(Store(folder / "fairgate-index"), "one.txt")
