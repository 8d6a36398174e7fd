"""One choice of an answer while it is guarded: its texts pass its gate, and it is brought to its end. Sans-I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from proxy.gate import ChoiceGate
from proxy.wire.chunk import Chunk
from proxy.wire.fields import REFUSAL
from proxy.wire.logprobs import ChoiceLogprobs

BLOCKED = "content_filter"

Fed: TypeAlias = dict[tuple[int, str], str]
"""What may leave of each channel of each choice."""


@dataclass(slots=True)
class GuardedChoice:
    """One choice while it is answered; `finish_reason` is set when it has ended."""

    number: int
    gate: ChoiceGate
    logprobs: ChoiceLogprobs | None = None
    finish_reason: str | None = None
    closed: bool = False
    """Whether its text has ended; more of it may wait in the gate."""

    @property
    def generated(self) -> int:
        """Code points of all that was generated for it, as far as it was read."""
        return self.gate.discarded + sum(lane.length for lane in self.gate.lanes.values())

    def feed(self, chunk: Chunk, fed: Fed) -> None:
        """Let every text that a chunk brings of the choice pass the gate."""
        texts = chunk.texts(self.number)
        for channel, text in texts.items():
            fed[self.number, channel] = self.gate.feed(channel, text)
        if self.logprobs is not None:
            self.logprobs.accept(chunk.logprobs(self.number), texts)

    def end(self, chunk: Chunk) -> bool:
        """Judge the choice once and for good as it ends with a chunk; says whether it was stopped, and the chunk so."""
        self.gate.conclude()
        if not self.gate.stopped:
            self.finish_reason = str(chunk.choice(self.number).get("finish_reason") or "stop")
            return False
        self.finish_reason = BLOCKED
        chunk.finish(self.number, BLOCKED)
        return True

    def refuse(self, said: str | None, fed: Fed) -> None:
        """Tell the client why the choice was stopped."""
        if said:
            fed[self.number, REFUSAL] = fed.get((self.number, REFUSAL), "") + said

    def put_whole(self, chunk: Chunk, said: str | None) -> None:
        """Make all that left of the choice, and why it was stopped if that is said, what a whole answer carries."""
        fed = {(self.number, lane.channel): lane.sent for lane in self.gate.lanes.values()}
        self.refuse(said, fed)
        for (_, channel), text in fed.items():
            chunk.put(self.number, channel, text)
        chunk.finish(self.number, self.finish_reason or BLOCKED)

    def withdraw_calls(self, chunk: Chunk, fed: Fed) -> None:
        """Take the calls that may not leave whole out of a whole answer."""
        for channel, text in chunk.texts(self.number).items():
            if channel.startswith(("tool_calls", "function_call")) and fed.get((self.number, channel)) != text:
                fed.pop((self.number, channel), None)
                if (lane := self.gate.lanes.get(channel)) is not None:  # one that was never read has none
                    lane.unsent = True
                chunk.remove(self.number, channel)

    def align_logprobs(self, chunk: Chunk) -> bool:
        """Let log probabilities leave with their text; says whether the chunk changed for it."""
        if self.logprobs is None:
            return False
        released = {channel: lane.released for channel, lane in self.gate.lanes.items()}
        return chunk.put_logprobs(self.number, self.logprobs.release(released))


def add(fed: Fed, choice: int, texts: Mapping[str, str]) -> None:
    """Put more of a choice to what may leave."""
    for channel, text in texts.items():
        if text:
            fed[choice, channel] = fed.get((choice, channel), "") + text
