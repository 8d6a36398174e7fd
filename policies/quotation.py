"""Finds what of an output stands as a quotation: marks around it, its source beside it, comment about it. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from indexes.model import Match, Span, Work
from policies.model import Quotation

LONGEST: Final = 6000
"""No longer passage in code points is taken for a quotation: marks that lie further apart belong to two."""
REACH: Final = 240
"""A source is named beside a quotation within so many code points of it, or else in its paragraph."""
PARAGRAPH: Final = 1000
AROUND: Final = 1000
"""Comment stands within so many code points of a quotation."""
INSIDE: Final = 0.9
"""So much of a copy must stand between the marks: it may go on a word or two beyond them by chance."""

_PAIRS: Final = (
    ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"),
    ("\N{DOUBLE LOW-9 QUOTATION MARK}", "\N{LEFT DOUBLE QUOTATION MARK}"),  # German
    ("\N{DOUBLE LOW-9 QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"),  # Polish, Hungarian
    ("\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}", "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"),
    ("\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}", "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"),  # German
    ("\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"),
    ("\N{LEFT CORNER BRACKET}", "\N{RIGHT CORNER BRACKET}"),
    ("\N{LEFT WHITE CORNER BRACKET}", "\N{RIGHT WHITE CORNER BRACKET}"),
    ("\N{LEFT DOUBLE ANGLE BRACKET}", "\N{RIGHT DOUBLE ANGLE BRACKET}"),
    ("\N{LEFT SINGLE QUOTATION MARK}", "\N{RIGHT SINGLE QUOTATION MARK}"),
)
_APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
_BREAK: Final = re.compile(r"\n[ \t\r]*\n\s*")
_BLOCK: Final = re.compile(r"(?:^[ \t]{0,3}>[^\n]*(?:\n|\Z))+", re.MULTILINE)
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u312f\u31a0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(f"([{_UNSPACED}])|[^\\W{_UNSPACED}]+")


def quotations(text: str, matches: Sequence[Match], channel: str) -> tuple[Quotation, ...]:
    """The quotations of one channel that hold a match, in code points of its text, each once, in order.

    `credited` holds where one of the works matched in it is named beside it by its title, a creator or its address.
    Passages that the request holds are nobody's quotation, nor comment of the output's own.
    """
    copied = [match for match in matches if match.channel == channel]
    given = [match for match in copied if not match.grounded]
    spans = sorted(_spans(text)) if given else []
    starts = [start for start, _ in spans]
    found: dict[tuple[int, int], bool] = {}
    for match in given:
        near = spans[bisect_left(starts, match.output.start - LONGEST) : bisect_right(starts, match.output.end)]
        if (around := _around(match.output, near)) is not None:
            found[around] = found.get(around, False) or _credits(text, around, match.work)
    own = _own(text, copied) if found else ""
    return tuple(
        Quotation(channel, Span(*around), found[around], _comment_words(own, around)) for around in sorted(found)
    )


def _around(span: Span, spans: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """The quotation that holds a copy, the narrowest there is, with all of the copy; None if none does."""
    held = [(start, end) for start, end in spans if min(end, span.end) - max(start, span.start) >= INSIDE * len(span)]
    if not held:
        return None
    start, end = min(held, key=lambda each: (each[1] - each[0], each))
    return min(start, span.start), max(end, span.end)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Everything between a pair of marks, marks included, and every block of lines that begin with `>`."""
    found: set[tuple[int, int]] = set()
    for opening, closing in _PAIRS:
        if opening in text and closing in text:
            found.update(_paired(text, opening, closing))
    if '"' in text:
        found.update(_straight(text))
    if ">" in text:
        found.update(block.span() for block in _BLOCK.finditer(text))
    return (each for each in found if each[1] - each[0] <= LONGEST)


