"""What an index keeps of the works that are added: their grams with or without the texts, or signatures alone."""

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from indexes.text.build import SegmentBuilder
from indexes.text.embeddings_vectors import Embedding, Models, VectorWriter
from indexes.text.minhash import Family
from indexes.text.minhash_build import MinHashBuilder
from indexes.text.segment import TextSegment

Builder: TypeAlias = SegmentBuilder | MinHashBuilder


@dataclass(frozen=True, slots=True)
class Keep:
    """`texts`: the texts beside their grams. `minhash`: signatures of this family, and neither texts nor grams.

    `models`: those whose vectors of passages are kept too; with `embedding`, its models, and it makes them.
    """

    texts: bool = True
    minhash: Family | None = None
    models: Models = ()
    embedding: Embedding | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.embedding is not None:
            object.__setattr__(self, "models", self.embedding.models)
        if self.minhash is not None:
            object.__setattr__(self, "texts", False)

    @classmethod
    def of(cls, segment: TextSegment) -> "Keep":
        """What a segment keeps."""
        family = segment.passages.family if segment.passages is not None else None
        return cls(segment.keeps_texts, family, segment.models)

    def kept_by(self, segment: TextSegment) -> bool:
        """Whether a segment keeps this; vectors that were not asked for make no difference."""
        kept = Keep.of(segment)
        return kept == self or (not self.models and replace(kept, models=()) == self)

    def builder(self) -> Builder:
        """A builder of a segment that keeps it."""
        if self.minhash is not None:
            return MinHashBuilder(self.minhash)
        if self.embedding is not None:
            return SegmentBuilder(keep_texts=self.texts, vectors=VectorWriter.by(self.embedding.opening()))
        return SegmentBuilder(keep_texts=self.texts, vectors=VectorWriter(self.models))
