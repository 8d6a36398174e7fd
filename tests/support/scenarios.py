"""Answers with planted copies, cut and woven in every way a generator might: several choices, channels, tool calls."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from proxy.demo.prose import sentences
from tests.support.upstream import Json, chunk, interleaved, opening, pieces, tool_call

TEXTS = ("reasoning", "content", "refusal")
_JOINS = (" ", " ", " ", ", ", "\n", " — ", "; ", "  ")


@dataclass(frozen=True)
class ScriptedChoice:
    """What one choice says, by channel, in the order in which whole answers are read."""

    texts: dict[str, str]
    calls: tuple[str, ...]

    def message(self) -> Json:
        """The message of a whole answer."""
        calls = [
            {"id": f"call_{number}", "type": "function", "function": {"name": "write", "arguments": arguments}}
            for number, arguments in enumerate(self.calls)
        ]
        return {"content": "", **self.texts, **({"tool_calls": calls} if calls else {})}


@dataclass(frozen=True)
class Scenario:
    """An answer, how it is cut, and whether its choices and channels are woven together; `planted` says with a copy."""

    choices: tuple[ScriptedChoice, ...]
    chunks: tuple[Json, ...]
    planted: bool
    woven: bool


class Playwright:
    """Writes scenarios from a seed and from works to copy from."""

    def __init__(self, works: Sequence[str], seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (seeded test data)
        self._works = [work.split() for work in works]
        self._prose = sentences(seed)
        self._planted = False

    def scenario(self) -> Scenario:
        dice = self._random
        self._planted = False
        choices = tuple(self._choice() for _ in range(dice.choice((1, 1, 1, 2, 3))))
        woven = dice.random() < 0.3
        chunks = self._woven(choices) if woven else self._in_order(choices)
        return Scenario(choices, tuple(chunks), self._planted, woven)

    def recital(self) -> Scenario:
        """One choice of plain text with a long copy in it, and now and then another one."""
        dice = self._random
        self._planted = False
        copies = []
        while not self._planted or dice.random() < 0.25:
            copies.append(f"{self._some_prose()}{self._maybe_copy()} {self._some_prose()}")
            self._planted &= len(copies[-1].split()) > 41
        text = " ".join(copies).strip()
        chunks = [opening(), *(chunk({"content": piece}) for piece in self._cut(text)), chunk({}, finish="stop")]
        return Scenario((ScriptedChoice({"content": text}, ()),), tuple(chunks), self._planted, woven=False)

    def _choice(self) -> ScriptedChoice:
        dice = self._random
        texts = {}
        if dice.random() < 0.25:
            texts["reasoning"] = self._text()
        if dice.random() < 0.9:
            texts["content"] = self._text()
        if dice.random() < 0.1:
            texts["refusal"] = self._text()
        calls = [self._arguments() for _ in range(dice.choice((0, 0, 0, 1, 2)))]
        return ScriptedChoice(texts or {"content": self._text()}, tuple(calls))

    def _text(self) -> str:
        return f"{self._some_prose()}{self._maybe_copy()} {self._some_prose()}".strip()

    def _arguments(self) -> str:
        body = {"path": "notes.txt", "lines": [self._some_prose(), self._maybe_copy()], "mode": "w"}
        return json.dumps(body, ensure_ascii=self._random.random() < 0.5)

    def _some_prose(self) -> str:
        return "".join(islice(self._prose, self._random.randint(0, 3)))

    def _maybe_copy(self) -> str:
        dice = self._random
        if dice.random() < 0.35:
            return ""
        work = dice.choice(self._works)
        size = min(len(work), dice.choice((7, 12, 30, 39, 40, 41, 42, 60, 120)))
        start = dice.randrange(len(work) - size + 1)
        self._planted = True
        return self._disguised(work[start : start + size])

    def _disguised(self, words: Sequence[str]) -> str:
        """The words with other case, punctuation and line breaks; now and then one is replaced."""
        dice = self._random
        changes = dice.random() < 0.4
        out = []
        for word in words:
            plain = re.sub(r"[^\w'-]", "", word) if changes else word
            if changes and dice.random() < 0.03:
                plain = "sensor"
            out.append(
                (plain.upper() if changes and dice.random() < 0.1 else plain)
                + (dice.choice(_JOINS) if changes else " ")
            )
        return "".join(out).strip()

    def _in_order(self, choices: Sequence[ScriptedChoice]) -> list[Json]:
        return [each for number, choice in enumerate(choices) for part in self._parts(number, choice) for each in part]

    def _woven(self, choices: Sequence[ScriptedChoice]) -> list[Json]:
        """All channels of all choices in turn; each choice ends after the last of its own."""
        streams = [self._parts(number, choice) for number, choice in enumerate(choices)]
        bodies = interleaved(*(part for parts in streams for part in parts[:-1]))
        return bodies + [each for parts in streams for each in parts[-1]]

    def _parts(self, number: int, choice: ScriptedChoice) -> list[list[Json]]:
        """The chunks of a choice, a list a channel, the last with its end."""
        parts = [[opening(number)]]
        for channel in TEXTS:
            if channel in choice.texts:
                parts.append([chunk({channel: piece}, number) for piece in self._cut(choice.texts[channel])])
        for call, arguments in enumerate(choice.calls):
            parts.append(tool_call(arguments, self._size(), choice=number, number=call, finish=None))
        return [*parts, [chunk({}, number, finish="tool_calls" if choice.calls else "stop")]]

    def _cut(self, text: str) -> list[str]:
        dice = self._random
        how = dice.choice(("char", "word", "two", "random", "whole"))
        if how == "two":
            return pieces(text, [dice.randint(1, max(1, len(text) - 1))])
        if how == "random":
            return pieces(text, [dice.randint(1, 25) for _ in range(len(text))])
        return pieces(text, how)

    def _size(self) -> int:
        return self._random.choice((1, 4, 17, 1 << 20))
