"""Reads an answer that begins with the request's own prompt, and passes the prompt over. Sans-I/O."""

from proxy.wire.arguments import JsonText


class EchoText:
    """Passes over as much as is the prompt to the letter; what follows is read as if there had been no echo.

    An answer that parts from the prompt before its end is read from its beginning: an upstream may have cut the prompt
    or spelled it anew, and what is left to recognize it by is that the request holds it, too.
    """

    def __init__(self, prompt: str, behind: JsonText | None = None) -> None:
        self._prompt = prompt
        self._behind = behind
        self._passed = 0
        self._echoes = bool(prompt)

    def feed(self, raw: str) -> str:
        """Take more raw text and return what it adds to the text that is scanned."""
        if self._echoes:
            raw = self._pass_over(raw)
        return raw if self._behind is None else self._behind.feed(raw)

    def raw_offset(self, text_offset: int) -> int:
        """Map an offset of the scanned text to one of the raw text."""
        behind = text_offset if self._behind is None else self._behind.raw_offset(text_offset)
        return self._passed + behind

    def _pass_over(self, raw: str) -> str:
        """What of `raw` is to be scanned, after the text that was passed over where that was no echo."""
        if self._prompt.startswith(raw, self._passed):
            self._passed += len(raw)
            return ""
        self._echoes = False
        due = self._prompt[self._passed :]
        if raw.startswith(due):
            self._passed = len(self._prompt)
            return raw[len(due) :]
        before, self._passed = self._prompt[: self._passed], 0
        return before + raw
