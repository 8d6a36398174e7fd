from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from indexes.model import Work
from indexes.store import Store
from indexes.text.minhash_duplicates import clusters, duplicates
from indexes.text.normalize import tokenize
from tests.support.recall import books, texts

DATA = Path(__file__).parents[2].parent / "shared" / "data"
WAYS = [{}, {"keep_texts": False}, {"minhash": "affine32"}, {"minhash": "densified"}]


def prose(seed: int, count: int = 600) -> str:
    return " ".join(f"word{number}" for number in np.random.default_rng(seed).integers(0, 9000, count))


def edited(text: str, each: int) -> str:
    return " ".join("changed" if number % each == each - 1 else word for number, word in enumerate(text.split()))


PLANTED = {
    "copy": prose(1),
    "edited": edited(prose(1), 60),
    "reedited": edited(edited(prose(1), 60), 71),
    "half": " ".join(prose(1).split()[:300]),
    "anthology": f"{prose(40, 900)} {prose(2)} {prose(41, 900)}",
    "told anew": edited(prose(3), 6),
    "short": prose(50, 30),
    "short again": prose(50, 30) + " and so on",
    "three": "only three words",
    "three again": "only three words",
    "empty": "",
}


def corpus() -> list[tuple[Work, str]]:
    held = {f"clean {seed}": prose(seed) for seed in range(30)} | PLANTED
    return [(Work(id=name, title=name), text) for name, text in held.items()]


def by_hand(works: list[tuple[Work, str]], threshold: float) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Every pair of works, compared by their sets of shingles."""
    sets = {}
    for work, text in works:
        tokens = tokenize(text).hashes.tolist()
        sets[work.id] = {tuple(tokens[at : at + 5]) for at in range(len(tokens) - 4)}
    found = {}
    for a, b in combinations(sets, 2):
        shared = len(sets[a] & sets[b])
        if shared:
            how = shared / len(sets[a] | sets[b]), shared / len(sets[a]), shared / len(sets[b])
            if max(how) >= threshold:
                found[a, b] = how
    return found


def found_in(store: Store, threshold: float):
    done: list[tuple[int, int]] = []
    pairs = duplicates(store.snapshot().segments, threshold, lambda *each: done.append(each))
    assert done[-1][0] == done[-1][1] > 0
    return pairs


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("way", WAYS[:2])
def test_pairs_are_those_that_comparing_all_works_gives(tmp_path, way, threshold):
    store = Store(tmp_path / "index")
    list(store.add(corpus(), **way))
    expected = by_hand(corpus(), threshold)
    found = {(pair.a.id, pair.b.id): pair.exact for pair in found_in(store, threshold)}
    assert set(found) == set(expected)
    assert ("clean 1", "copy") in found
    assert ("clean 2", "anthology") in found
    assert not any("told anew" in pair for pair in found)
    for pair, likeness in found.items():
        assert (likeness.jaccard, likeness.a_in_b, likeness.b_in_a) == pytest.approx(expected[pair])


@pytest.mark.parametrize("way", WAYS[2:])
def test_signatures_alone_give_the_same_pairs_with_estimates(tmp_path, way):
    store = Store(tmp_path / "index")
    list(store.add(corpus(), **way))
    found = {(pair.a.id, pair.b.id): pair for pair in found_in(store, 0.7)}
    sure, may = by_hand(corpus(), 0.85), by_hand(corpus(), 0.55)
    assert set(sure) <= set(found) <= set(may)
    for pair, each in found.items():
        assert each.exact is None
        assert each.likeness.jaccard == pytest.approx(may[pair][0], abs=0.13)
        assert (each.likeness.a_in_b, each.likeness.b_in_a) == pytest.approx(may[pair][1:], abs=0.25)


def test_works_held_in_different_ways_are_compared(tmp_path):
    store = Store(tmp_path / "index")
    works = dict(zip("abcd", [(Work(id=name, title=name), prose(7)) for name in "abcd"], strict=True))
    for name, way in zip("abcd", WAYS, strict=True):
        list(store.add([works[name]], **way))
    pairs = {(pair.a.id, pair.b.id): pair.exact is not None for pair in found_in(store, 0.8)}
    assert pairs == {("a", "b"): True, ("a", "c"): False, ("b", "c"): False, ("a", "d"): False, ("b", "d"): False}
    list(store.add([(Work(id="z", title="z"), prose(8)), (Work(id="e", title="e"), prose(7))]))
    assert ("a", "e") in {(pair.a.id, pair.b.id) for pair in found_in(store, 0.8)}
    store.remove(["a", "e"])
    assert {(pair.a.id, pair.b.id) for pair in found_in(store, 0.8)} == {("b", "c"), ("b", "d")}


def test_works_that_hang_together_make_a_cluster(tmp_path):
    store = Store(tmp_path / "index")
    list(store.add(corpus()))
    groups = clusters(found_in(store, 0.8))
    assert groups[0] == ["clean 1", "copy", "edited", "half", "reedited"]
    assert ["anthology", "clean 2"] in groups
    assert ["short", "short again"] in groups
    assert len(groups) == 3
    assert clusters([]) == []


def test_many_works_that_begin_alike_are_no_duplicates(tmp_path):
    store = Store(tmp_path / "index")
    notice = prose(999, 150)
    works = [(Work(id=f"w{seed:03}", title="-"), f"{notice} {prose(seed, 500)}") for seed in range(100)]
    works.append((Work(id="twin", title="-"), f"{notice} {edited(prose(7, 500), 90)}"))
    list(store.add(works))
    assert [(pair.a.id, pair.b.id) for pair in found_in(store, 0.8)] == [("w007", "twin")]


@pytest.mark.shared
@pytest.mark.parametrize("way", [{}, {"minhash": "affine32"}])
def test_of_real_books_and_novels_one_is_there_twice(tmp_path, way):
    store = Store(tmp_path / "index")
    novels = [each for each in texts(DATA, "novels") if each[0].startswith("Haggard")]
    works = [*books(DATA)[9:10], *((Work(id=name, title=name), text) for name, text in novels)]
    list(store.add(works, **way))
    (pair,) = found_in(store, 0.5)
    assert (pair.a.id, pair.b.id) == ("PG3155_She", "Haggard_She_1887")
    assert pair.likeness.jaccard == pytest.approx(0.974, abs=0.04)
