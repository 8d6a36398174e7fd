"""What is to spare passes without a stop, and changes nothing else."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.planted import Case, cases, indexed

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def stops(case: Case, spare: int) -> list[tuple[int, bool]]:
    """Where a scanner stops that is given so much to spare anew at each stop, and whether a match opened there."""
    scanner = indexed(case.works, case.cuts % 3)[0].scanner("content", case.requests)
    found: list[tuple[int, bool]] = []
    begun = opened = 0
    scanner.spare = spare
    for chunk in case.chunks():
        at = 0
        while (at := scanner.step(chunk, at)) < len(chunk):
            found.append((begun + at, scanner.opened > opened))
            opened, scanner.spare = scanner.opened, spare
        begun += len(chunk)
    scanner.close()
    return found


def test_so_many_tokens_of_growth_pass_and_no_opening_does() -> None:
    spared: list[bool] = []

    @EXAMPLES
    @given(cases(), st.integers(1, 20))
    def agree(case: Case, spare: int) -> None:
        every = stops(case, 0)
        left, expected = spare, []
        for at, opened in every:
            if opened or not left:
                expected.append((at, opened))
                left = spare
            else:
                left -= 1
        assert stops(case, spare) == expected
        spared.append(len(expected) < len(every))

    agree()
    assert sum(spared) > len(spared) // 3, "too few examples hold a copy that grows"
