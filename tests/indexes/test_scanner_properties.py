"""Streamed, whole and plain comparison say the same, field for field, of texts with planted copies."""

from hypothesis import HealthCheck, given, settings

from indexes.base import Scanner
from indexes.model import Match
from indexes.text.normalize import tokenize
from tests.support.brute import Text
from tests.support.planted import Case, cases, indexed

EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MORE = settings(EXAMPLES, max_examples=60)


def stream(scanner: Scanner, case: Case) -> None:
    for chunk in case.chunks():
        at = 0
        while (at := scanner.step(chunk, at)) < len(chunk):
            pass
    scanner.close()


def test_streamed_whole_and_plain_comparison_agree() -> None:
    held: list[bool] = []
    near: list[bool] = []

    @EXAMPLES
    @given(cases())
    def agree(case: Case) -> None:
        index, reference = indexed(case.works, case.cuts % 3)
        expected = reference.scan(case.text, case.requests)
        scanner = index.scanner("content", case.requests)
        stream(scanner, case)
        assert index.scan(case.text, grounding=case.requests) == scanner.matches
        assert exact(scanner.matches) == expected
        near.append(scanner.matches != expected)
        assert list(scanner.words_ended) == tokenize(case.text).ends.tolist()
        held.append(bool(expected))

    agree()
    assert sum(held) > 0.6 * len(held), "too few examples hold a copy"
    assert any(near), "no example holds a near copy"


def test_at_every_stop_the_matches_are_those_of_the_tokens_read_so_far() -> None:
    stops: list[int] = []

    @MORE
    @given(cases())
    def agree(case: Case) -> None:
        index, reference = indexed(case.works, case.cuts % 3)
        scanner = index.scanner("content", case.requests)
        tokens = Text.of(tokenize(case.text))
        begun = 0
        for chunk in case.chunks():
            at = 0
            before = scanner.matches
            while (at := scanner.step(chunk, at)) < len(chunk):
                read = len(scanner.words_ended)
                assert begun + at == tokens.ends[read - 1], "a stop is right after a token"
                expected = reference.judge(tokens.head(read), case.requests, "content", closed=False)
                assert exact(scanner.matches) == expected
                assert reach(scanner.matches) != reach(before), "a stop without growth"
                before = scanner.matches
                stops.append(at)
            begun += len(chunk)
            read = len(scanner.words_ended)
            assert reach(scanner.matches) == reach(before), "growth without a stop"
            expected = reference.judge(tokens.head(read), case.requests, "content", closed=False)
            assert exact(scanner.matches) == expected

    agree()
    assert len(stops) > 200, "too few examples hold a copy"


def exact(matches: tuple[Match, ...]) -> tuple[Match, ...]:
    return tuple(match for match in matches if match.detector == "verbatim")


def reach(matches: tuple[Match, ...]) -> list[tuple[int, int]]:
    return [(match.output.start, match.output.end) for match in matches]


def test_evidence_never_falls_and_no_match_opens_before_what_is_settled() -> None:
    @MORE
    @given(cases())
    def grows(case: Case) -> None:
        index, _ = indexed(case.works)
        scanner = index.scanner("content", case.requests)
        counted: set[tuple[str, int, int]] = set()
        known: set[tuple[str, int, bool]] = set()
        settled = 0
        for chunk in case.chunks():
            at = 0
            more = True
            while more:
                at = scanner.step(chunk, at)
                more = at < len(chunk)
                now = weighing(scanner.matches)
                assert counted <= now
                counted = now
                found = exact(scanner.matches)
                opened = {(match.work.id, match.source.start, match.grounded) for match in found} - known
                starts = [m.output.start for m in found if (m.work.id, m.source.start, m.grounded) in opened]
                assert all(start >= settled for start in starts)
                known |= opened
                settled = scanner.settled

    grows()


def weighing(matches: tuple[Match, ...]) -> set[tuple[str, int, int]]:
    """Each token that limits count, by work, output and source."""
    return {
        (match.work.id, stretch.output + step, stretch.source + step)
        for match in matches
        if not match.grounded
        for stretch in match.stretches
        if not stretch.common
        for step in range(stretch.tokens)
    }