def _paired(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Quotations between two marks; one left open ends with its paragraph, unless the next begins with the mark."""
    open_at: list[int] = []
    for mark in re.finditer(f"{opening}|{closing}|{_BREAK.pattern}", text):
        if mark[0] == opening:
            open_at.append(mark.start())
        elif mark[0] != closing:
            open_at = open_at[:1] if text.startswith(opening, mark.end()) else []
        elif open_at and not _joins_letters(text, mark.start()):
            yield open_at.pop(), mark.end()
            if open_at and _BREAK.search(text, open_at[-1], mark.start()):
                yield open_at.pop(0), mark.end()


def _joins_letters(text: str, at: int) -> bool:
    """Whether a closing mark is an apostrophe within a word."""
    return text[at] == _APOSTROPHE and text[at + 1 : at + 2].isalnum()


def _straight(text: str) -> Iterator[tuple[int, int]]:
    """Quotations between straight marks: each mark opens or closes by what stands beside it, within its paragraph."""
    open_at: int | None = None
    for mark in re.finditer(f'"|{_BREAK.pattern}', text):
        at = mark.start()
        if mark[0] != '"':
            open_at = None
        elif open_at is None or (_opens(text, at) and not _closes(text, at)):
            open_at = at
        else:
            yield open_at, at + 1
            open_at = None


def _opens(text: str, at: int) -> bool:
    return not text[at + 1 : at + 2].isspace() and (at == 0 or not text[at - 1].isalnum())


def _closes(text: str, at: int) -> bool:
    return at > 0 and not text[at - 1].isspace() and not text[at + 1 : at + 2].isalnum()


def _credits(text: str, around: tuple[int, int], work: Work) -> bool:
    """Whether the work is named beside a quotation."""
    start, end = around
    before = max(start - PARAGRAPH, min(start - REACH, text.rfind("\n", 0, start) + 1), 0)
    after = text.find("\n", end)
    after = min(end + PARAGRAPH, max(end + REACH, len(text) if after < 0 else after))
    beside = f"{text[before:start]} {text[end:after]}".replace(_APOSTROPHE, "'")
    folded = beside.casefold()
    for name in _names(work):
        if len(name.split()) > 1 or "/" in name:
            named = _stands(name.casefold(), folded)
        else:
            named = _stands(name, beside) or _stands(name.upper(), beside)
        if named:
            return True
    return False


def _stands(name: str, text: str) -> bool:
    """Whether a name stands in a text as whole words."""
    left = r"(?<!\w)" if name[0].isalnum() and not re.match(f"[{_UNSPACED}]", name[0]) else ""
    right = r"(?!\w)" if name[-1].isalnum() and not re.match(f"[{_UNSPACED}]", name[-1]) else ""
    return re.search(f"{left}{re.escape(name)}{right}", text) is not None


def _names(work: Work) -> Iterator[str]:
    """What a reader would know the work by; `_credits` asks single words in their own case, for `Home` is no `home`."""
    title = work.title.replace(_APOSTROPHE, "'").strip()
    names = [title, re.split(r"[:;(]", title)[0].strip()]
    for creator in work.creators:
        last, comma, first = (part.strip() for part in creator.replace(_APOSTROPHE, "'").partition(","))
        names += [f"{first} {last}", last] if comma else [last, *last.split()[-1:]]
    if work.url:
        names.append(re.sub(r"^\w+://(www\.)?", "", work.url).rstrip("/"))
    for name in names:
        if len(name) >= (2 if re.match(f"[{_UNSPACED}]", name) else 3):
            yield name


def _own(text: str, copied: Sequence[Match]) -> str:
    """The text with blanks in place of what is copied."""
    own = list(text)
    for match in copied:
        own[match.output.start : match.output.end] = " " * len(match.output)
    return "".join(own)


def _comment_words(own: str, around: tuple[int, int]) -> int:
    """Words of the output's own within reach of a quotation; two characters of a script without spaces make one."""
    start, end = around
    beside = f"{own[max(0, start - AROUND) : start]} {own[end : end + AROUND]}"
    return sum(1 if word[1] else 2 for word in _WORD.finditer(beside)) // 2
