"""A configuration that is shipped, with its placeholders filled in."""

import re
from pathlib import Path


def filled(file: Path, folder: Path) -> Path:
    """Write a copy to `folder` in which every `<...>` is a SHA-256 of its own."""
    digits = iter("123456789abcdef")
    text = re.sub(r"<[^<>\n]+>", lambda _: next(digits) * 64, file.read_text(encoding="utf-8"))
    found = folder / file.name
    found.write_text(text, encoding="utf-8")
    return found
