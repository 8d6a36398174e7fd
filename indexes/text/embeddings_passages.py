"""Works cut into passages: 200 words each, a new one every 100, so that whatever is retold stands whole in one of them.

A passage is given by token numbers of its work, of which nothing need be kept: they follow from how many there are.
In scripts without spaces a passage has 200 characters.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.model import Span

LENGTH: Final = 200
STRIDE: Final = 100


def passages(count: int) -> list[Span]:
    """The passages of a work of `count` tokens, in token numbers; a work that is not longer than one is one."""
    starts = range(0, max(count - (LENGTH - STRIDE), min(count, 1)), STRIDE)
    return [Span(start, min(start + LENGTH, count)) for start in starts]


def passages_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many passages works of so many tokens have."""
    return np.maximum(-((LENGTH - STRIDE - counts) // STRIDE), np.minimum(counts, 1))
