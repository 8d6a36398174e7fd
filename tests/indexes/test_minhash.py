import datasketch
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.errors import UsageError
from indexes.text import minhash_datasketch as stored
from indexes.text.minhash import (
    EMPTY,
    FAMILIES,
    PASSAGE,
    STEP,
    STRIDE,
    bands_for,
    jaccard,
    low,
    permuter,
    shingle_hash,
    shingle_hashes,
    sign,
    signatures,
    windows,
)
from indexes.text.minhash_passages import BANDS, ROWS
from indexes.text.minhash_table import Bands
from indexes.text.normalize import tokenize

DATASKETCH = ("affine32", "legacy")


def prose(seed: int, words: int) -> str:
    return " ".join(f"word{number}" for number in np.random.default_rng(seed).integers(0, 5000, words))


def hashes(seed: int, count: int):
    return np.random.default_rng(seed).integers(0, 1 << 32, count, dtype=np.uint32)


def theirs(values, scheme: str = "affine32", seed: int = 1):
    sketch = datasketch.MinHash(128, seed=seed, hashfunc=int, scheme=scheme)
    sketch.update_batch(values.tolist())
    return sketch


@pytest.mark.parametrize("scheme", DATASKETCH)
@pytest.mark.parametrize("seed", [1, 7, 123_456])
def test_signatures_are_those_of_datasketch_bit_for_bit(scheme, seed):
    text = prose(seed, 300) + " Ünïcode 春眠不覚暁處處聞啼鳥"
    sketch = datasketch.MinHash(128, seed=seed, hashfunc=shingle_hash, scheme=scheme)
    sketch.update_batch(stored.shingles(text))
    assert stored.signature(text, scheme, seed).tolist() == sketch.hashvalues.tolist()


def test_other_hashes_of_the_same_shingles_give_what_datasketch_gives_by_default():
    shingles = stored.shingles(prose(3, 200))
    sketch = datasketch.MinHash(128)
    for shingle in shingles:
        sketch.update(shingle)
    values = np.array([datasketch.hashfunc.sha1_hash32(shingle) for shingle in shingles], np.uint32)
    assert signatures(values[None], permuter("affine32"))[0].tolist() == sketch.hashvalues.tolist()


@pytest.mark.parametrize("scheme", DATASKETCH)
@settings(max_examples=15)
@given(counts=st.lists(st.integers(0, 3 * STRIDE + 2), min_size=1, max_size=4))
def test_passages_are_signed_as_datasketch_signs_their_shingles(scheme, counts):
    works = [hashes(number, count) for number, count in enumerate(counts)]
    signed = sign(works, permuter(scheme))
    assert len(signed.edges) == len(works) + 1
    for number, work in enumerate(works):
        assert signed.works[number].tolist() == theirs(work, scheme).hashvalues.tolist()
        rows = signed.passages[signed.edges[number] : signed.edges[number + 1]]
        starts = range(0, max(len(work) - STRIDE, 1), STRIDE) if len(work) else ()
        assert [row.tolist() for row in rows] == [
            theirs(work[at : at + PASSAGE], scheme).hashvalues.tolist() for at in starts
        ]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("count", [1, 3, 4, 59, 60, 119, 120, 121, 300, 9000])
