"""What stands in place of a copied passage."""

import pytest

from policies.edits import cite, quote_note
from tests.support.evidence import a_work


@pytest.mark.parametrize(
    ("creators", "expected"),
    [
        ((), "Emma"),
        (("Jane Austen",), "Emma, Jane Austen"),
        (("A", "B", "C"), "Emma, A, B, C"),
        (("A", "B", "C", "D"), "Emma, A, B, C, and others"),
    ],
)
def test_a_source_is_a_title_and_who_made_it(creators: tuple[str, ...], expected: str) -> None:
    assert cite(a_work(title="Emma", creators=creators)) == expected


def test_a_quotation_that_was_cut_says_so_and_names_its_source() -> None:
    assert quote_note(a_work(title="Emma", creators=("Jane Austen",))) == " [...] (Emma, Jane Austen)"


def test_a_source_stays_on_its_line_whatever_a_manifest_says() -> None:
    assert cite(a_work(title="Emma\n\n  a novel", creators=("Jane\tAusten",))) == "Emma a novel, Jane Austen"
