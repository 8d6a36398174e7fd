"""Two plain ways to find where copies stand: chains of shared character grams, as Passim makes them, and containment.

Passim (Smith, Cordell, Mullen 2015): grams of 25 characters that begin with a word, none that stands in more than 100
documents, chained as minimap2 chains seeds (Li, 2018), passages of 50 characters at least. Characters are letters and
digits alone, so that lines may break where they like.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexes.model import Span, Work
from indexes.text.normalize import Tokens, tokenize

SIZE: Final = 25
MOST_WORKS: Final = 100
LEAST: Final = 50
GAP: Final = 600
BACK: Final = 50
WINDOW: Final = 50
GRAM: Final = 4
SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """A place in a text, and where in a work it comes from."""

    work: str
    output: Span
    source: Span


Seeds = list[tuple[int, int]]


class Letters:
    """The letters and digits of a text, and where each word among them begins: in them, and in the text."""

    def __init__(self, text: str) -> None:
        tokens = tokenize(text)
        edges = zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)
        words = [text[start:end].lower() for start, end in edges]
        self.text = "".join(words)
        self.begins: list[int] = np.concatenate(([0], np.cumsum([len(word) for word in words]))).astype(int).tolist()
        self.starts = tokens.starts
        self.ends = tokens.ends

    def grams(self) -> list[tuple[int, str]]:
        """Grams that begin with a word: where, and what."""
        whole = (begin for begin in self.begins[:-1] if begin + SIZE <= len(self.text))
        return [(begin, self.text[begin : begin + SIZE]) for begin in whole]

    def span(self, first: int, end: int) -> Span:
        """The span of the text that holds the words that these letters begin and end in."""
        edges = np.array(self.begins)
        one = int(np.searchsorted(edges, first, "right")) - 1
        last = int(np.searchsorted(edges, end, "left")) - 1
        return Span(int(self.starts[one]), int(self.ends[min(last, len(self.ends) - 1)]))


class Passim:
    """Chains of 25-character grams."""

    name = "Passim-style chaining"

    def __init__(self, works: Iterable[tuple[Work, str]]) -> None:
        self._works = [(work.id, Letters(text)) for work, text in works]
        hashes = [np.array([hash(gram) for _, gram in letters.grams()], np.int64) for _, letters in self._works]
        places = [np.array([begin for begin, _ in letters.grams()], np.int64) for _, letters in self._works]
        numbers = np.concatenate([np.full(len(each), number) for number, each in enumerate(hashes)] or [np.empty(0)])
        every = np.concatenate(hashes) if hashes else np.empty(0, np.int64)
        order = every.argsort(kind="stable")
        self._grams = every[order]
        self._places = np.concatenate(places)[order] if places else np.empty(0, np.int64)
        self._numbers = numbers[order].astype(np.int64)

    def places(self, text: str) -> list[Found]:
        """Every copied place."""
        letters = Letters(text)
        seeds: dict[int, Seeds] = {}
        for begin, gram in letters.grams():
            low, high = np.searchsorted(self._grams, [(value := hash(gram)), value + 1]).tolist()
            if high - low > 0 and len(np.unique(self._numbers[low:high])) <= MOST_WORKS:
                for at in range(low, high):
                    seeds.setdefault(int(self._numbers[at]), []).append((begin, int(self._places[at])))
        return [
            Found(self._works[number][0], letters.span(*ours), self._works[number][1].span(*theirs))
            for number, found in seeds.items()
            for ours, theirs in chains(found, SIZE)
            if ours[1] - ours[0] >= LEAST
        ]


class Windows:
    """Windows of 50 words, each given to the work that holds most of its 4-grams, if it holds a fifth of them."""

    name = "4-gram containment"

    def __init__(self, works: Iterable[tuple[Work, str]]) -> None:
        self._works = [(work.id, tokenize(text)) for work, text in works]
        grams = [hashed(tokens) for _, tokens in self._works]
        every = np.concatenate(grams) if grams else np.empty(0, np.uint64)
        order = every.argsort(kind="stable")
        self._grams = every[order]
        self._places = np.concatenate([np.arange(len(each)) for each in grams] or [np.empty(0, np.int64)])[
            order
        ].astype(np.int64)
        numbers = [np.full(len(each), number) for number, each in enumerate(grams)]
        self._numbers = np.concatenate(numbers or [np.empty(0)])[order].astype(np.int64)

    def places(self, text: str) -> list[Found]:
        """Every copied place; windows near one another are one."""
        tokens = tokenize(text)
        grams = hashed(tokens)
        low, high = np.searchsorted(self._grams, grams), np.searchsorted(self._grams, grams, "right")
        out: list[Found] = []
        for first in range(0, max(1, len(tokens) - WINDOW // 2), WINDOW // 2):
            within = range(first, min(first + WINDOW, len(grams)))
            seen = [(at, hit) for at in within for hit in range(low[at], high[at])]
            found = self._window(tokens, seen)
            if found is not None:
                out.append(found)
        return joined(out)

    def _window(self, tokens: Tokens, seen: Sequence[tuple[int, int]]) -> Found | None:
        if not seen:
            return None
        numbers = np.array([self._numbers[hit] for _, hit in seen])
        work = int(np.bincount(numbers).argmax())
        held = [(at, int(self._places[hit])) for at, hit in seen if self._numbers[hit] == work]
        middle = float(np.median([place for _, place in held]))
        held = [(at, place) for at, place in held if abs(place - middle) <= WINDOW]
        if len({at for at, _ in held}) < SHARE * WINDOW:
            return None
        name, source = self._works[work]
        ours, theirs = [at for at, _ in held], [place for _, place in held]
        return Found(name, characters(tokens, min(ours), max(ours)), characters(source, min(theirs), max(theirs)))


def hashed(tokens: Tokens) -> NDArray[np.uint64]:
    """The gram of 4 words that begins at each word."""
    wide = tokens.hashes.astype(np.uint64)
    out = np.zeros(max(0, len(wide) - GRAM + 1), np.uint64)
    for at in range(GRAM):
        out = out * np.uint64(0x9E3779B97F4A7C15) + wide[at : at + len(out)]
    return out


def characters(tokens: Tokens, first: int, last: int) -> Span:
    """The characters of the grams from `first` to `last`."""
    return Span(int(tokens.starts[first]), int(tokens.ends[min(last + GRAM - 1, len(tokens) - 1)]))


def near(one: Found, other: Found) -> bool:
    """Whether two places of one work lie near one another, on both sides."""
    return one.work == other.work and apart(one.output, other.output) <= GAP and apart(one.source, other.source) <= GAP


def apart(one: Span, other: Span) -> int:
    """Characters between two spans; none or fewer where they touch."""
    return max(other.start - one.end, one.start - other.end)


def joined(found: Iterable[Found]) -> list[Found]:
    """Places with those near them as one, in the order of the text."""
    out: list[Found] = []
    for each in sorted(found, key=lambda place: (place.output.start, place.source.start)):
        at = next((at for at in reversed(range(len(out))) if near(out[at], each)), None)
        if at is None:
            out.append(each)
        else:
            out[at] = Found(each.work, around(out[at].output, each.output), around(out[at].source, each.source))
    return out


def around(one: Span, other: Span) -> Span:
    """The span that holds both."""
    return Span(min(one.start, other.start), max(one.end, other.end))


def chains(seeds: Seeds, size: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Chains of seeds (here, there), best first, each seed in one: the span of each on both sides."""
    seeds = sorted(set(seeds))
    best = [float(size)] * len(seeds)
    before: list[int | None] = [None] * len(seeds)
    for at, seed in enumerate(seeds):
        for back in range(at - 1, max(0, at - BACK) - 1, -1):
            gain = best[back] + step(seeds[back], seed, size)
            if gain > best[at]:
                best[at], before[at] = gain, back
    used = [False] * len(seeds)
    out = []
    for end in sorted(range(len(seeds)), key=lambda at: -best[at]):
        chain: list[tuple[int, int]] = []
        here: int | None = end
        while here is not None and not used[here]:
            used[here] = True
            chain.append(seeds[here])
            here = before[here]
        if chain:
            ours, theirs = [one for one, _ in chain], [other for _, other in chain]
            out.append(((min(ours), max(ours) + size), (min(theirs), max(theirs) + size)))
    return out


def step(one: tuple[int, int], other: tuple[int, int], size: int) -> float:
    """What it gains to go from one seed to a later one; minus infinity where they are too far apart."""
    across, along = other[0] - one[0], other[1] - one[1]
    if across <= 0 or along <= 0 or max(across, along) > GAP:
        return float("-inf")
    apart = abs(along - across)
    return min(across, along, size) - (0.01 * size * apart + 0.5 * log2(apart) if apart else 0.0)
