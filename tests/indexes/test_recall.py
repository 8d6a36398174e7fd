"""Every copy of eight words or more of twenty real books is found, and novels by others are let pass."""

from pathlib import Path
from random import Random

import pytest

from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from tests.support.recall import Planter, books, passages, texts

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PLANTS = 300
CLEAN = 600

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def index() -> SegmentIndex:
    return SegmentIndex([TextSegment.from_texts(books(DATA))], "0" * 16)


def test_every_planted_run_is_found_with_the_right_offsets(index: SegmentIndex) -> None:
    planter = Planter(books(DATA), texts(DATA, "novels", without="Haggard_She"), seed=11)
    missed = []
    for number, plant in enumerate(planter.plants(PLANTS)):
        found = index.scan(plant.text)
        if not plant.found(found):
            missed.append(plant)
        if number % 10 == 0:
            scanner, at = index.scanner("content"), 0
            while (at := scanner.step(plant.text, at)) < len(plant.text):
                pass
            scanner.close()
            assert scanner.matches == found
    assert not missed, f"{len(missed)} of {PLANTS} planted runs were not found"


def test_accidental_runs_of_unrelated_novels_are_few_and_short(index: SegmentIndex) -> None:
    clean = list(passages(texts(DATA, "novels", without="Haggard_She")))
    found = [index.scan(text) for _, text in Random(12).sample(clean, CLEAN)]  # noqa: S311 (seeded test data)
    longest = max((match.words for matches in found for match in matches), default=0)
    assert longest <= 15
    assert sum(map(bool, found)) <= 0.04 * CLEAN
