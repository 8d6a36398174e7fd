# ruff: noqa: RUF001 (texts of many scripts are what is tested)
import shutil
from pathlib import Path

import numpy as np
import pytest

from indexes.errors import IndexUnavailableError
from indexes.model import Work
from indexes.segment import faults
from indexes.store import Store
from indexes.text.build import WORKS
from indexes.text.index import SegmentIndex
from indexes.text.minhash import FAMILIES, shingle_hashes
from indexes.text.minhash_build import build
from indexes.text.minhash_index import MinHashIndex
from indexes.text.minhash_passages import PREFIX
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment

GOLDEN = Path(__file__).parents[1] / "golden"


def words(seed: int, count: int) -> list[str]:
    return [f"word{number}" for number in np.random.default_rng(seed).integers(0, 9000, count)]


def prose(seed: int, count: int = 400) -> str:
    return " ".join(words(seed, count))


def work(seed: int, count: int = 400, **facts: object) -> tuple[Work, str]:
    return Work(id=f"w{seed}", title=f"Work {seed}", **facts), prose(seed, count)


def edited(text: str, each: int) -> str:
    return " ".join("changed" if number % each == each - 1 else word for number, word in enumerate(text.split()))


def in_memory(*works: tuple[Work, str], family="affine32") -> MinHashIndex:
    return MinHashIndex([TextSegment.built(build(works, family))])


def index_of(store: Store) -> SegmentIndex:
    snapshot = Store(store.directory).snapshot()
    return SegmentIndex(snapshot.segments, snapshot.revision)


def ids(found) -> list[str]:
    return [each.work.id for each in found]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "index")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_copy_is_found_where_it_stands_in_text_and_work(family):
    index = in_memory(*(work(seed) for seed in range(20)), family=family)
    copied = words(7, 400)[60:360]
    text = f"{prose(100, 77)} {' '.join(copied)} {prose(101, 90)}"
    (found,) = index.lookup(text)
    assert found.work.id == "w7"
    assert found.jaccard > 0.8
    begin = text.index(" ".join(copied))
    source = prose(7).index(" ".join(copied))
    assert abs(found.output.start - begin) < 40 * 8
    assert abs(found.output.end - begin - len(" ".join(copied))) < 40 * 8
    assert abs((found.output.start - begin) - (found.source.start - source)) < 5 * 8
    tokens = tokenize(text)
    assert found.output.start == tokens.starts[found.tokens.start]
    assert found.output.end == tokens.ends[found.tokens.end - 1]


@pytest.mark.parametrize("family", FAMILIES)
def test_copies_with_edits_are_found_and_other_texts_are_not(family):
    index = in_memory(*(work(seed) for seed in range(30)), family=family)
    seen = [ids(index.lookup(edited(prose(seed), 25))) for seed in range(30)]
    assert sum(f"w{seed}" in found for seed, found in enumerate(seen)) >= 29
    assert all(set(found) <= {f"w{seed}"} for seed, found in enumerate(seen))
    assert [index.lookup(prose(seed)) for seed in range(200, 230)] == [[]] * 30
    assert index.lookup("") == index.lookup("too few words") == []


def test_works_shorter_than_a_passage_are_found_whole_in_long_texts():
    index = in_memory(work(1, 70), work(2, 5), work(3, 4), work(4, 0), work(5, 500))
    assert ids(index.lookup(f"{prose(50, 200)} {prose(1, 70)} {prose(51, 200)}")) == ["w1"]
    assert ids(index.lookup(prose(1, 70))) == ["w1"]
    assert ids(index.lookup(prose(2, 5))) == ["w2"]
    assert index.lookup(prose(3, 4)) == []


def test_what_is_found_of_a_long_work_does_not_hang_on_short_ones_beside_it():
    alone, beside = in_memory(work(5, 2000)), in_memory(work(5, 2000), work(1, 70))
    for at in range(0, 1800, 60):
        text = f"{prose(50, 200)} {' '.join(words(5, 2000)[at : at + 64])} {prose(51, 200)}"
        assert alone.lookup(text) == beside.lookup(text)


def test_a_passage_that_stands_twice_is_told_twice_and_neighbours_are_told_as_one():
    index = in_memory(work(1, 124), work(2, 900))
    twice = index.lookup(f"{prose(1, 124)} {prose(9, 60)} {prose(1, 124)}")
    assert ids(twice) == ["w1", "w1"]
    assert twice[0].output.end < twice[1].output.start
    (whole,) = index.lookup(prose(2, 900))
    assert (whole.source.start, whole.source.end) == (0, len(prose(2, 900)))
    assert (whole.output.start, whole.output.end) == (0, len(prose(2, 900)))
    assert len(index.lookup(" ".join(words(2, 900)[300:400]))) == 1


def test_estimates_of_a_place_are_near_the_truth():
    index = in_memory(work(3, 124))
    for each in (20, 30, 60):
        (found,) = index.lookup(edited(prose(3, 124), each), least=0.1)
        one, other = (
            set(shingle_hashes(tokenize(text).hashes)) for text in (prose(3, 124), edited(prose(3, 124), each))
        )
        assert abs(found.jaccard - len(one & other) / len(one | other)) < 0.15
        assert abs(found.share - len(one & other) / len(other)) < 0.15


