"""Cheap disguises of a text, each undone by a reader without effort; written apart from what undoes them."""

import base64
import codecs
from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

Disguise: TypeAlias = Callable[[list[str], Random], str]

LEET: Final = str.maketrans("aeiostAEIOST", "431057431057")
LOOKALIKES: Final = str.maketrans("aeopcxyABEHKMOPCTX", "аеорсхуАВЕНКМОРСТХ")  # noqa: RUF001 (Cyrillic on purpose)
ZERO_WIDTH: Final = "\u200b"
LINE: Final = 9
"""Words of a line, where there are lines."""


def plain(words: list[str], _random: Random) -> str:
    """No disguise."""
    return " ".join(words)


def leet(words: list[str], _random: Random) -> str:
    """Digits in place of letters that look like them."""
    return " ".join(words).translate(LEET)


def spaced(words: list[str], _random: Random) -> str:
    """Letters with spaces between them, words with three."""
    return "   ".join(" ".join(word) for word in words)


def hyphenated(words: list[str], _random: Random) -> str:
    """Words cut in pieces of two letters."""
    return " ".join("-".join(word[at : at + 2] for at in range(0, len(word), 2)) for word in words)


def one_a_line(words: list[str], _random: Random) -> str:
    """One word a line."""
    return "\n".join(words)


def numbered(words: list[str], _random: Random) -> str:
    """Lines with numbers before them."""
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines(words), 1))


def swapped(words: list[str], random: Random) -> str:
    """Capitals anywhere."""
    return "".join(char.swapcase() if random.random() < 0.5 else char for char in " ".join(words))


def lookalikes(words: list[str], _random: Random) -> str:
    """Cyrillic letters that look like Latin ones."""
    return " ".join(words).translate(LOOKALIKES)


def zero_width(words: list[str], random: Random) -> str:
    """Marks of no width within words."""
    return "".join(char + ZERO_WIDTH if random.random() < 0.3 else char for char in " ".join(words))


def markdown(words: list[str], random: Random) -> str:
    """Words in bold, in italics or struck out."""
    return " ".join(mark + word + mark for word in words for mark in [random.choice(["**", "_", "~~", ""])])


def html(words: list[str], random: Random) -> str:
    """Words in tags."""
    return " ".join(f"<{tag}>{word}</{tag}>" for word in words for tag in [random.choice(["b", "i", "span"])])


def in_base64(words: list[str], _random: Random) -> str:
    """One block of base64."""
    return base64.b64encode(" ".join(words).encode()).decode()


def rot13(words: list[str], _random: Random) -> str:
    """Each letter thirteen further on."""
    return codecs.encode(" ".join(words), "rot13")


def reversed_lines(words: list[str], _random: Random) -> str:
    """Each line written backwards."""
    return "\n".join(line[::-1] for line in lines(words))


def interleaved(words: list[str], random: Random) -> str:
    """An empty word after each word."""
    return " ".join(f"{word} {random.choice(['um', 'like', 'so'])}" for word in words)


def lines(words: list[str]) -> list[str]:
    """Words in lines."""
    return [" ".join(words[at : at + LINE]) for at in range(0, len(words), LINE)]


DISGUISES: Final[dict[str, Disguise]] = {
    "none": plain,
    "leet": leet,
    "s p a c e d": spaced,
    "hy-phen-at-ed": hyphenated,
    "one word a line": one_a_line,
    "numbered lines": numbered,
    "swapped case": swapped,
    "look-alikes": lookalikes,
    "zero-width": zero_width,
    "Markdown": markdown,
    "HTML": html,
    "base64": in_base64,
    "rot13": rot13,
    "reversed lines": reversed_lines,
    "interleaved": interleaved,
}
