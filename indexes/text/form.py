"""Verse or prose, told from the lengths of lines where nobody says."""

from typing import Final, Literal

import numpy as np

LINES: Final = 3
SHORT: Final = 62
LONG: Final = 90
NARROW: Final = 36
"""Nobody fills prose up to a margin as narrow as this, in code points."""


def infer_form(text: str) -> Literal["poem", "prose"]:
    """`poem` for a text in short lines that end where the poet ends them, else `prose`.

    Verse has short lines of uneven length, most of them begun with a capital where the script has any; prose has long
    lines, or lines filled up to a margin.
    """
    lines = [line.strip() for line in text[: 1 << 18].splitlines()]
    lines = [line for line in lines if line]
    if len(lines) < LINES:
        return "prose"
    lengths = np.array([len(line) for line in lines])
    if np.median(lengths) > SHORT or np.quantile(lengths, 0.9) > LONG:
        return "prose"
    margin = np.quantile(lengths, 0.95)
    filled = float((lengths >= 0.85 * margin).mean())
    if margin < NARROW:
        return "poem"
    capitals = sum(not first_letter(line).islower() for line in lines) / len(lines)
    return "poem" if capitals >= 0.6 or filled < 0.4 else "prose"


def first_letter(line: str) -> str:
    """The first letter of a line, or nothing."""
    return next((char for char in line if char.isalpha()), "")
