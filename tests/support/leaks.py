"""Brute-force judge of what a client received: is any run of consecutive words copied beyond the limit?

It shares nothing with the project: its own words, its own table of every passage of limit + 1 words of every work.
"""

import re
import unicodedata
from collections.abc import Iterable

WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Folded words of a text."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return WORD.findall(plain.casefold())


class LeakJudge:
    """Knows every passage of `limit + 1` consecutive words of some works."""

    def __init__(self, works: Iterable[str], limit: int) -> None:
        self.size = limit + 1
        self.passages: set[int] = set()
        for work in works:
            self.passages.update(self._hashes(words(work)))

    def leaks(self, received: str) -> list[str]:
        """The passages over the limit that stand in a received text."""
        found = words(received)
        return [
            " ".join(found[at : at + self.size]) for at, key in enumerate(self._hashes(found)) if key in self.passages
        ]

    def _hashes(self, found: list[str]) -> Iterable[int]:
        joined = " ".join(found)
        starts = [0]
        for word in found:
            starts.append(starts[-1] + len(word) + 1)
        for at in range(len(found) - self.size + 1):
            yield hash(joined[starts[at] : starts[at + self.size] - 1])
