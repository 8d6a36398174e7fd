"""Brute-force judge of what a client received: is any run of consecutive words copied beyond the limit?

It shares nothing with the project: its own words, its own table of every passage of limit + 1 words of every work.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from indexes.model import Work
from tests.support.brute import Indexed, Reference

WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Folded words of a text."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return WORD.findall(plain.casefold())


class LeakJudge:
    """Knows every passage of `limit + 1` consecutive words of some works.

    A passage it finds is a leak unless so many of its words stand in common expressions alone that no more than `limit`
    others are left; that is asked of the brute-force reference.
    """

    def __init__(self, works: Sequence[str], limit: int) -> None:
        self.limit = limit
        self.works = works
        self.passages: dict[int, int] = {}
        for number, work in enumerate(works):
            self.passages.update(dict.fromkeys(self._hashes(words(work)), number))
        self.references: dict[int, Reference] = {}

    def leaks(self, received: str) -> list[str]:
        """The passages over the limit that stand in a received text."""
        found = words(received)
        hits = [(at, self.passages[key]) for at, key in enumerate(self._hashes(found)) if key in self.passages]
        holders = {work for _, work in hits}
        if not hits or all(self._longest(received, work) <= self.limit for work in holders):
            return []
        return [" ".join(found[at : at + self.limit + 1]) for at, _ in hits]

    def _longest(self, received: str, work: int) -> int:
        """Words of the longest unbroken run that are not covered by common grams alone, by plain comparison."""
        if work not in self.references:
            text = self.works[work]
            self.references[work] = Reference([Indexed(Work(id=str(work), title=""), text)])
        longest = 0
        for match in self.references[work].scan(received):
            run, end = 0, -1
            for stretch in match.stretches:
                run = run if stretch.output == end else 0
                run += 0 if stretch.common else stretch.tokens
                end = stretch.output + stretch.tokens
                longest = max(longest, run)
        return longest

    def _hashes(self, found: list[str]) -> Iterable[int]:
        joined = " ".join(found)
        starts = [0]
        for word in found:
            starts.append(starts[-1] + len(word) + 1)
        size = self.limit + 1
        for at in range(len(found) - size + 1):
            yield hash(joined[starts[at] : starts[at + size] - 1])
