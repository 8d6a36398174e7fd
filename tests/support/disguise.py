"""Cheap disguises of a text, from a seed; the names are those of the cases."""

import re
from base64 import b64encode
from codecs import encode
from collections.abc import Callable
from random import Random

LEET = str.maketrans("aeiostAEIOST", "431057431057")
ALIKE = str.maketrans("aeopcyxABEKMHOPCT", "аеорсухАВЕКМНОРСТ")  # noqa: RUF001 (look-alikes are what it is about)


def lines_of(text: str, size: int) -> list[str]:
    words = text.split()
    return [" ".join(words[at : at + size]) for at in range(0, len(words), size)]


def within(text: str, mark: str) -> str:
    """A mark within every word of four letters or more."""
    return re.sub(r"\b(\w{2})(?=\w{2})", rf"\g<1>{mark}", text)


def tagged(text: str, random: Random) -> str:
    return " ".join(
        f"<b>{word}</b>" if random.random() < 0.8 else f"{word[:1]}<i>{word[1:]}</i>" for word in text.split()
    )


DISGUISES: dict[str, Callable[[str, Random], str]] = {
    "leet": lambda text, random: text.translate(LEET),
    "spaced": lambda text, random: "  ".join(" ".join(word) for word in text.split()),
    "spaced-unparted": lambda text, random: " ".join(" ".join(word) for word in text.split()),
    "hyphenated": lambda text, random: re.sub(r"(\w{3})(?=\w)", r"\1-", text),
    "one-word-a-line": lambda text, random: "\n".join(text.split()),
    "numbered-lines": lambda text, random: "\n".join(f"{n}. {line}" for n, line in enumerate(lines_of(text, 6), 1)),
    "numbered-words": lambda text, random: "\n".join(f"{n}) {word}" for n, word in enumerate(text.split(), 1)),
    "bullets": lambda text, random: "\n".join(f"- {line}" for line in lines_of(text, 6)),
    "quoted": lambda text, random: "\n".join(f"> {line}" for line in lines_of(text, 6)),
    "case": lambda text, random: "".join(random.choice((char.upper(), char.lower())) for char in text),
    "homoglyphs": lambda text, random: text.translate(ALIKE),
    "zero-width": lambda text, random: "\u200b".join(text),
    "soft-hyphens": lambda text, random: within(text, "\u00ad"),
    "markdown": lambda text, random: within(text, "**"),
    "html": tagged,
    "entities": lambda text, random: "".join(f"&#{ord(char)};" if char.isalpha() else char for char in text),
    "base64": lambda text, random: b64encode(text.encode()).decode(),
    "rot13": lambda text, random: encode(text, "rot13"),
    "reversed-lines": lambda text, random: "\n".join(line[::-1] for line in lines_of(text, 12)),
    "reversed-words": lambda text, random: "\n".join(" ".join(line.split()[::-1]) for line in lines_of(text, 12)),
    "fillers": lambda text, random: " blank ".join(text.split()),
}


def disguised(name: str, text: str, seed: int = 1) -> str:
    """A text in a disguise."""
    return DISGUISES[name](text, Random(seed))  # noqa: S311 (seeded test data)
