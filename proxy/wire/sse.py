"""Server-sent events, sans-I/O: bytes in, events out, no byte lost.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream with two differences that
a proxy needs: every byte belongs to the `raw` of exactly one event, and an event without data (a comment sent to keep
the connection alive) is an event too.

Where an event ends:

    \\n\\n   \\r\\r   \\n\\r      at once; a \\n that completes a CRLF later opens the next event as an empty line
    \\r\\n\\r\\n               at its last byte; \\r\\n\\r waits for one more byte

so that the cut of the input changes nothing.
"""

import re
from itertools import pairwise

import msgspec

from proxy.wire.errors import EventTooLargeError, envelope

DONE = b"data: [DONE]\n\n"
DEFAULT_LIMIT = 16 * 1024 * 1024
_DONE_DATA = b"[DONE]"
_BOM = b"\xef\xbb\xbf"
_END = re.compile(rb"\r(?:\n\r(?:\n|(?=[^\n])|(?P<undecided>\Z))|\r)|\n[\r\n]")
_LONGEST_END = 4
_LF = 10


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event. `raw` is its bytes, end included; `data` its data lines joined by LF, None where they hold nothing.

    `cut` says that the stream ended before the event did.
    """

    raw: bytes
    data: bytes | None
    name: str | None = None
    cut: bool = False

    @property
    def is_done(self) -> bool:
        """Whether this is the marker that ends an OpenAI stream."""
        return self.data == _DONE_DATA


class Decoder:
    """Reads a stream; the `raw` of all its events, put together, is the input, byte for byte.

    `limit` bounds an event in bytes.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._begun = False

    def feed(self, block: bytes) -> list[Event]:
        """Take more bytes and return the events that end in them; raises EventTooLargeError."""
        if not self._buffer and len(block) <= self._limit and (data := _sole_line(block)) is not None:
            self._begun = True
            return [Event(block, data or None)]
        events = []
        for raw in self._split(block):
            if len(raw) > self._limit:
                raise self._too_large()
            events.append(self._parse(raw))
        return events

    @property
    def between(self) -> bool:
        """Whether what comes next begins an event, and is not the first."""
        return self._begun and not self._buffer

    def close(self) -> Event | None:
        """The stream ends here: what is left of it, or None. Its `cut` says whether an event was broken off."""
        raw, self._buffer = bytes(self._buffer), bytearray()
        if not raw:
            return None
        event = self._parse(raw)
        broken = any(line and not line.startswith(b":") for line in raw.splitlines())
        return Event(raw, event.data, event.name, cut=broken)

    def _split(self, block: bytes) -> list[bytes]:
        """Cut what has come at the ends of events, and keep what follows the last end."""
        buffer = self._buffer
        searched = max(0, len(buffer) - _LONGEST_END)
        buffer += block
        if _END.search(buffer, searched) is None:
            if len(buffer) > self._limit:
                raise self._too_large()
            return []
        text = bytes(buffer)
        if b"\r" in text:
            ends = [0, *(found.end() for found in _END.finditer(text) if found["undecided"] is None)]
            pieces = [text[start:end] for start, end in pairwise(ends)]
            rest = text[ends[-1] :]
        else:
            *whole, rest = text.split(b"\n\n")
            pieces = [piece + b"\n\n" for piece in whole]
        self._buffer = bytearray(rest)
        return pieces

    def _parse(self, raw: bytes) -> Event:
        text = raw
        if not self._begun:
            self._begun = True
            text = raw.removeprefix(_BOM)
        if (sole := _sole_line(text)) is not None:
            return Event(raw, sole or None)
        data: list[bytes] = []
        name = b""
        for line in text.splitlines():
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        return Event(raw, b"\n".join(data) or None, name.decode("utf-8", "replace") or None)

    def _too_large(self) -> EventTooLargeError:
        return EventTooLargeError(f"upstream sent an event of more than {self._limit} bytes; it was not read on")


def _sole_line(text: bytes) -> bytes | None:
    """The data of an event of one `data: ` line, which is nearly every one; None where it is anything else."""
    if text[:6] != b"data: ":
        return None
    first = text.find(b"\n")
    if first == len(text) - 2 and text[first + 1] == _LF and text.find(b"\r") < 0:
        return text[6:first]
    if first == len(text) - 3 and text[-4:] == b"\r\n\r\n" and text.find(b"\r") == first - 1:
        return text[6 : first - 1]
    return None


def sole_event(raw: bytes) -> Event:
    """The event that `raw` is, which has one line of data that begins with `data: `, ended by two LF."""
    return Event(raw, raw[6:-2])


def data_event(payload: bytes, name: str | None = None) -> bytes:
    """The bytes of an event that carries `payload`, which holds no line end."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + payload + b"\n\n"


def comment(text: str = "") -> bytes:
    """A line that clients pass over; it keeps a silent connection alive."""
    return b": " + text.encode() + b"\n\n" if text else b":\n\n"


def error_event(message: str, kind: str = "server_error", code: str | None = None) -> bytes:
    """The event that tells a client that its stream breaks off here; no `[DONE]` follows it."""
    return data_event(msgspec.json.encode(envelope(message, kind, None, code)))
