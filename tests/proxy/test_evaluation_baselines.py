"""The baselines by hand: what they say of a pair, and where they find a copy."""

from math import log

import pytest

from indexes.model import Work
from proxy.evaluation.baselines import Bm25, Containment, Quip, Reader, RougeL, TfIdf, Winnowing
from proxy.evaluation.chaining import Passim, Windows, chains
from proxy.evaluation.disguises import DISGUISES
from proxy.evaluation.sets import Named
from proxy.evaluation.spans import Library
from tests.support.evaluation import WORKS

SOURCE = "the old man went down to the river and sat there until it was dark"


def text(name: str) -> str:
    return (WORKS / f"{name}.txt").read_text("utf-8")


def test_containment_is_the_share_of_the_outputs_grams() -> None:
    contained = Containment(Reader())
    assert contained.score("went down to the river again", SOURCE) == pytest.approx(2 / 3)
    assert contained.score("too few words", SOURCE) == 0


def test_quip_counts_grams_of_25_characters() -> None:
    output = "the old man went down to the river"
    assert Quip().score(output, SOURCE) == 1
    assert Quip().score(output[:-5] + "water", SOURCE) == pytest.approx((len(output) - 25 + 1 - 5) / (len(output) - 24))


@pytest.mark.parametrize("name", ["rouge", "containment", "tf-idf", "winnowing", "quip"])
def test_every_baseline_tells_a_copy_from_another_text(name: str) -> None:
    reader = Reader()
    other = "a ship came in with the morning tide and brought no letters for anyone in town"
    scorers = {
        "rouge": RougeL(reader),
        "containment": Containment(reader),
        "tf-idf": TfIdf(reader, [SOURCE, other]),
        "winnowing": Winnowing(reader),
        "quip": Quip(),
    }
    scorer = scorers[name]
    assert scorer.score(SOURCE, SOURCE) == pytest.approx(1)
    assert scorer.score("And so the old man went down to the river and sat", SOURCE) > scorer.score(other, SOURCE)


def test_winnowing_finds_every_copy_of_six_words() -> None:
    words = SOURCE.split()
    for first in range(len(words) - 5):
        assert Winnowing(Reader()).score(" ".join(words[first : first + 6]), SOURCE) > 0


def test_bm25_is_the_worked_example() -> None:
    # Two sources of 3 and 1 words, of which `cat` stands in the first alone, once.
    first, second = Bm25(Reader(), ["cat sat down", "dog"]).ranked("cat").tolist()
    rarity = log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert first == pytest.approx(rarity * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / 2)))
    assert second == 0


def test_a_chain_holds_the_seeds_of_a_diagonal_and_leaves_the_stray_one() -> None:
    seeds = [(at, at + 1000) for at in range(0, 100, 5)] + [(50, 5000)]
    assert sorted(chains(seeds, 25)) == [((0, 120), (1000, 1120)), ((50, 75), (5000, 5025))]


def test_a_chain_ends_where_the_gap_is_too_wide() -> None:
    assert len(chains([(0, 0), (10, 10), (700, 700)], 25)) == 2


@pytest.mark.parametrize("baseline", [Passim, Windows])
def test_a_copy_is_found_where_it_was_planted(baseline: type[Passim] | type[Windows]) -> None:
    works = [(Work(id=name, title=name), text(name)) for name in ("alice", "war-of-the-worlds")]
    library = Library(works, [Named("carol", text("christmas-carol"))], seed=3)
    passage = library.passage(150)
    document = library.document("d", "", [(passage, "\n".join(passage.words))])
    case = document.cases[0]
    (found,) = baseline(works).places(document.text)
    assert found.work == passage.work
    for there, here in ((case.output, found.output), (case.source, found.source)):
        assert abs(there.start - here.start) < 160
        assert abs(there.end - here.end) < 160
    assert baseline(works).places(" ".join(library.filler())) == []


def test_a_chain_under_50_characters_is_no_place() -> None:
    source = "a white rabbit with pink eyes ran close by her and then took out a watch from its waistcoat pocket"
    passim = Passim([(Work(id="a", title="a"), source)])
    assert passim.places("so " + source[:36] + " away") == []
    (found,) = passim.places("so " + source[:90] + " away")
    assert (found.output.start, found.source.start) == (3, 0)


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_is_the_same_for_the_same_seed_and_hides_no_words_for_good(name: str) -> None:
    library = Library([(Work(id="a", title="a"), text("alice"))], [Named("carol", text("christmas-carol"))], seed=1)
    words = list(library.passage(60).words)
    first, again = (DISGUISES[name](words, Library([], [], 5).random) for _ in range(2))
    assert first == again
    assert (first == " ".join(words)) is (name == "none")
    assert len(first) >= len("".join(words))
