"""The judge of derivation: what it reads of two passages, and what it says of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.text.derivation import LEAST_SHOWN, Logistic, Model, probability, shipped, values
from indexes.text.derivation_features import FREQUENT, Features, Passage, compare, grams, longest_run, shared
from indexes.text.derivation_idf import Counted, Idf, background
from indexes.text.normalize import tokenize

SOURCE = (
    "It was on a dreary night of November that I beheld the accomplishment of my toils. With an anxiety that almost "
    "amounted to agony, I collected the instruments of life around me, that I might infuse a spark of being into the "
    "lifeless thing that lay at my feet. Elizabeth and Clerval were far from Ingolstadt that night."
)
RETOLD = (
    "On a bleak November night I finally saw my labours completed. Anxious to the point of agony, I gathered the "
    "instruments of life about me so that a spark of being might be infused in the lifeless thing at my feet, while "
    "Elizabeth and Clerval stayed far away from Ingolstadt."
)
OTHER = (
    "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and "
    "nothing particular to interest me on shore, I thought I would sail about a little and see the watery part of it."
)


def features(output: str, source: str) -> Features:
    return compare(Passage.of(output, background()), Passage.of(source, background()))


def test_what_is_retold_is_believed_and_what_is_not_is_not() -> None:
    assert probability(RETOLD, SOURCE, background()) > 0.9
    assert probability(SOURCE, SOURCE, background()) > 0.9
    assert probability(OTHER, SOURCE, background()) < 0.1


def test_a_copy_shares_everything_with_itself() -> None:
    found = features(SOURCE, SOURCE)
    assert found.rouge == found.kept == found.grams == found.pairs == found.ratio == 1
    assert found.cosine == pytest.approx(1)
    assert found.chain == found.chained == pytest.approx(1)
    assert found.run == len(tokenize(SOURCE))
    assert found.strange == 0


def test_rouge_is_that_of_a_worked_example() -> None:
    found = features("police killed the gunman", "police kill the gunman")  # Lin (2004): LCS 3 of 4 and 4
    assert found.rouge == pytest.approx(0.75)
    assert found.kept == pytest.approx(0.75)
    assert found.run == 2


def test_order_is_kept_in_a_chain_and_not_in_a_bag() -> None:
    forth, back = "walrus carpenter oyster cabbage", "cabbage oyster carpenter walrus"
    found = features(forth, back)
    assert found.held == pytest.approx(1)
    assert found.chain < 0.5


def test_rare_names_are_those_with_a_capital_that_the_source_knows() -> None:
    found = features("Then Clerval and Ingolstadt and Zarathustra met the oyster", SOURCE)
    assert (found.names, found.strange) == (2, 1)
    assert features("then clerval and ingolstadt met", SOURCE).names == 0


def test_a_frequent_word_is_no_name() -> None:
    assert features("The And Of With", SOURCE).names == 0


def test_nothing_shares_nothing() -> None:
    found = features("", SOURCE)
    assert (found.cosine, found.rouge, found.run, found.grams, found.chain) == (0, 0, 0, 0, 0)
    assert 0 < probability("", "", background()) < 0.5


@given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), max_size=40))
def test_the_longest_run_is_that_of_plain_comparison(first: list[int], second: list[int]) -> None:
    best = 0
    for here in range(len(first)):
        for there in range(len(second)):
            length = 0
            while (
                here + length < len(first)
                and there + length < len(second)
                and first[here + length] == second[there + length]
            ):
                length += 1
            best = max(best, length)
    assert longest_run(np.array(first, np.uint32), np.array(second, np.uint32)) == best


def test_grams_are_distinct_and_tell_order() -> None:
    words = np.array([1, 2, 3, 1, 2], np.uint32)
    assert len(grams(words, 2)) == 3
    assert len(grams(words, 6)) == 0
    assert not np.intersect1d(grams(words[:2], 2), grams(words[:2][::-1], 2)).size


def test_a_word_that_the_index_at_hand_is_full_of_weighs_less() -> None:
    words = tokenize("zeugma").hashes
    rare = background()
    assert rare(words)[0] > rare.beside(Counted.of([words] * 500))(words)[0] > 0


def test_an_index_has_half_a_say_at_most() -> None:
    table = Idf(Counted.of([tokenize("alpha").hashes] * 9 + [tokenize("omega").hashes]))
    crowd = table.beside(Counted.of([tokenize("omega").hashes] * 100_000))
    assert crowd(tokenize("omega").hashes)[0] == pytest.approx(np.log(21 / 11.5))


def test_frequent_words_are_told_by_their_lowest_bit() -> None:
    assert (tokenize("the of and").hashes & FREQUENT).all()
    assert not (tokenize("walrus").hashes & FREQUENT).any()


def test_the_shipped_model_says_what_it_comes_from() -> None:
    model = shipped()
    assert model.date
    assert model.data
    assert model.splits == "indexes/text/data/derivation_splits.json"
    known = {*values(features(RETOLD, SOURCE))}
    assert {part for term in model.plain.terms for part in term.split("*")} <= known


def test_a_pair_with_embeddings_is_judged_by_the_coefficients_for_those() -> None:
    model = Model(Logistic(-50.0, {}), Logistic(0.0, {"embedding": 2.0}))
    pair = features(RETOLD, SOURCE)
    assert model.probability(pair) == LEAST_SHOWN
    read = Passage.of(SOURCE, background())
    assert model.probability(compare(read, read, 0.5)) == pytest.approx(1 / (1 + np.exp(-1)))


def test_a_product_of_two_features_is_a_term() -> None:
    logistic = Logistic(0.0, {"rouge*run": 1.0})
    assert logistic.probability({"rouge": 0.5, "run": 2.0}) == pytest.approx(1 / (1 + np.exp(-1)))


def test_what_is_shared_is_told_before_a_passage_is_read() -> None:
    read = Passage.of(RETOLD, background())
    for text in (SOURCE, OTHER, ""):
        found = compare(read, Passage.of(text, background())).held
        assert shared(read, tokenize(text).hashes, background()) == pytest.approx(found)


def test_a_chain_is_weighed_by_the_lighter_and_by_the_heavier() -> None:
    found = features("walrus carpenter", "walrus carpenter oyster cabbage")
    assert found.chain == pytest.approx(1)
    assert found.chained < 0.7
