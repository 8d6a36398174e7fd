"""Reads a JSON document that arrives in fragments, such as a tool call's arguments, as running text. Sans-I/O.

The text is that of all strings, keys too, decoded, with a line feed between one string and the next. A line feed stands
for all that lies between the content of two strings, so every offset of the text has its place in the raw document and
back. A character that cannot continue a JSON document (RFC 8259) ends this: from the end of the last string on, or
inside a string from the start of the escape it breaks, or from the very start where there was no string yet, the raw
document itself is the text, so that nothing between is lost.

States, by what may come next:

    VALUE        a value                 FIRST_VALUE  a value or ]       FIRST_KEY  a key or }     KEY  a key
    STRING       rest of a string        SCALAR       rest of a number or a literal
    COLON        :                       AFTER        , or the end of what encloses; only space at the outermost level
    PLAIN        anything
"""

import re
from bisect import bisect_right
from enum import Enum, auto
from typing import Protocol

_RUN = re.compile(r'[^"\\\x00-\x1f]+')
_SPACE = re.compile(r"[ \t\n\r]+")
_SCALAR = re.compile(r"[-+.0-9A-Za-z]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMBER_SO_FAR = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:(?<=[0-9])[eE][+-]?[0-9]*)?)?")
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_ESCAPE_SO_FAR = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_LITERALS = ("true", "false", "null")
_PLAIN_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT = "\ufffd"


class _State(Enum):
    VALUE = auto()
    FIRST_VALUE = auto()
    FIRST_KEY = auto()
    KEY = auto()
    STRING = auto()
    SCALAR = auto()
    COLON = auto()
    AFTER = auto()
    PLAIN = auto()


class Reading(Protocol):
    """How the raw text of a channel is read: what of it is text, and where that text stands in it."""

    def feed(self, raw: str) -> str:
        """Take more raw text and return the text that it adds."""

    def raw_offset(self, text_offset: int) -> int:
        """Where in the raw text an offset of the text stands."""

    def text_offset(self, raw_offset: int) -> int:
        """How much of the text ends at or before an offset of the raw text."""


class PlainText:
    """Raw text that is the text."""

    def feed(self, raw: str) -> str:
        """Return `raw`."""
        return raw

    def raw_offset(self, text_offset: int) -> int:
        """The same offset."""
        return text_offset

    def text_offset(self, raw_offset: int) -> int:
        """The same offset."""
        return raw_offset


