"""Labelled sets as they lie on disk: the form of one's own, and that of the evaluation data."""

import json
from pathlib import Path

import pytest

from indexes.errors import UsageError
from proxy.evaluation import sets
from proxy.evaluation.derived import Derivation, pieces
from proxy.evaluation.pairs import Measuring
from proxy.evaluation.spans import Library, documents
from tests.support.evaluation import PAIRS, TINY, folder, write_pairs


def test_a_set_of_ones_own_is_read_line_by_line(tmp_path: Path) -> None:
    found = sets.readers(folder(tmp_path))["small"]()
    assert [(pair.output, pair.source, pair.label) for pair in found.pairs] == PAIRS
    assert len({pair.group for pair in found.pairs}) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"output": "a", "label": true}', "`{file}`:1 has no `source`; write output, source and label"),
        ("[1]", "`{file}`:1 is no JSON object; write one a line"),
        ("{", "`{file}`:1 is no JSON object; write one a line"),
        (
            '{"output": "a", "source": "b", "label": "no"}',
            "`{file}`:1 has the label `no`; write true or false",
        ),
    ],
)
def test_a_line_at_fault_is_named(tmp_path: Path, line: str, said: str) -> None:
    write_pairs(tmp_path, "mine", [])
    file = tmp_path / "sets" / "mine.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(UsageError) as fault:
        sets.readers(tmp_path)["mine"]()
    assert str(fault.value) == said.format(file=file)


