import shutil
from pathlib import Path

import pytest

from indexes.store import Store
from indexes.text.index import SegmentIndex
from indexes.text.minhash import FAMILIES
from tests.golden import make_minhash_index
from tests.golden.make_index import ROSE, TALE

STORED = Path(__file__).parents[1] / "golden" / "index-v1-minhash"


@pytest.fixture
def stored(tmp_path):
    shutil.copytree(STORED, tmp_path / "index")
    return Store(tmp_path / "index")


def found(store: Store, text: str) -> dict[str, tuple[int, str]]:
    """For each work found: words, and the place of the text."""
    snapshot = store.snapshot()
    matches = SegmentIndex(snapshot.segments, snapshot.revision).near_duplicates(text)
    return {match.work.id: (match.words, text[match.output.start : match.output.end]) for match in matches}


def test_the_stored_signatures_find_what_they_always_found(stored):
    assert stored.verify() == []
    for family in FAMILIES:
        texts = make_minhash_index.texts(family)
        rose = found(stored, ROSE)
        assert set(rose) == {f"{each} rose" for each in FAMILIES}
        assert rose[f"{family} rose"] == (8, ROSE[: ROSE.index(",")])
        long = found(stored, texts[f"{family} long"])[f"{family} long"]
        assert 115 <= long[0] <= 135
        assert found(stored, texts[f"{family} moon"])[f"{family} moon"][0] == 20
    assert found(stored, TALE + " " + ROSE[:5]) == {}
    assert found(stored, "Fin.") == {}


def test_the_stored_signatures_can_be_merged_and_are_those_that_are_made_today(stored, tmp_path):
    before = {family: found(stored, make_minhash_index.texts(family)[f"{family} long"]) for family in FAMILIES}
    made = make_minhash_index.make(tmp_path / "made")
    assert made.snapshot().layout == stored.snapshot().layout
    assert made.revision() == stored.revision()
    done = stored.compact()
    assert (done.segments_before, done.segments, done.dropped) == (3, 3, 3)
    assert {family: found(stored, make_minhash_index.texts(family)[f"{family} long"]) for family in FAMILIES} == before
    assert stored.verify() == []
