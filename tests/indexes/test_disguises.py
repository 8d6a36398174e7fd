"""Disguised copies are found where they stand, however the text is cut, and the same when it is read whole."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import proxy.demo
from indexes.base import Scanner
from indexes.model import Match, Work
from indexes.text.index import SegmentIndex
from indexes.text.segment import TextSegment
from tests.support.disguise import DISGUISES, disguised

SAMPLES = Path(proxy.demo.__file__).parent / "works"
CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "cases/disguises/one.yaml").read_text("utf-8")
)
WORDS = 80


@cache
def sample() -> str:
    return max((path.read_text("utf-8") for path in sorted(SAMPLES.glob("*.txt"))), key=len)


@cache
def index(*, views: bool) -> SegmentIndex:
    return SegmentIndex([TextSegment.from_texts([(Work(id="work", title="Work"), sample())])], "0" * 16, views=views)


def passage() -> str:
    return " ".join(sample().split()[200 : 200 + WORDS])


def found(matches: tuple[Match, ...]) -> int:
    """Distinct words of the work."""
    verbatim = [match for match in matches if match.detector == "verbatim"]
    return len({s.source + at for match in verbatim for s in match.stretches for at in range(s.tokens)})


def stream(scanner: Scanner, text: str, size: int) -> list[int]:
    """Step through a text cut into pieces; returns where it stopped."""
    stops = []
    for begin in range(0, len(text), size):
        at, piece = 0, text[begin : begin + size]
        while (at := scanner.step(piece, at)) < len(piece):
            stops.append(begin + at)
    scanner.close()
    return stops


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["disguise"])
def test_a_disguised_copy_is_found(case: dict[str, Any]) -> None:
    text = disguised(case["disguise"], passage())
    matches = index(views=True).scan(text)
    assert found(matches) >= case["found"] * WORDS
    assert all(0 <= match.output.start < match.output.end <= len(text) for match in matches)
    assert (found(index(views=False).scan(text)) >= WORDS) is case["plainly"]


def test_every_disguise_has_a_case() -> None:
    assert {case["disguise"] for case in CASES} == set(DISGUISES)


@pytest.mark.parametrize("name", ["leet", "spaced", "base64", "html", "rot13", "reversed-words"])
def test_how_a_text_is_cut_changes_nothing(name: str) -> None:
    text = "It was said before.\n\n" + disguised(name, passage()) + "\n\nAnd so it ended."
    whole = index(views=True).scan(text)
    stops = []
    for size in (1, 7, 100, len(text)):
        scanner = index(views=True).scanner("content")
        stops.append(stream(scanner, text, size))
        assert scanner.matches == whole
    assert stops[0]
    assert all(each == stops[0] for each in stops)