def write(path: Path, *rows: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_the_evaluation_data_is_read_by_its_own_form(tmp_path: Path) -> None:
    home = tmp_path / "paraphrase"
    write(home / "pan_pairs.jsonl", *({"a": f"a {n}", "b": "b", "paraphrase": n % 2 == 0} for n in range(40)))
    verse = [{"ref": f"Gen.1.{n}", "KJV": f"k {n}", "ASV": f"a {n}", "WEB": f"w {n}"} for n in range(1, 4)]
    write(home / "bible_verses.jsonl", *verse, {"ref": "Gen.2.1", "KJV": "k", "ASV": "a", "WEB": "w"})
    told = [{"book": book, "passage": book + end, "paraphrases": ["p", "q"]} for book, end in ("Ax", "Ay", "Bx")]
    write(home / "decop.jsonl", *told)
    task = home / "clough_stevenson"
    task.mkdir()
    rows = ["File,Task,Category", "one.txt,a,non", "two.txt,a,heavy", "orig_taska.txt,a,orig", "gone.txt,a,cut"]
    (task / "file_information.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name in ("one", "two", "orig_taska"):
        (task / f"{name}.txt").write_text(name, encoding="utf-8")
    found = {name: read() for name, read in sets.readers(tmp_path).items()}
    assert [(pair.output, pair.source, pair.label) for pair in found["clough_stevenson"].pairs] == [
        ("one", "orig_taska", False),
        ("two", "orig_taska", True),
    ]
    assert len(found["pan_pairs"].pairs) == 40
    right = [pair for pair in found["bible_verses"].pairs if pair.label]
    wrong = [pair for pair in found["bible_verses"].pairs if not pair.label]
    assert [(pair.output[1:], pair.source[1:]) for pair in right][:2] == [(" 1", " 1"), (" 1", " 1")]
    assert len(right) == 8
    assert all(pair.source[1:] != pair.output[1:] and pair.source != "k" for pair in wrong)
    pairs = found["decop"].pairs
    assert [(pair.output, pair.source, pair.label) for pair in pairs][:2] == [("p", "Ax", True), ("p", "Ay", False)]
    assert not any(pair.source == "Bx" for pair in pairs if not pair.label)


def test_only_what_nothing_was_learnt_from_is_measured(tmp_path: Path) -> None:
    write(tmp_path / "pan.jsonl", *({"a": f"a {n}", "b": f"b {n}", "paraphrase": True} for n in range(4)))
    verse = {"KJV": "k", "ASV": "a", "WEB": "w"}
    write(tmp_path / "bible.jsonl", *({"ref": f"{book}.1.1", **verse} for book in ("Gen", "Exod")))
    told = [sets.Retold(book, book, ("p",)) for book in ("Alice", "Dracula")]
    held = sets.HeldOut(frozenset({1, 3}), frozenset({"Dracula"}), frozenset({"Exod"}))
    found = {
        "pan": list(sets.pan_pairs(tmp_path / "pan.jsonl", held)),
        "decop": list(sets.retold_pairs(told, held)),
        "bible": list(sets.verses(tmp_path / "bible.jsonl", held)),
    }
    measured = {name: {pair.group for pair in pairs if not pair.tuning} for name, pairs in found.items()}
    assert measured == {"pan": {sets.key("a 1"), sets.key("a 3")}, "decop": {sets.key("Dracula")}, "bible": {"Exod.1"}}
    nobody = list(sets.pan_pairs(tmp_path / "pan.jsonl", sets.HeldOut()))
    assert not any(pair.tuning for pair in nobody)


def test_what_has_learnt_from_a_set_answers_for_no_target_on_it() -> None:
    pairs = tuple(sets.Pair(*pair, group=str(number)) for number, pair in enumerate(PAIRS))
    for learnt, answering in ((True, "verbatim"), (False, "semantic")):
        result = Measuring(sets.PairSet("clough_stevenson", pairs, learnt=learnt), TINY).result()
        assert [each.method for each in result.figures if each.target] == [answering]
        assert bool(result.notes) is learnt


def test_long_texts_are_judged_piece_by_piece() -> None:
    words = [f"word{number}" for number in range(900)]
    assert pieces("a  b\n") == ["a  b\n"]
    assert [len(each.split()) for each in pieces(" ".join(words))] == [400, 400, 100]
    source = " ".join(words)
    judge = Derivation([source])
    assert judge.score(source, source) > 0.9
    assert judge.score(" ".join(words[:400] + [f"other{number}" for number in range(400)]), source) < 0.6


def test_a_sample_is_seeded_and_keeps_both_labels(tmp_path: Path) -> None:
    whole = sets.readers(folder(tmp_path))["small"]()
    some = sets.sampled(whole, 2)
    assert some == sets.sampled(whole, 2)
    assert [pair.label for pair in some.pairs] == [True, True, False, False]


def test_a_document_says_where_what_stands_in_it_comes_from(tmp_path: Path) -> None:
    home = folder(tmp_path)
    works = sets.works(home)
    texts = {work.id: text for work, text in works}
    alice = texts["alice.txt"]
    passage = " ".join(alice[5000:6000].split()[1:-1])
    retold = [sets.Retold("Alice", passage, ("told anew",)), sets.Retold("Alice", "in no work at all", ("x",))]
    made = list(documents(Library(works, sets.clean(home)[0][1], seed=2), retold, 1))
    assert [each.part for each in made] == [
        *(f"{rate}% edited" for rate in (0, 5, 10, 20, 30, 40)),
        "reordered",
        "paraphrased",
    ]
    for case in made[0].cases:
        output = made[0].text[case.output.start : case.output.end]
        assert output.split() == texts[case.work][case.source.start : case.source.end].split()
    (case,) = made[-1].cases
    assert made[-1].text[case.output.start : case.output.end] == "told anew"
    assert passage.startswith(" ".join(alice[case.source.start : case.source.end].split())[:50])
    assert made == list(documents(Library(works, sets.clean(home)[0][1], seed=2), retold, 1))


def test_so_many_words_are_edited_as_is_said(tmp_path: Path) -> None:
    home = folder(tmp_path)
    library = Library(sets.works(home), sets.clean(home)[0][1], seed=4)
    words = [f"w{number}" for number in range(3000)]
    for rate in (0.0, 0.1, 0.4):
        kept = [word for word in library.edited(words, rate) if word.startswith("w") and word[1:].isdigit()]
        # A third of the edits puts a word before the old one, which stays.
        assert len(kept) / len(words) == pytest.approx(1 - rate * 2 / 3, abs=0.03)
    moved = library.reordered(words)
    assert sorted(moved) == sorted(words)
    assert moved != words
