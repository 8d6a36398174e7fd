"""Nearest passages by inner product, through faiss: all looked at while they are few, else lists of neighbours.

On a GPU where faiss has one. What a shelf is made of depends on how many vectors there are and on nothing else, so the
same index gives the same neighbours each time it is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from indexes.errors import FairgateError
from indexes.text.embeddings_models import SETUP, Matrix
from indexes.text.embeddings_vectors import SCALE, Codes, decoded, encoded

if TYPE_CHECKING:
    import faiss

LARGE: Final = 1_000_000
"""Passages from which neighbours are looked for in lists: to look at all takes 17 ms by then, to learn lists 20 s."""
OFFSET: Final = 128
SAMPLE: Final = 64
"""Vectors a list that its centre is learnt from."""
LOOKED_AT: Final = 4
"""One list in so many is looked at. Of 394,000 passages an eighth of the lists lost 6 sources in 100, a quarter 1."""
BLOCK: Final = 1 << 16
WIDE: Final = 4
"""How many times more a GPU, which cannot leave any out, is asked for where some are hidden."""
NOWHERE: Final = -1


class Shelf(Protocol):
    """Vectors that can be looked for; immutable."""

    def nearest(self, queries: Matrix, top: int, hidden: NDArray[np.bool_]) -> tuple[Matrix, NDArray[np.int64]]:
        """Cosines and numbers of the `top` nearest of each query, best first; -1 where there are no more.

        `hidden` says of each vector whether it is left out.
        """


@dataclass(frozen=True, slots=True)
class FaissShelf(Shelf):
    """Codes in memory, compared as they are; a query is brought into the same form."""

    index: "faiss.Index"
    probes: int = 0

    @override
    def nearest(self, queries: Matrix, top: int, hidden: NDArray[np.bool_]) -> tuple[Matrix, NDArray[np.int64]]:
        import faiss

        faiss.omp_set_num_threads(1)  # of this thread; a look-up is too short to be shared out
        given: dict[str, object] = {}
        if hidden.any():
            bitmap = np.packbits(~hidden, bitorder="little")
            given["sel"] = faiss.IDSelectorBitmap(bitmap)
        if self.probes:
            params = faiss.SearchParametersIVF(nprobe=self.probes, **given)
        else:
            params = faiss.SearchParameters(**given) if given else None
        scores, numbers = self.index.search(encoded(queries).astype(np.float32), top, params=params)
        return scores / SCALE**2, numbers


@dataclass(frozen=True, slots=True)
class GpuShelf(Shelf):
    """Vectors on a GPU as half floats, in what `resources` holds of it."""

    index: "faiss.Index"
    resources: "faiss.StandardGpuResources"

    @override
    def nearest(self, queries: Matrix, top: int, hidden: NDArray[np.bool_]) -> tuple[Matrix, NDArray[np.int64]]:
        wide = min(top * WIDE if hidden.any() else top, len(hidden))
        scores, numbers = self.index.search(np.ascontiguousarray(queries), wide)
        numbers[(numbers >= 0) & hidden[numbers]] = NOWHERE
        order = np.argsort(numbers == NOWHERE, axis=1, kind="stable")[:, :top]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(numbers, order, 1)


def open_shelf(parts: Sequence[Codes], *, large: int = LARGE) -> Shelf:
    """A shelf of the vectors of some segments, one after another; from `large` of them on in lists of neighbours.

    Raises FairgateError with what to run where faiss is missing.
    """
    try:
        import faiss
    except ImportError as error:
        raise FairgateError(f"package `faiss-cpu` is missing; {SETUP}") from error
    count, dimensions = sum(map(len, parts)), parts[0].shape[1]
    lists = lists_for(count) if count >= large else 0
    if faiss.get_num_gpus():
        return on_gpu(parts, dimensions, lists)
    kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
    if not lists:
        flat = faiss.IndexScalarQuantizer(dimensions, kind, faiss.METRIC_INNER_PRODUCT)
        flat.is_trained = True
        for part in parts:
            flat.add_sa_codes(as_bytes(part))
        return FaissShelf(flat)
    return in_lists(parts, dimensions, lists)


def lists_for(count: int) -> int:
    """How many lists so many vectors are kept in: a power of two, about the square root."""
    return 1 << round(log2(count) / 2)


def in_lists(parts: Sequence[Codes], dimensions: int, lists: int) -> Shelf:
    """A shelf that looks at the lists nearest to a query."""
    import faiss

    centres = faiss.IndexFlatIP(dimensions)
    centres.add(learnt(parts, dimensions, lists))
    kind, by_residual = faiss.ScalarQuantizer.QT_8bit_direct_signed, False
    index = faiss.IndexIVFScalarQuantizer(centres, dimensions, lists, kind, faiss.METRIC_INNER_PRODUCT, by_residual)
    index.is_trained = True
    for part in parts:
        for at in range(0, len(part), BLOCK):
            index.add(part[at : at + BLOCK].astype(np.float32))
    return FaissShelf(index, lists // LOOKED_AT)


def learnt(parts: Sequence[Codes], dimensions: int, lists: int) -> Matrix:
    """The centres of the lists, learnt from a sample that depends on the vectors alone."""
    import faiss

    whole = sum(map(len, parts))
    step = max(1, whole // (lists * SAMPLE))
    sample = np.concatenate([decoded(part[::step]) for part in parts])
    kmeans = faiss.Kmeans(dimensions, lists, niter=8, seed=1, spherical=True, min_points_per_centroid=1)
    kmeans.train(sample)
    centres: Matrix = kmeans.centroids * SCALE
    return centres


def on_gpu(parts: Sequence[Codes], dimensions: int, lists: int) -> Shelf:
    """The same on the first GPU, as half floats."""
    import faiss

    resources = faiss.StandardGpuResources()
    index: faiss.Index
    if lists:
        centres = faiss.IndexFlatIP(dimensions)
        index = faiss.IndexIVFFlat(centres, dimensions, lists, faiss.METRIC_INNER_PRODUCT)
        centres.add(learnt(parts, dimensions, lists))
        index.is_trained, index.nprobe = True, lists // LOOKED_AT
    else:
        index = faiss.IndexFlatIP(dimensions)
    options = faiss.GpuClonerOptions()
    options.useFloat16 = True
    moved = faiss.index_cpu_to_gpu(resources, 0, index, options)
    for part in parts:
        for at in range(0, len(part), BLOCK):
            moved.add(decoded(part[at : at + BLOCK]))
    return GpuShelf(moved, resources)


def as_bytes(codes: Codes) -> NDArray[np.uint8]:
    """Codes as faiss keeps them."""
    return (codes.astype(np.int16) + OFFSET).astype(np.uint8)
