"""Vectors of passages as a segment keeps them: one byte a component, one array a model, the models in its manifest.

A component of a vector of length 1 is kept as the nearest of 255 steps of 1/254, so what exceeds a half is cut off;
cosines come out within about 0.004. Vectors of a model of 384 dimensions take four bytes for each word of a long work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from indexes.errors import IndexUnavailableError
from indexes.text.embeddings_models import CASCADE, STATIC, Cascade, Encoder, Matrix, open_cascade
from indexes.text.embeddings_passages import passages, passages_of
from indexes.text.normalize import Tokens

SCALE: Final = 254
TOP: Final = 127
GATHER: Final = 512
"""Passages that are encoded together."""
FACTS: Final = "embeddings"
"""Where the manifest of a segment names the models."""

Codes = NDArray[np.int8]
Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a segment names it."""

    name: str
    checksum: str
    dimensions: int

    @classmethod
    def of(cls, encoder: Encoder) -> "Model":
        """The model that an encoder runs."""
        return cls(encoder.name, encoder.checksum, encoder.dimensions)

    @override
    def __str__(self) -> str:
        return f"`{self.name}` ({self.checksum[:8]})"


Models = tuple[Model, ...]
"""The finder, and the judge where there is one; empty: no vectors."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of all passages of a segment, work by work: `codes` int8 [passages, dimensions]."""

    model: Model
    codes: Codes


@dataclass(frozen=True, slots=True)
class Embedding:
    """What gives passages their vectors, for as many processes as are at work: each opens its own encoders.

    `takes_all_cores`, or the GPU: one process is enough.
    """

    models: Models
    opening: Callable[[], Cascade]
    takes_all_cores: bool = False

    @classmethod
    def of(cls, spec: str) -> "Embedding":
        """By what `open_cascade` takes, whose errors it raises; one thread a process but for models of torch."""
        opening = partial(open_cascade, spec, threads=1)
        return cls(models_of(opening()), opening, takes_all_cores=spec not in (STATIC, CASCADE))


def models_of(cascade: Cascade | None) -> Models:
    """What a segment made with these encoders names."""
    return tuple(map(Model.of, cascade.encoders)) if cascade else ()


def encoded(rows: Matrix) -> Codes:
    """Vectors of length 1 as they are kept."""
    return np.clip(np.rint(rows * SCALE), -TOP, TOP).astype(np.int8)


def decoded(codes: Codes) -> Matrix:
    """Vectors as they were, nearly."""
    return codes.astype(np.float32) / np.float32(SCALE)


class VectorWriter:
    """Collects the vectors of one work after another."""

    def __init__(self, models: Models, cascade: Cascade | None = None) -> None:
        self.models = models
        self._encoders = cascade.encoders if cascade else ()
        self._texts: list[str] = []
        self._parts: list[list[Codes]] = [[] for _ in models]

    @classmethod
    def by(cls, cascade: Cascade | None) -> "VectorWriter":
        """A writer that encodes; None: it keeps no vectors."""
        return cls(models_of(cascade), cascade)

    def add(self, text: str, tokens: Tokens) -> None:
        """Encode the passages of the next work, at the latest when all are asked for."""
        if not self._encoders:
            return
        for span in passages(len(tokens)):
            self._texts.append(text[tokens.starts[span.start] : tokens.ends[span.end - 1]])
        if len(self._texts) >= GATHER:
            self._encode()

    def put(self, codes: Sequence[Codes]) -> None:
        """Take over the vectors of the next work, one array a model."""
        for part, rows in zip(self._parts, codes, strict=True):
            part.append(rows)

    def finish(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """The arrays of the segment, and what its manifest says of them."""
        self._encode()
        if not self.models:
            return {}, {}
        arrays: dict[str, NDArray[np.generic]] = {
            name_of(number): np.concatenate([np.empty(0, np.int8), *(part.ravel() for part in self._parts[number])])
            for number in range(len(self.models))
        }
        return arrays, {FACTS: [asdict(model) for model in self.models]}

    def _encode(self) -> None:
        if self._texts:
            for part, encoder in zip(self._parts, self._encoders, strict=True):
                part.append(encoded(encoder.encode(self._texts)))
            self._texts.clear()


def name_of(number: int) -> str:
    """The array with the vectors of the model of this number."""
    return f"vectors_{number}"


def read_vectors(arrays: Arrays, said: Sequence[Mapping[str, Any]], firsts: NDArray[np.int64]) -> tuple[Vectors, ...]:
    """The vectors of a segment whose manifest says this of them, given where each work's passages begin.

    Raises KeyError, TypeError or ValueError where it is wrong.
    """
    found: list[Vectors] = []
    for number, each in enumerate(said):
        model = Model(str(each["name"]), str(each["checksum"]), int(each["dimensions"]))
        codes = arrays[name_of(number)].astype(np.int8, copy=False).reshape(int(firsts[-1]), model.dimensions)
        found.append(Vectors(model, codes))
    return tuple(found)


def first_passages(edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of each work's first passage in its segment, and how many passages there are."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(passages_of(np.diff(edges)))))


def refuse(where: str, found: Models, ours: Models) -> None:
    """Raise IndexUnavailableError, in one line that names both, unless a segment's models are ours.

    A segment that has only the finder's vectors will do for a cascade.
    """
    if found and (found == ours or found == ours[:1]):
        return
    raise IndexUnavailableError(
        f"{where} was embedded with {' and '.join(map(str, found))}, not with {' and '.join(map(str, ours))}; "
        "name that model, or add its works again with `--embeddings`"
    )
