"""How an answer that is asked for again goes on with what the client has, and what all asks used. Sans-I/O."""

from collections.abc import Container
from dataclasses import replace

from proxy.wire.again import Seam
from proxy.wire.answer import shell
from proxy.wire.chunk import Chunk, decoded
from proxy.wire.fields import CONTENT
from proxy.wire.sieve import Json
from proxy.wire.usage import Spent


class Sequel:
    """One answer over all times that upstream is asked for it; the first time, it only watches."""

    def __init__(self) -> None:
        self.asks = 0
        """How often the answer was asked for again."""
        self.first = b""
        """The data of an early event, if it was read at a glance: it holds what every chunk repeats."""
        self._shell: Json = {}
        self._usage: object = None
        self._spent = Spent()
        self._counted = 0
        self._seam: Seam | None = None
        self._spoke = False

    @property
    def shell(self) -> Json:
        """What every chunk of the answer repeats, as far as any was read."""
        if not self._shell and self.first:
            self._shell = shell(decoded(self.first))
        return self._shell

    @property
    def silent(self) -> bool:
        """Whether the answer that was asked for again has brought no text."""
        return self.asks > 0 and not self._spoke

    def remember(self, chunk: Chunk) -> None:
        """Keep what a chunk says of usage, and what every chunk repeats."""
        if chunk.has_usage:
            self._usage = chunk.body["usage"]
        if not self._shell:
            self._shell = shell(chunk.body)

    def begin(self, delivered: str, prompt_chars: int, generated: int) -> None:
        """The answer is asked for again, behind what was `delivered`; so many code points were generated so far."""
        self._spent, self._usage = self.spent(prompt_chars, generated), None
        self._counted = generated
        self._seam, self._spoke = Seam(delivered), False
        self.asks += 1

    def fit(self, chunk: Chunk, known: Container[int]) -> None:
        """Make a chunk of an answer that was asked for again go on with the choices that the client knows."""
        self.remember(chunk)
        chunk.body.update(self.shell)
        if chunk.has_usage:
            chunk.body["usage"] = self._spent.plus(chunk.body["usage"])
        for number in chunk.choices:
            if number not in known:
                chunk.remove_choice(number)
                continue
            chunk.continue_choice(number)
        for part in chunk.parts:
            if part.channel == CONTENT and self._seam is not None:
                part.write(self._seam.take(part.text))
            self._spoke |= bool(part.text)

    def close(self) -> str:
        """The answer ends here: what still goes on of its text, since it was no repetition after all."""
        text = self._seam.close() if self._seam is not None else ""
        self._spoke |= bool(text)
        return text

    def spent(self, prompt_chars: int, generated: int) -> Spent:
        """What all asks used so far; of one whose upstream did not say, about so much."""
        spent = replace(self._spent)
        generated -= self._counted
        if generated or self._usage is not None:
            spent.add(self._usage, prompt_chars, generated)
        return spent

    def total(self, prompt_chars: int, generated: int) -> Json:
        """The usage of all asks, as a client is told of it."""
        if isinstance(self._usage, dict):
            return self._spent.plus(self._usage)
        return self.spent(prompt_chars, generated).total()
