"""The nouns of what was copied: works, spans and matches. Values only."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "code", "image"]
Nature: TypeAlias = Literal["creative", "factual", "functional"]
Market: TypeAlias = Literal["in_print", "licensable", "out_of_print", "none"]
Detector: TypeAlias = Literal["verbatim", "near", "semantic", "structure", "image"]

NEAR_REACH: Final = 64
"""Tokens by which a near match grows at once at most."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open interval; the field that holds it says of which text and in which unit."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Work:
    """A protected thing in an index, with what the manifest and the text itself say of it.

    `words` counts the whole work as limits count (two characters of a script without spaces make one word);
    `chars` counts code points; `digest` is the SHA-256 of the content; `heart` holds code-point intervals of the
    source. None means that nobody said. Of a work that is `minhash_only` the index has signatures of its passages and
    nothing else: near-duplicates of them are found, and no promise on verbatim copies holds.
    """

    id: str
    title: str
    kind: Kind = "text"
    creators: tuple[str, ...] = ()
    holder: str | None = None
    license: str | None = None
    private_to: tuple[str, ...] = ()
    nature: Nature | None = None
    form: str | None = None
    form_inferred: bool = False
    year: int | None = None
    url: str | None = None
    market: Market | None = None
    opt_out: bool = False
    plugin: str | None = None
    heart: tuple[tuple[int, int], ...] = ()
    tags: tuple[str, ...] = ()
    words: int = 0
    chars: int = 0
    digest: str = ""
    minhash_only: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens that stand one after another, alike, in output and source, with no gap.

    `output` and `source` are token numbers (first token is 0) in the channel and in the work. `units` is 2 for words
    and 1 for characters of a script without spaces, the same for every token of the stretch. `common` marks tokens
    that only common grams cover; they count in no limit.
    """

    output: int
    source: int
    tokens: int
    units: Literal[1, 2] = 2
    common: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One copied place. `output` indexes the channel's text as generated, `source` the work's text, in code points.

    `words` counts matched words, bridged ones not; `counted` those of them that limits count (not covered by common
    grams alone); `span_words` the output words of the span, bridged ones included. `live` says that the next word may
    still extend the match. `grounded` says that the passage also stands in the request. A `semantic` match has no
    stretches and counts no words; `probability` is how likely it is that the span was made from the source.
    """

    detector: Detector
    work: Work
    channel: str
    output: Span
    source: Span
    stretches: tuple[Stretch, ...]
    words: int
    counted: int
    span_words: int
    grounded: bool = False
    live: bool = False
    probability: float | None = None

    @property
    def identity(self) -> float:
        """Matched words over output words of the span, 0 to 1."""
        return self.words / self.span_words if self.span_words else 0.0
