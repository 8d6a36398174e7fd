"""The sample works, indexed, against what the sample generator says."""

from itertools import islice
from pathlib import Path

import pytest

from indexes.store import Store
from indexes.text.index import SegmentIndex
from proxy.demo.answers import RECITAL, compose, cut
from proxy.demo.asks import read_ask
from proxy.demo.prose import sentences
from proxy.demo.sample_index import build_sample_index
from proxy.demo.shelf import SampleWork, load_works, samples_folder

WORKS = load_works(samples_folder())


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SegmentIndex:
    directory = tmp_path_factory.mktemp("samples")
    assert build_sample_index(directory) == len(WORKS)
    snapshot = Store(directory).snapshot()
    return SegmentIndex(snapshot.segments, snapshot.revision)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.id)
def test_a_recited_work_is_found_from_its_first_word_to_its_last(index: SegmentIndex, work: SampleWork) -> None:
    said = "".join(compose(read_ask(f"recite {work.title}", WORKS), WORKS, 1).pieces)
    longest = max(index.scan(said), key=lambda match: match.words)
    assert longest.work.id == work.id
    assert longest.output.start == 0
    recital = "".join(cut(work.recital)[:RECITAL])
    assert said.startswith(recital)
    assert not any(character.isalnum() for character in recital[longest.output.end :])
    assert longest.output.end <= len(recital)


def test_a_quotation_is_the_only_match_in_its_answer(index: SegmentIndex) -> None:
    said = "".join(compose(read_ask("quote The Raven", WORKS), WORKS, 1).pieces)
    assert [(match.work.id, match.words) for match in index.scan(said)] == [("demo/the-raven", 25)]


def test_prose_matches_nothing(index: SegmentIndex) -> None:
    for seed in range(40):
        assert index.scan("".join(islice(sentences(seed), 60))) == ()


def test_a_work_that_plays_a_protected_one_says_so(tmp_path: Path) -> None:
    build_sample_index(tmp_path)
    for work in Store(tmp_path).works():
        plays = "plays-a-protected-work" in work.tags
        assert plays is (work.license == "LicenseRef-demo-protected")
        assert plays or work.license == "PDM-1.0"
        assert "public-domain-in-fact" in work.tags or "public-domain" in work.tags


def test_the_origin_of_every_work_is_named() -> None:
    sources = (samples_folder() / "SOURCES.txt").read_text(encoding="utf-8")
    for file in samples_folder().glob("*.txt"):
        assert file.name == "SOURCES.txt" or file.name in sources


def test_the_samples_are_small() -> None:
    assert sum(file.stat().st_size for file in samples_folder().iterdir()) < 1_500_000
