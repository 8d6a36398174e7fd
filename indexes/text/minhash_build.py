"""Works to the arrays and files of a segment that holds signatures of their passages: no grams, no tokens, no texts."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from indexes.model import Work
from indexes.text.build import WORKS, Arrays, Built, Lines, SegmentBuilder, digest, encode_work
from indexes.text.minhash import Family, permuter, shingle_hashes
from indexes.text.minhash_passages import Fresh, Held, Passages, reach_of, signed
from indexes.text.normalize import tokenize


class MinHashBuilder:
    """Takes works one by one; `size` counts the bytes of text taken so far, `tokens` their tokens."""

    def __init__(self, family: Family = "affine32") -> None:
        self.size = 0
        self.tokens = 0
        self._family: Family = family
        self._lines = Lines()
        self._works: list[Held | Fresh] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, work: Work, text: str) -> Work:
        """Add a work; returns it with its words, characters and digest filled in."""
        tokens = tokenize(text)
        work = replace(work, words=tokens.words, chars=len(text), digest=work.digest or digest(text), minhash_only=True)
        self._take(work, Fresh(shingle_hashes(tokens.hashes), reach_of(tokens), len(tokens)))
        self.size += len(text.encode("utf-8", "surrogatepass"))
        return work

    def put(self, work: Work, held: Held) -> None:
        """Add a work as another segment of the same family holds it."""
        self._take(work, held)

    def finish(self) -> Built:
        """The arrays and files of the segment; to be called once."""
        fresh = iter(signed([work for work in self._works if isinstance(work, Fresh)], permuter(self._family)))
        held = [next(fresh) if isinstance(work, Fresh) else work for work in self._works]
        self._works.clear()
        works, work_offsets = self._lines.finish()
        arrays: Arrays = {
            **SegmentBuilder(keep_texts=False).finish().arrays,
            "edges": np.zeros(len(held) + 1, np.int64),
            "shorts": np.zeros(len(held), np.uint8),
            "work_offsets": work_offsets,
            **Passages.of(held, self._family).arrays(),
        }
        return Built(arrays, {WORKS: works})

    def _take(self, work: Work, what: Held | Fresh) -> None:
        self._lines.add(encode_work(work))
        self._works.append(what)
        self._count += 1
        self.tokens += what.tokens


def build(works: Iterable[tuple[Work, str]], family: Family = "affine32") -> Built:
    """One segment's arrays and files of these works."""
    builder = MinHashBuilder(family)
    for work, text in works:
        builder.add(work, text)
    return builder.finish()