class JsonText:
    """Raw text that is a JSON document. Offsets are code points; cutting the document anywhere changes nothing."""

    def __init__(self) -> None:
        self._state = _State.VALUE
        self._enclosing: list[str] = []  # closing brackets still to come, innermost last
        self._is_key = False
        self._scalar = ""  # as far as it has come
        self._broken = ""  # an escape whose end has not come
        self._between: list[str] = []  # raw text read since the content of the last string
        self._base = 0  # raw offset of what `feed` works on
        self._length = 0  # of the text
        # From text offset _texts[i], which stands at raw offset _raws[i], both advance alike until the next entry.
        self._texts: list[int] = []
        self._raws: list[int] = []

    def feed(self, raw: str) -> str:
        """Take more of the document and return the text that it adds."""
        out: list[str] = []
        block, self._broken = self._broken + raw, ""
        at = 0
        while at < len(block):
            if self._state is _State.PLAIN:
                at = self._emit(block[at:], out, len(block))
            elif self._state is _State.STRING:
                at = self._string(block, at, out)
            elif self._state is _State.SCALAR:
                at = self._rest_of_scalar(block, at, out)
            elif (space := _SPACE.match(block, at)) is not None:
                at = self._pass(space[0], space.end())
            else:
                at = self._structure(block, at, out)
        self._base += len(block) - len(self._broken)
        return "".join(out)

    def raw_offset(self, text_offset: int) -> int:
        """Where in the document an offset of the text stands."""
        entry = bisect_right(self._texts, text_offset) - 1
        return self._raws[entry] + text_offset - self._texts[entry] if entry >= 0 else 0

    def text_offset(self, raw_offset: int) -> int:
        """How much of the text ends at or before an offset of the document."""
        entry = bisect_right(self._raws, raw_offset) - 1
        if entry < 0:
            return 0
        until = self._texts[entry + 1] - 1 if entry + 1 < len(self._texts) else self._length
        return min(self._texts[entry] + raw_offset - self._raws[entry], until)

    def _string(self, block: str, at: int, out: list[str]) -> int:
        if (run := _RUN.match(block, at)) is not None:
            return self._emit(run[0], out, run.end())
        if block[at] == '"':
            self._state = _State.COLON if self._is_key else _State.AFTER
            return self._pass('"', at + 1)
        if block[at] != "\\":
            return self._give_up(at)
        escape = _ESCAPE.match(block, at)
        if escape is None:
            return self._wait(block, at) if _ESCAPE_SO_FAR.fullmatch(block, at) else self._give_up(at)
        if escape[1] is not None:
            return self._unescape(_PLAIN_ESCAPES[escape[1]], out, escape.end())
        return self._code_unit(block, escape, out)

    def _code_unit(self, block: str, escape: re.Match[str], out: list[str]) -> int:
        """A `\\u` escape; two that are halves of one character make it, a lone half becomes U+FFFD."""
        unit = int(escape[2], 16)
        if not 0xD800 <= unit < 0xE000:
            return self._unescape(chr(unit), out, escape.end())
        if unit < 0xDC00:
            if escape.end() == len(block) or _ESCAPE_SO_FAR.fullmatch(block, escape.end()):
                return self._wait(block, escape.start())
            second = _ESCAPE.match(block, escape.end())
            low = int(second[2], 16) if second is not None and second[2] is not None else 0
            if second is not None and 0xDC00 <= low < 0xE000:
                return self._unescape(chr(0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00), out, second.end())
        return self._unescape(_REPLACEMENT, out, escape.end())

    def _rest_of_scalar(self, block: str, at: int, out: list[str]) -> int:
        if (more := _SCALAR.match(block, at)) is not None:
            self._scalar += more[0]
            if not _may_become_scalar(self._scalar):
                return self._give_up(at)
            return self._pass(more[0], more.end())
        if not _is_scalar(self._scalar):
            return self._give_up(at)
        self._state = _State.AFTER
        return at

    def _structure(self, block: str, at: int, out: list[str]) -> int:
        char, state = block[at], self._state
        values, keys = (_State.VALUE, _State.FIRST_VALUE), (_State.KEY, _State.FIRST_KEY)
        if char == '"' and state in values + keys:
            return self._open_string(at + 1, out, is_key=state in keys)
        if char in "{[" and state in values:
            self._enclosing.append("}" if char == "{" else "]")
            self._state = _State.FIRST_KEY if char == "{" else _State.FIRST_VALUE
        elif state in values and _SCALAR.match(char):
            self._scalar, self._state = "", _State.SCALAR
            return at
        elif char == ":" and state is _State.COLON:
            self._state = _State.VALUE
        elif char == "," and state is _State.AFTER and self._enclosing:
            self._state = _State.KEY if self._enclosing[-1] == "}" else _State.VALUE
        elif self._closes(char):
            self._enclosing.pop()
            self._state = _State.AFTER
        else:
            return self._give_up(at)
        return self._pass(char, at + 1)

    def _closes(self, char: str) -> bool:
        if not self._enclosing or self._enclosing[-1] != char:
            return False
        first = _State.FIRST_KEY if char == "}" else _State.FIRST_VALUE
        return self._state in (_State.AFTER, first)

    def _open_string(self, at: int, out: list[str], *, is_key: bool) -> int:
        if self._texts:
            out.append("\n")
            self._length += 1
        self._mark(at)
        self._between = []
        self._state, self._is_key = _State.STRING, is_key
        return at

    def _give_up(self, at: int) -> int:
        """What stands at `at` cannot go on a JSON document: it and all that follows is plain text."""
        self._state = _State.PLAIN
        return at

    def _emit(self, text: str, out: list[str], at: int) -> int:
        if self._state is _State.PLAIN and self._between:
            text, self._between = "".join(self._between) + text, []
        if not self._texts:
            self._texts, self._raws = [0], [0]
        out.append(text)
        self._length += len(text)
        return at

    def _unescape(self, char: str, out: list[str], at: int) -> int:
        out.append(char)
        self._length += 1
        self._mark(at)
        return at

    def _pass(self, between: str, at: int) -> int:
        self._between.append(between)
        return at

    def _wait(self, block: str, at: int) -> int:
        self._broken = block[at:]
        return len(block)

    def _mark(self, at: int) -> None:
        self._texts.append(self._length)
        self._raws.append(self._base + at)


def _is_scalar(scalar: str) -> bool:
    return scalar in _LITERALS or _NUMBER.fullmatch(scalar) is not None


def _may_become_scalar(scalar: str) -> bool:
    return any(word.startswith(scalar) for word in _LITERALS) or _NUMBER_SO_FAR.fullmatch(scalar) is not None
