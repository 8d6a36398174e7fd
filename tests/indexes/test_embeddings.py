"""Passages that mean what a text means: what is kept of them, and how they are found, whatever the model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexes.errors import IndexUnavailableError
from indexes.model import Span, Work
from indexes.segment import write_segment
from indexes.state import PARAMETERS
from indexes.store import Store
from indexes.text.build import SegmentBuilder, build
from indexes.text.embeddings import Candidates, open_candidates
from indexes.text.embeddings_faiss import open_shelf
from indexes.text.embeddings_models import Cascade
from indexes.text.embeddings_passages import passages, passages_of
from indexes.text.embeddings_vectors import Embedding, VectorWriter, decoded, encoded, models_of
from indexes.text.normalize import tokenize
from indexes.text.segment import TextSegment
from tests.support.embedders import WordEncoder

FABLE = "The dog ate the bread. The king slept beside the sea."
RETOLD = "A hound devoured a loaf while the monarch dozed near the ocean."
OTHER = "Rates of interest rose in March and fell again by the end of May."


def long_text(words: int, seed: int, plant: str = "", at: int = 0) -> str:
    rng = np.random.default_rng(seed)
    made = [f"w{seed}x{number}" for number in rng.integers(0, 400, words)]
    made[at : at + len(plant.split())] = plant.split() or made[at:at]
    return " ".join(made)


def segment_of(texts: dict[str, str], cascade: Cascade, **facts: object) -> TextSegment:
    works = [(replace(Work(name, name), **facts), text) for name, text in texts.items()]  # type: ignore[arg-type]
    return TextSegment.from_texts(works, cascade=cascade)


def opened(segments: Sequence[TextSegment], cascade: Cascade, *, large: int = 10**9) -> Candidates:
    found = open_candidates(segments, cascade, floor=-1.0, large=large)
    assert found is not None
    return found


@pytest.fixture
def words() -> Cascade:
    return Cascade(WordEncoder())


@pytest.mark.parametrize("count", [0, 1, 99, 100, 199, 200, 201, 299, 300, 301, 1000, 1049])
def test_passages_cover_every_word_and_any_hundred_words_stand_whole_in_one(count: int) -> None:
    spans = passages(count)
    assert all(len(span) <= 200 for span in spans)
    assert [span.start for span in spans] == [100 * number for number in range(len(spans))]
    for start in range(max(count - 99, min(count, 1))):
        assert any(span.start <= start and min(start + 100, count) <= span.end for span in spans)
    assert passages_of(np.array([count], np.int64)).tolist() == [len(spans)]


def test_a_retelling_finds_the_passage_that_it_retells_and_not_another(words: Cascade) -> None:
    found = opened([segment_of({"fable": FABLE, "news": OTHER}, words)], words).find([RETOLD], 2)
    assert [hit.work.id for hit in found[0]] == ["fable", "news"]
    assert found[0][0].cosine > 0.5 > found[0][1].cosine
    assert found[0][0].text == FABLE.rstrip(".")


def test_a_hit_names_the_span_of_the_source_whatever_stands_before_it(words: Cascade) -> None:
    text = "\N{LEFT DOUBLE QUOTATION MARK}É…  " + long_text(950, 1, FABLE * 8, 512)
    candidates = opened([segment_of({"first": long_text(300, 2), "book": text}, words)], words)
    hit = candidates.find([FABLE], 1)[0][0]
    assert hit.work.id == "book"
    assert hit.passage in {4, 5}
    assert hit.tokens == Span(hit.passage * 100, hit.passage * 100 + 200)
    tokens = tokenize(text)
    assert hit.source == Span(int(tokens.starts[hit.tokens.start]), int(tokens.ends[hit.tokens.end - 1]))
    assert hit.text == text[hit.source.start : hit.source.end]


def test_several_texts_are_answered_at_once_each_for_itself(words: Cascade) -> None:
    candidates = opened([segment_of({"fable": FABLE}, words), segment_of({"news": OTHER}, words)], words)
    found = candidates.find([OTHER, "", RETOLD], 1)
    assert [[hit.work.id for hit in hits] for hits in found] == [["news"], [], ["fable"]]
    assert len(candidates) == 2


def test_nothing_is_found_under_the_floor_and_the_judge_is_not_asked(words: Cascade) -> None:
    judge = WordEncoder("judge", "other")
    cascade = Cascade(words.finder, judge)
    candidates = open_candidates([segment_of({"fable": FABLE}, words)], cascade, floor=0.9)
    assert candidates is not None
    assert candidates.find([OTHER]) == [[]]
    assert judge.given == []


def test_the_judge_ranks_what_the_finder_names_by_the_vectors_that_were_kept(words: Cascade) -> None:
    judge = WordEncoder("judge", "other")
    cascade = Cascade(WordEncoder("finder", "random"), judge)
    segment = segment_of({"fable": FABLE, "news": OTHER, "noise": long_text(40, 3)}, cascade)
    judge.given.clear()
    found = opened([segment], cascade).find([RETOLD], 3)[0]
    assert judge.given == [[RETOLD]]
    assert all(hit.judged for hit in found)
    own = judge.encode([RETOLD, FABLE.rstrip(".")])
    assert found[0].work.id == "fable"
    assert found[0].cosine == pytest.approx(own[0] @ own[1], abs=0.02)


def test_the_judge_reads_candidates_that_it_has_no_vector_of_and_remembers_them(words: Cascade) -> None:
    judge = WordEncoder("judge", "other")
    candidates = opened([segment_of({"fable": FABLE, "news": OTHER}, words)], Cascade(words.finder, judge))
    first = candidates.find([RETOLD], 2)
    assert [hit.judged for hit in first[0]] == [True, True]
    assert len(judge.given[-1]) == 3
    again = candidates.find([RETOLD], 2)
    assert judge.given[-1] == [RETOLD]
    assert again == first


def test_what_the_judge_did_not_read_comes_after_what_it_did_in_the_finder_s_order(words: Cascade) -> None:
    texts = {f"w{number}": " ".join(FABLE.split()[: 11 - number]) for number in range(8)}
    judge = WordEncoder("judge", "other")
    found = opened([segment_of(texts, words)], Cascade(words.finder, judge)).find([RETOLD], 8)[0]
    assert [hit.judged for hit in found] == [True] * 4 + [False] * 4
    unread = [hit.cosine for hit in found[4:]]
    assert unread == sorted(unread, reverse=True)
    assert max(unread) > min(hit.cosine for hit in found[:4]), "or it would say nothing of the order"


def test_without_texts_the_finder_s_word_stands_and_there_is_no_text(words: Cascade) -> None:
    builder = SegmentBuilder(keep_texts=False, vectors=VectorWriter.by(words))
    builder.add(Work("fable", "Fable"), FABLE)
    segment = TextSegment.built(builder.finish())
    found = opened([segment], Cascade(words.finder, WordEncoder("judge"))).find([RETOLD])
    assert [(hit.judged, hit.text) for hit in found[0]] == [(False, None)]


def test_removed_works_and_those_private_to_others_are_not_found(words: Cascade) -> None:
    near = segment_of({f"fable{number}": FABLE for number in range(60)}, words)
    private = segment_of({"secret": RETOLD}, words, private_to=("acme",))
    candidates = opened([near.without(frozenset(range(59))), private], words)
    assert [hit.work.id for hit in candidates.find([RETOLD])[0]] == ["secret", "fable59"]
    assert len(candidates) == 2
    strangers = candidates.known_to(lambda work: not work.private_to)
    assert [hit.work.id for hit in strangers.find([RETOLD])[0]] == ["fable59"]
    assert candidates.known_to(lambda _: True) is candidates


def test_segments_without_vectors_are_left_out_and_none_at_all_gives_none(words: Cascade) -> None:
    plain = TextSegment.from_texts([(Work("plain", "Plain"), RETOLD)])
    assert open_candidates([plain], words) is None
    candidates = opened([plain, segment_of({"fable": FABLE}, words)], words)
    assert [hit.work.id for hit in candidates.find([RETOLD])[0]] == ["fable"]


@pytest.mark.parametrize("other", [WordEncoder("else"), WordEncoder("words", "retrained")])
def test_a_segment_of_another_model_is_refused_in_one_line_that_names_both(words: Cascade, other: WordEncoder) -> None:
    segment = segment_of({"fable": FABLE}, words)
    with pytest.raises(IndexUnavailableError) as refused:
        open_candidates([segment], Cascade(other))
    said = str(refused.value)
    assert f"`words` ({words.finder.checksum[:8]})" in said
    assert f"`{other.name}` ({other.checksum[:8]})" in said
    assert "add its works again" in said
    assert "\n" not in said


def test_a_segment_whose_model_is_not_here_is_refused_with_what_to_do() -> None:
    cascade = Cascade(WordEncoder("no such/model"))
    with pytest.raises(IndexUnavailableError, match=r"cannot be compared: .*`no such/model`"):
        open_candidates([segment_of({"fable": FABLE}, cascade)])


def test_another_judge_is_refused_too(words: Cascade) -> None:
    segment = segment_of({"fable": FABLE}, Cascade(words.finder, WordEncoder("judge")))
    with pytest.raises(IndexUnavailableError, match="`judge`"):
        open_candidates([segment], Cascade(words.finder, WordEncoder("other judge")))


@pytest.mark.parametrize("large", [1, 10**9])
def test_a_shelf_finds_what_looking_at_all_finds(large: int) -> None:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(40, 48))
    rows = centres[rng.integers(0, 40, 3000)] + rng.normal(size=(3000, 48)) * 0.5
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    codes = encoded(rows)
    queries = rows[:50]
    hidden = np.zeros(3000, bool)
    hidden[::3] = True
    cosines, numbers = open_shelf([codes[:1000], codes[1000:]], large=large).nearest(queries, 5, hidden)
    truth = queries @ decoded(codes).T
    truth[:, hidden] = -2
    best = np.argsort(-truth, axis=1)[:, :5]
    assert not hidden[numbers].any()
    assert np.abs(np.take_along_axis(truth, numbers, 1) - cosines).max() < 0.02
    agreeing = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(best.tolist(), numbers.tolist(), strict=True)])
    assert agreeing > 0.9


def test_a_vector_comes_back_nearly_as_it_was() -> None:
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(200, 384))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    back = decoded(encoded(rows.astype(np.float32)))
    assert np.abs((rows * back).sum(axis=1) - 1).max() < 0.004
    assert np.abs(rows @ rows.T - back @ back.T).max() < 0.01


def test_vectors_survive_the_disk_and_compaction(tmp_path: Path, words: Cascade) -> None:
    built = build([(Work("fable", "Fable"), FABLE), (Work("book", "Book"), long_text(450, 4))], cascade=words)
    name = write_segment(tmp_path, {**PARAMETERS, **built.facts}, built.arrays, built.files)
    segment = TextSegment.open(tmp_path, name)
    memory = TextSegment.built(built)
    assert segment.models == memory.models
    assert (segment.vectors[0].codes == memory.vectors[0].codes).all()
    assert [rows.shape for rows in segment.vectors_of(1)] == [(4, 32)]
    assert [hit.work.id for hit in opened([segment], words).find([RETOLD], 1)[0]] == ["fable"]


def embedding_of(cascade: Cascade) -> Embedding:
    return Embedding(models_of(cascade), lambda: cascade)


def test_an_index_keeps_vectors_through_removal_and_compaction(tmp_path: Path, words: Cascade) -> None:
    store, texts = Store(tmp_path), {"fable": FABLE, "gone": RETOLD, "news": OTHER, "book": long_text(450, 4)}
    for name, text in texts.items():
        list(store.add([(Work(name, name), text)], embedding=embedding_of(words)))
    store.remove(["gone"])
    before = opened(store.snapshot().segments, words).find([RETOLD, OTHER], 3)
    revision = store.revision()
    given = len(words.finder.given)  # type: ignore[attr-defined]
    store.compact()
    segments = store.snapshot().segments
    assert (len(segments), store.revision(), store.verify()) == (1, revision, [])
    after = opened(segments, words).find([RETOLD, OTHER], 3)
    assert given == len(words.finder.given) - 1, "compaction encodes nothing"  # type: ignore[attr-defined]
    assert [[(hit.work.id, hit.source, hit.cosine) for hit in hits] for hits in after] == [
        [(hit.work.id, hit.source, hit.cosine) for hit in hits] for hits in before
    ]
    assert after[0][0].work.id == "fable"


def test_segments_with_and_without_vectors_are_not_merged(tmp_path: Path, words: Cascade) -> None:
    store = Store(tmp_path)
    for name, embedding in (("a", None), ("b", embedding_of(words)), ("c", None), ("d", embedding_of(words))):
        list(store.add([(Work(name, name), FABLE)], embedding=embedding))
    store.compact()
    assert [len(segment.models) for segment in store.snapshot().segments] == [0, 1]


def test_adding_again_makes_vectors_where_they_are_asked_for_and_missing(tmp_path: Path, words: Cascade) -> None:
    def changes(embedding: Embedding | None) -> list[str]:
        return [
            outcome.change for outcome in Store(tmp_path).add([(Work("fable", "Fable"), FABLE)], embedding=embedding)
        ]

    other = Cascade(WordEncoder("words", "retrained"))
    assert changes(None) == ["added"]
    assert changes(embedding_of(words)) == ["updated"]
    assert changes(embedding_of(words)) == ["unchanged"]
    assert changes(None) == ["unchanged"], "vectors that are there stay"
    assert changes(embedding_of(other)) == ["updated"]
    assert Store(tmp_path).snapshot().segments[0].models == models_of(other)


def test_a_damaged_vector_is_noticed(tmp_path: Path, words: Cascade) -> None:
    list(Store(tmp_path).add([(Work("fable", "Fable"), FABLE)], embedding=embedding_of(words)))
    (name,) = Store(tmp_path).snapshot().layout
    arrays = tmp_path / "segments" / name / "arrays.bin"
    codes = Store(tmp_path).snapshot().segments[0].vectors[0].codes.tobytes()
    raw = bytearray(arrays.read_bytes())
    at = raw.index(codes)
    raw[at + 3] ^= 1
    arrays.write_bytes(raw)
    with pytest.raises(IndexUnavailableError, match="is damaged"):
        Store(tmp_path).snapshot()
