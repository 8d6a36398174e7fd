"""What makes it worth while to look for a disguise in a block of text; cheap, since it is asked of every block."""

import re
from codecs import encode
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from indexes.text.disguise_base64 import FEWEST, read_block
from indexes.text.disguise_lexicon import PLAIN, Lexicon
from indexes.text.fingerprint import MASK, MULTIPLIER, K
from indexes.text.vocabulary import shared

Sign: TypeAlias = Literal["surface", "base64", "rot13", "lines", "words", "turned"]

INSIDE: Final = re.compile(
    r"[^\W\d_](?:[\u2010\u2011\u2012·‧•~`^]|[*_]+|[@$|€£¢!+0-9]+)(?=[^\W\d_])|(?<![^\s])[0-9@$€£|]+(?=[^\W\d_])"
)
"""Marks, digits and signs within words or before their first letter."""
HYPHENED: Final = re.compile(r"[^\W\d_]-\s?(?=[^\W\d_])")
MARKUP: Final = re.compile(r"</?[A-Za-z][^<>]*>|&#?\w{2,31};|\]\(")
NUMBERED: Final = re.compile(r"^[^\w\n]*\d{1,5}[^\w\n]", re.MULTILINE)
NUMBERS: Final = re.compile(r"(?<!\w)\d{1,5}(?!\w)")
SPACED: Final = re.compile(r"(?<!\w)\w(?:[\W_]{1,3}\w){4}(?!\w)")
CODED: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{FEWEST},}}")
LONG: Final = re.compile(r"[^\W\d_]{24}")
SIGNED: Final = re.compile(r"[^\s_]+")
STRIPPED: Final = ".,;:!?\"'()[]“”\u2018\u2019—-"
FEW: Final = 12
"""Tokens of a block from which shares are read at least."""
RARE: Final = 0.25
"""Of ordinary text a greater share is frequent words."""
ODD: Final = re.compile(r"[^a-zA-Z\s.,;:'\"!?“”\u2018\u2019—()]")
ODD_SIGN: Final = re.compile(r"[#-&*+\-/-9<-@\[-`{-~·\u2010-\u2012•‧€£¢§]")
"""What ordinary prose holds little of; the first is quicker and also finds letters beyond ASCII."""
PAIRS: Final = (
    "of the,in the,to the,on the,at the,by the,for the,from the,with the,and the,of a,in a,to a,with a,for a,it was,"
    "he was,she was,i am,to be,had been,have been,i have,he had,she had,would be,of his,of her,in his,in her,of my,"
    "of this,i was,there was,did not,do not,could not,was not,de la,de los,en el,a la,dans le,de l,in der,in den,"
    "mit dem,auf der,von der,zu den,in die,van de,in de,op de,di un,con la,de um,com a"
)
"""Words that often stand side by side, and hardly ever the other way round."""


class Signs:
    """Reads the signs of one index's text; `knows` says whether the index keeps a gram."""

    def __init__(self, lexicon: Lexicon, knows: Callable[[int], bool]) -> None:
        self._lexicon = lexicon
        self._knows = knows
        words = shared()
        pairs = [pair.split() for pair in PAIRS.split(",")]
        self._turned = frozenset((words[second], words[first]) for first, second in pairs)

    def read(self, block: str, hashes: Sequence[int]) -> set[Sign]:
        """Which disguises a block may be in; `hashes` are those of its tokens."""
        found: set[Sign] = set()
        size = len(block)
        if len(hashes) * 8 < size:
            coded = CODED.search(block)
            if coded:
                found |= _coded(coded[0])
            if LONG.search(block):
                found.add("surface")
        if _repeats(hashes) or (len(hashes) * 4 > size and SPACED.search(block)) or _is_marked(block):
            found.add("surface")
        if self._is_turned(hashes):
            found.add("turned")
        if len(hashes) >= FEW and _is_rare(hashes[::3]) and _is_rare(hashes):
            found |= self._ciphers(block)
        return found

    def _is_turned(self, hashes: Sequence[int]) -> bool:
        """Whether the index keeps a gram of the block's tokens, read backward."""
        if self._turned.isdisjoint(pairwise(hashes)):
            return False
        for at in range(K - 1, len(hashes)):
            gram = 0
            for token in hashes[at : at - K if at >= K else None : -1]:
                gram = (gram * MULTIPLIER + token) & MASK
            if self._knows(gram):
                return True
        return False

    def _ciphers(self, block: str) -> set[Sign]:
        """By which cipher the words of a block become words that the index holds."""
        words = [word.strip(STRIPPED).translate(PLAIN) for word in SIGNED.findall(block)]
        words = [word for word in words if word.isalpha()]
        if len(words) < FEW // 2:
            return set()
        least = max(0.5, self._share(words) + 0.25)
        turned = [encode(word, "rot13") for word in words]
        rot13 = max(self._share(turned), self._share([word[::-1] for word in turned]))
        backward = self._share([word[::-1] for word in words])
        if max(rot13, backward) < least:
            return set()
        return {"rot13"} if rot13 >= backward else {"lines", "words"}

    def _share(self, words: Sequence[str]) -> float:
        return sum([self._lexicon.count(word) > 0 for word in words]) / len(words)


def _is_marked(block: str) -> bool:
    """Whether marks, digits, tags stand within words, or numbers before lines and words."""
    if len(ODD.findall(block)) < 2 or len(ODD_SIGN.findall(block)) < 2:
        return False
    return (
        len(INSIDE.findall(block)) >= 4
        or (block.count("-") >= 6 and len(HYPHENED.findall(block)) >= 6)
        or (("<" in block or "&" in block or "](" in block) and len(MARKUP.findall(block)) >= 2)
        or len(NUMBERED.findall(block)) >= 2
        or len(NUMBERS.findall(block)) >= 5
    )


def _is_rare(hashes: Sequence[int]) -> bool:
    """Whether few tokens are frequent words."""
    return sum([token & 1 for token in hashes]) < RARE * len(hashes)


def _repeats(hashes: Sequence[int]) -> bool:
    """Whether one token stands at every second, third or fourth place."""
    some = hashes[:24]
    if len(hashes) < FEW or len(set(some)) > 0.8 * len(some):
        return False
    return any(
        sum([hashes[at] == hashes[at - period] != hashes[at - 1] for at in range(period, len(hashes))]) * period * 5
        >= len(hashes) * 3
        for period in (2, 3, 4)
    )


def _coded(run: str) -> set[Sign]:
    """How a run of characters of base64 holds text, if it does."""
    if read_block(run):
        return {"base64"}
    if any(read_block(run[shift:]) for shift in (1, 2, 3)):
        return {"base64"}
    if read_block(encode(run, "rot13")):
        return {"rot13"}
    return {"lines"} if any(read_block(run[::-1][shift:]) for shift in (0, 1, 2, 3)) else set()