def test_scripts_without_spaces_are_found_and_count_half():
    text = "".join(chr(0x4E00 + number) for number in np.random.default_rng(1).integers(0, 3000, 300))
    index = in_memory((Work(id="han", title="Han"), text))
    (found,) = index.matches("前言不算，" + text[:200], "content")
    assert found.work.id == "han"
    assert {stretch.units for stretch in found.stretches} == {1}
    assert 60 <= found.words <= 100
    assert found.identity > 0.8


def test_matches_are_near_with_estimated_words_and_say_what_the_request_holds():
    index = in_memory(work(1))
    text = f"{prose(8, 50)} {edited(prose(1, 300), 40)}"
    (found,) = index.matches(text, "content", (prose(77, 100),))
    assert (found.detector, found.channel, found.grounded, found.live) == ("near", "content", False, False)
    assert 0.6 < found.identity <= 1
    assert 150 < found.words == found.counted <= found.span_words
    assert sum(stretch.tokens for stretch in found.stretches) == found.words
    (own,) = index.matches(text, "content", (prose(77, 100), prose(1, 300)))
    assert own.grounded


def test_an_index_keeps_signatures_and_nothing_of_the_text(store):
    list(store.add([work(seed) for seed in range(5)], minhash="affine32"))
    snapshot = store.snapshot()
    (segment,) = snapshot.segments
    assert (len(segment), len(segment.main), len(segment.short_grams), segment.keeps_texts) == (0, 0, 0, False)
    assert segment.passages.count == 5 * 6
    assert all(each.minhash_only and each.words == 400 for each in store.works())
    assert store.find("w1").text is None
    for path in Path(store.directory).rglob("*"):
        assert path.is_dir() or words(1, 1)[0].encode() not in path.read_bytes()
    assert (store.stats()["minhash_only"], store.stats()["passages"], store.stats()["grams"]) == (5, 30, 0)
    index = index_of(store)
    assert index.scan(prose(1)) == ()
    assert ids(index.near_duplicates(prose(1))) == ["w1"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_compacted_index_is_the_one_that_building_at_once_gives(store, tmp_path, family):
    for seed, count in enumerate((400, 3, 130, 0, 700)):
        list(store.add([work(seed, count)], minhash=family))
    list(store.add([work(10), work(11)]))
    list(store.add([work(12)], keep_texts=False))
    store.remove(["w2", "w10"])
    revision = store.revision()
    done = store.compact()
    assert (done.segments, done.dropped, store.revision()) == (3, 1, revision)
    assert store.verify() == []
    once = Store(tmp_path / "once")
    list(once.add([work(seed, count) for seed, count in ((0, 400), (1, 3), (3, 0), (4, 700))], minhash=family))
    assert once.snapshot().layout[0] in store.snapshot().layout
    assert store.compact().segments == 3


def test_merging_stops_at_the_bound(store):
    for seed in range(6):
        list(store.add([work(seed)], minhash="affine32"))
    assert store.compact(most=1000).segments == 3
    assert [ids(index_of(store).near_duplicates(prose(seed))) for seed in range(6)] == [
        [f"w{seed}"] for seed in range(6)
    ]


def test_removed_and_private_works_are_not_found(store):
    list(store.add([work(1), work(2, private_to=("acme",))], minhash="affine32"))
    store.remove(["w1"])
    index = index_of(store)
    assert index.near_duplicates(prose(1)) == ()
    assert ids(index.near_duplicates(prose(2))) == ["w2"]
    assert index.known_to(lambda _: False).near_duplicates(prose(2)) == ()


def test_how_a_work_is_held_is_part_of_the_revision_and_changes_by_adding_again(store, tmp_path):
    changes = lambda **how: [each.change for each in store.add([work(1)], **how)]  # noqa: E731
    assert changes(minhash="affine32") == ["added"]
    revision = store.revision()
    assert changes(minhash="affine32") == ["unchanged"]
    assert changes(minhash="densified") == ["updated"]
    assert changes() == ["updated"]
    assert store.revision() != revision
    assert not store.find("w1").work.minhash_only
    assert ids(index_of(store).scan(prose(1))) == ["w1"]
    assert index_of(store).near_duplicates(prose(1)) == ()


@pytest.mark.parametrize("name", ["index-v1", "index-v1-kinds"])
def test_segments_of_before_have_no_signatures(tmp_path, name):
    shutil.copytree(GOLDEN / name, tmp_path / "index")
    for segment in Store(tmp_path / "index").snapshot().segments:
        assert segment.passages is None
    assert index_of(Store(tmp_path / "index")).near_duplicates(prose(1)) == ()


def test_damage_is_found_when_the_segment_is_opened(store):
    list(store.add([work(1)], minhash="affine32"))
    (path,) = store.directory.rglob("arrays.bin")
    whole = path.read_bytes()
    path.write_bytes(whole[:-900] + bytes([whole[-900] ^ 1]) + whole[-899:])
    with pytest.raises(IndexUnavailableError, match=r"arrays\.bin"):
        index_of(store)
    assert len(faults(path.parent.parent, path.parent.name)) == 1


def test_signatures_of_a_form_not_known_are_refused_in_one_line(store, tmp_path):
    from indexes.segment import write_segment

    built = build([work(1)])
    built.arrays[PREFIX + "form"][0] = 2
    name = write_segment(tmp_path, {}, built.arrays, {WORKS: built.files[WORKS]})
    with pytest.raises(IndexUnavailableError, match="damaged") as error:
        TextSegment.open(tmp_path, name)
    assert "\n" not in str(error.value)
