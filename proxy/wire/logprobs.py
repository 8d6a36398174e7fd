"""Log probabilities leave with their text or not at all. Sans-I/O.

Entries are placed by their bytes: what the tokens spell, one after another, is the channel's text in UTF-8. A token may
come before its text does and then waits, unless it is the first bytes of a character, which tell nothing. One that
spells no text of the channel (the syntax around a tool call, what a parser took out) never leaves, except a control
token such as `</s>` or one that the generator itself could not decode. Space around a word makes no difference: some
generators leave it out where they spell a single token.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

_CONTROL = re.compile(r"<[^\s<>]{1,40}>|\[[^\s\[\]]{1,40}\]")

_UNDECODED = "\ufffd".encode()


class Batch(msgspec.Struct, frozen=True, gc=False):
    """The entries that one chunk brings. `key` is where they stand in `logprobs`: `content` or `refusal`.

    `channel` is the one whose text they belong to; None where they cannot be told apart between several channels: then
    they leave together, when all text of their chunk has left.
    """

    key: str
    channel: str | None
    entries: list[Any]


class LogprobQueue:
    """Entries of one channel that wait for their text; offsets are code points of the channel's text as generated."""

    def __init__(self, start: int = 0) -> None:
        self._placed: deque[tuple[int, Any]] = deque()
        self._unplaced: deque[tuple[bytes, Any]] = deque()
        self._ahead = b""  # bytes of a character still to come whose entries were placed
        self._text = b""
        self._taken = 0  # bytes of `_text` that tokens have spelled
        self._at = start  # code points that tokens have spelled, or that came without tokens

    def __len__(self) -> int:
        return len(self._placed) + len(self._unplaced)

    def add(self, entries: Sequence[Any], text: str) -> None:
        """Take the text that came with `entries`; either may be empty."""
        self._unplaced.extend((spelled, entry) for entry in entries if (spelled := _spelled(entry)) is not None)
        self._text = self._text[self._taken :] + text.encode("utf-8", "surrogatepass")
        self._taken = 0
        if self._text:
            self._consume(len(self._ahead) if self._text.startswith(self._ahead) else 0)
            self._ahead = b""
        while self._unplaced and self._place(*self._unplaced[0]):
            self._unplaced.popleft()
        if not self._unplaced:
            self._consume(len(self._text) - self._taken)

    def _place(self, spelled: bytes, entry: Any) -> bool:
        """Place an entry, or pass it over; returns whether that could be decided yet."""
        left = len(self._text) - self._taken
        if self._text.startswith(spelled, self._taken):
            self._consume(len(spelled))
        elif _tells_nothing(spelled):
            pass
        elif not left and _is_fragment(self._ahead + spelled):
            self._ahead += spelled
        elif word := spelled.strip():
            begin = self._next_word()
            if not self._text.startswith(word, begin):
                return not word.startswith(self._text[begin : begin + len(word)])
            self._consume(begin + len(word) - self._taken)
        elif not left:
            return False
        self._placed.append((self._at, entry))
        return True

    def release(self, until: int) -> list[Any]:
        """Hand over, in order, the entries whose text ends at or before `until`."""
        out = []
        while self._placed and self._placed[0][0] <= until:
            out.append(self._placed.popleft()[1])
        return out

    def _next_word(self) -> int:
        """Where what is left of the text holds something other than space."""
        at = self._taken
        while self._text[at : at + 1].isspace():
            at += 1
        return at

    def _consume(self, count: int) -> None:
        taken = self._text[self._taken : self._taken + count]
        self._taken += count
        self._at += sum(byte & 0xC0 != 0x80 for byte in taken)


class ChoiceLogprobs:
    """The queues of one choice. It must see every chunk of the choice, those without log probabilities too."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str], LogprobQueue] = {}
        self._joint: list[tuple[Batch, dict[str, int]]] = []
        self._lengths: dict[str, int] = {}

    def accept(self, batches: Iterable[Batch], texts: Mapping[str, str]) -> None:
        """Take what a chunk brought: its entries, and its text by channel."""
        brought: dict[tuple[str, str], list[Any]] = {}
        for batch in batches:
            if batch.channel is None:
                ends = {channel: self._lengths.get(channel, 0) + len(text) for channel, text in texts.items()}
                self._joint.append((batch, ends))
            else:
                brought[batch.key, batch.channel] = batch.entries
        for key, channel in brought:
            if (key, channel) not in self._queues:
                self._queues[key, channel] = LogprobQueue(self._lengths.get(channel, 0))
        for (key, channel), queue in self._queues.items():
            queue.add(brought.get((key, channel), ()), texts.get(channel, ""))
        for channel, text in texts.items():
            self._lengths[channel] = self._lengths.get(channel, 0) + len(text)

    def release(self, released: Mapping[str, int]) -> dict[str, list[Any]]:
        """Hand over the entries, by key, whose text has left; `released` says how much of each channel has."""
        out: dict[str, list[Any]] = {}
        for (key, channel), queue in self._queues.items():
            out.setdefault(key, []).extend(queue.release(released.get(channel, 0)))
        while self._joint and all(released.get(channel, 0) >= end for channel, end in self._joint[0][1].items()):
            batch = self._joint.pop(0)[0]
            out.setdefault(batch.key, []).extend(batch.entries)
        return out


def _spelled(entry: Any) -> bytes | None:
    """The bytes of an entry's token; None where an entry is no entry."""
    if not isinstance(entry, dict):
        return None
    numbers = entry.get("bytes")
    if isinstance(numbers, list) and all(isinstance(number, int) and 0 <= number <= 255 for number in numbers):
        return bytes(numbers)
    token = entry.get("token")
    return token.encode("utf-8", "surrogatepass") if isinstance(token, str) else None


def _tells_nothing(spelled: bytes) -> bool:
    """Whether a token is one that controls the generator, or that it could not decode."""
    token = spelled.decode("utf-8", "replace")
    return _CONTROL.fullmatch(token) is not None or spelled == _UNDECODED * (len(spelled) // len(_UNDECODED))


def _is_fragment(spelled: bytes) -> bool:
    """Whether bytes begin a character of UTF-8 and do not end it."""
    lengths = {0b110: 2, 0b1110: 3, 0b11110: 4}
    return any(spelled[0] >> (7 - length) == lead and len(spelled) < length for lead, length in lengths.items())
