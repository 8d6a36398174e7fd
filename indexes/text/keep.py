"""What an index keeps of the works that are added: their grams with or without the texts, or signatures alone."""

from dataclasses import dataclass
from typing import TypeAlias

from indexes.text.build import SegmentBuilder
from indexes.text.minhash import Family
from indexes.text.minhash_build import MinHashBuilder
from indexes.text.segment import TextSegment

Builder: TypeAlias = SegmentBuilder | MinHashBuilder


@dataclass(frozen=True, slots=True)
class Keep:
    """`texts`: the texts beside their grams. `minhash`: signatures of this family, and neither texts nor grams."""

    texts: bool = True
    minhash: Family | None = None

    def __post_init__(self) -> None:
        if self.minhash is not None:
            object.__setattr__(self, "texts", False)

    @classmethod
    def of(cls, segment: TextSegment) -> "Keep":
        """What a segment keeps."""
        return cls(segment.keeps_texts, segment.passages.family if segment.passages is not None else None)

    def builder(self) -> Builder:
        """A builder of a segment that keeps it."""
        return SegmentBuilder(keep_texts=self.texts) if self.minhash is None else MinHashBuilder(self.minhash)