@pytest.mark.parametrize("size", [PASSAGE, PASSAGE // 2])
def test_windows_are_signed_as_sets_are(family, count, size):
    given, using = hashes(count, count), permuter(family)
    found = windows(given, using, size)
    for number in {0, len(found) // 2, len(found) - 1}:
        expected = signatures(given[None, number * STEP : number * STEP + size], using)[0]
        assert found[number].tolist() == expected.tolist()
    assert (len(found) - 1) * STEP + size >= count > (len(found) - 1) * STEP
    assert windows(given[:0], using).shape == (0, 128)


@pytest.mark.parametrize("family", FAMILIES)
def test_estimates_lie_around_the_true_similarity(family):
    using, errors = permuter(family), []
    for share in (30, 60, 90, 110):
        for seed in range(40):
            left, right = hashes(seed, 2 * PASSAGE - share), hashes(seed + 1000, PASSAGE - share)
            one, other = left[:PASSAGE], np.concatenate((left[:share], right))
            both = low(signatures(np.stack((one, other)), using))
            equal = np.count_nonzero(both[0] == both[1])
            errors.append(float(jaccard(np.array(equal))) - share / (2 * PASSAGE - share))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.06


def test_few_shingles_fill_every_bin_and_sets_without_any_stay_empty():
    using = permuter("densified")
    one, same, other = (signatures(hashes(seed, 2)[None, :count], using)[0] for seed, count in ((1, 1), (1, 1), (2, 2)))
    assert one.tolist() == same.tolist()
    assert len(set(one.tolist())) == 1
    assert EMPTY not in other
    assert set(using.finish(np.full((1, 128), EMPTY)).ravel().tolist()) == {int(EMPTY)}


def test_unlike_sets_share_next_to_nothing():
    for family in FAMILIES:
        rows = low(sign([hashes(1, 5000)], permuter(family)).passages)
        equal = [np.count_nonzero(rows[at] == rows[at + 2]) for at in range(len(rows) - 2)]
        assert np.mean(equal) < 2


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 0.95])
def test_bands_are_those_that_datasketch_chooses(threshold):
    lsh = datasketch.MinHashLSH(threshold=threshold, num_perm=128)
    assert bands_for(threshold) == (lsh.b, lsh.r)


def test_an_index_has_the_bands_for_one_half():
    assert bands_for(0.5) == (BANDS, ROWS)


def test_a_table_finds_what_shares_a_band_and_nothing_else():
    chance = np.random.default_rng(5)
    rows = chance.integers(0, 4, (700, 128), dtype=np.uint8)
    asked = np.concatenate((rows[:40], chance.integers(0, 4, (40, 128), dtype=np.uint8)))
    table = Bands.build(rows, 25, 5)
    query, passage = table.candidates(asked)
    expected = {
        (number, other)
        for number, one in enumerate(asked)
        for other, two in enumerate(rows)
        if (one[:125] == two[:125]).reshape(25, 5).all(axis=1).any()
    }
    assert set(zip(query.tolist(), passage.tolist(), strict=True)) == expected
    assert len(expected) == len(query) > 100
    equal = table.alike(asked, query, passage)
    assert equal.tolist() == [np.count_nonzero(asked[q] == rows[p]) for q, p in zip(query, passage, strict=True)]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_table_of_hardly_anything_is_looked_up_like_any_other(count):
    rows = (np.arange(128 * count) % 251).astype(np.uint8).reshape(count, 128)
    query, passage = Bands.build(rows, 25, 5).candidates(rows)
    assert query.tolist() == passage.tolist() == list(range(count))


@pytest.mark.parametrize("scheme", DATASKETCH)
def test_a_signature_is_written_for_datasketch_and_read_back(scheme):
    text = prose(9, 150)
    content = stored.write(stored.signature(text, scheme, 3), scheme, 3)
    lean = datasketch.LeanMinHash.deserialize(content, "<")
    sketch = datasketch.MinHash(128, seed=3, hashfunc=shingle_hash, scheme=scheme)
    sketch.update_batch(stored.shingles(text))
    assert lean.jaccard(sketch) == 1.0
    assert lean == datasketch.LeanMinHash(sketch)
    again = stored.read(content)
    assert (again.scheme, again.seed, again.hashvalues.tolist()) == (scheme, 3, sketch.hashvalues.tolist())


def test_signatures_that_datasketch_stored_are_looked_up():
    texts = {f"w{seed}": prose(seed, 200) for seed in range(30)}
    sketches = {}
    for key, text in texts.items():
        sketch = datasketch.MinHash(128, hashfunc=shingle_hash)
        sketch.update_batch(stored.shingles(text))
        content = bytearray(datasketch.LeanMinHash(sketch).bytesize("<"))
        datasketch.LeanMinHash(sketch).serialize(content, "<")
        sketches[key] = stored.read(bytes(content))
    table = stored.Stored(sketches)
    asked = texts["w7"].replace(texts["w7"].split()[100], "changed")
    found = table.lookup(stored.read(stored.write(stored.signature(asked))))
    assert [each.key for each in found] == ["w7"]
    assert 0.85 < found[0].jaccard < 1
    assert table.lookup(datasketch.MinHash(128)) == []


def test_what_cannot_be_compared_is_refused():
    table = stored.Stored({"a": datasketch.MinHash(128)})
    for other in (datasketch.MinHash(128, seed=2), datasketch.MinHash(128, scheme="legacy")):
        with pytest.raises(UsageError, match="make it anew"):
            table.lookup(other)
    with pytest.raises(UsageError, match="num_perm=128"):
        table.lookup(datasketch.MinHash(64))
    with pytest.raises(UsageError, match="64 bits"):
        table.lookup(datasketch.MinHash(128, scheme="affine64"))
    with pytest.raises(UsageError, match="2 schemes"):
        stored.Stored({"a": datasketch.MinHash(128), "b": datasketch.MinHash(128, seed=2)})
    with pytest.raises(UsageError, match="of no scheme"):
        stored.write(np.zeros(128, np.uint32), "densified")
    for content in (b"", b"rubbish", b"\0" * 12 + b"\xff" * 20):
        with pytest.raises(UsageError, match="no signature"):
            stored.read(content)


def test_a_text_has_as_many_shingles_as_words_less_four():
    assert [len(stored.shingles(prose(1, words))) for words in (0, 4, 5, 30)] == [0, 0, 1, 26]
    tokens = tokenize(prose(1, 30)).hashes
    assert shingle_hashes(tokens).tolist() == [shingle_hash(each) for each in stored.shingles(prose(1, 30))]
    assert stored.signature("too few").tolist() == [int(EMPTY)] * 128
