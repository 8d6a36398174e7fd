"""The seams of the indexes: what the proxy may expect of any of them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from indexes.model import Match, Work


class Scanner(Protocol):
    """A machine that reads the text of one channel once and says what of it was copied.

    Loop: `while (at := scanner.step(text, at)) < len(text)`: judge `matches`, then go on from `at`.
    """

    spare: int
    """At how many tokens more a match may grow without a stop; counts down. 0 at first.

    A near match grows by several tokens at once; they count, and where they are more than is left, it stops.
    """

    @property
    def matches(self) -> tuple[Match, ...]:
        """Every match opened so far, in order of opening, each with its present extent."""

    @property
    def words_ended(self) -> Sequence[int]:
        """End offset, in code points of the channel's text, of each finished token so far (token number -> end)."""

    @property
    def words(self) -> int:
        """Words of finished tokens so far; two characters of a script without spaces count as one."""

    @property
    def settled(self) -> int:
        """Offset, in code points, before which no verbatim match that is still to open begins."""

    @property
    def opened(self) -> int:
        """How many matches there are so far; quicker than to ask for them."""

    @property
    def live(self) -> int:
        """How many runs the next token may still extend."""

    def step(self, text: str, start: int = 0) -> int:
        """Read `text[start:]`, stopping early right after a token at which a match opened, or grew with none to spare.

        Returns the offset in `text` up to which it has read: `len(text)` when all was read and nothing grew at the
        last stop. A token is finished when the character after it is seen, or by `close()`; that character is then not
        yet read. Only a stop (return value below `len(text)`) or `close()` can change `matches` to open or grow.
        """

    def close(self) -> None:
        """The text ends here: finish the last token; `matches` is final and none is live."""


class TextIndex(Protocol):
    """A snapshot of works of text, immutable; a new snapshot has another revision."""

    @property
    def revision(self) -> str:
        """Names the exact set of works and parameters, 16 hexadecimal digits."""

    def known_to(self, knows: Callable[[Work], bool]) -> "TextIndex":
        """The same index without the works that are private to some and that `knows` says no to; they do not match."""

    def scanner(self, channel: str, grounding: Sequence[str] = ()) -> Scanner:
        """A fresh scanner. `grounding` holds the request's own texts; they are read only when something matches."""

    def scan(self, text: str, channel: str = "content", grounding: Sequence[str] = ()) -> tuple[Match, ...]:
        """All matches in a whole text, vectorised; equal to stepping a scanner over it and closing it."""

    def near_duplicates(self, text: str, channel: str = "content", grounding: Sequence[str] = ()) -> tuple[Match, ...]:
        """Passages of a whole text that are nearly those of works which no scanner sees: those held by signatures."""
