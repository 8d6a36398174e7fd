"""What the ordinary events of a stream have in common, so that the next one need not be parsed. Sans-I/O.

A server writes the same JSON around each piece of text. Once an event was parsed, one that repeats it byte for byte,
but for the inside of that one string, parses to the same with another text.
"""

from collections.abc import Callable

from proxy.wire.chunk import Token

_PATIENCE = 4
_HEAD, _TAIL = b"data: ", b"\n\n"


class Template:
    """The frame of a stream's ordinary events, learned from them; `choice` and `channel` are those of their text.

    `read` parses the data of an event. A stream whose events each differ is given up on after a few.
    """

    __slots__ = ("_head", "_left", "_read", "_size", "_tail", "channel", "choice")

    def __init__(self, read: Callable[[bytes], Token | None]) -> None:
        self._read = read
        self._head = self._tail = b""
        self._size = 0
        self._left = _PATIENCE
        self.choice = 0
        self.channel = ""

    def text(self, block: bytes) -> str | None:
        """The text of a block that is just one event within the frame; None where it is anything else."""
        if not self._size or not block.startswith(self._head) or not block.endswith(self._tail):
            return None
        inside = block[len(self._head) : -len(self._tail)]
        if len(block) < self._size or b'"' in inside or b"\\" in inside:
            return None
        try:
            text = inside.decode()
        except UnicodeDecodeError:
            return None
        if not (text and text.isprintable()):  # what JSON would not have within a string is not printable either
            return None
        self._left = _PATIENCE
        return text

    def learn(self, raw: bytes, token: Token) -> None:
        """Take the frame of an event that was parsed; `raw` is the event whole."""
        if not self._left:
            return
        self._left -= 1
        self._size = 0
        said = b'"' + token.text.encode("utf-8", "replace") + b'"'
        head, found, tail = raw.partition(said)
        if not (token.text and found and head.startswith(_HEAD) and tail.endswith(_TAIL)):
            return
        head, tail = head + b'"', b'"' + tail
        unheard = "u" * len(raw)  # stands nowhere in the event, so it is read only if it stands in the text's place
        if self._read((head + unheard.encode() + tail)[len(_HEAD) : -len(_TAIL)]) != Token(
            token.choice, token.channel, unheard
        ):
            return
        self._head, self._tail, self._size = head, tail, len(head) + len(tail)
        self.choice, self.channel = token.choice, token.channel
