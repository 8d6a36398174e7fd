"""The command line in this process: what a user would type, and what comes back."""

import io
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from proxy.cli import main


@dataclass(frozen=True)
class Done:
    """Exit code and what was printed."""

    returncode: object
    stdout: str
    stderr: str


def fairgate(folder: Path, *words: str, stdin: bytes = b"") -> Done:
    """Run `fairgate WORDS` in a folder. A traceback is never what a user should see."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = None
    with chdir(folder), redirect_stdout(out), redirect_stderr(err), _typed(words, stdin):
        try:
            main()
        except SystemExit as left:
            code = left.code
    said, complained = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    assert "Traceback" not in complained
    return Done(code, said, complained)


@contextmanager
def _typed(words: tuple[str, ...], stdin: bytes) -> Iterator[None]:
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["fairgate", *words], io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        yield
    finally:
        sys.argv, sys.stdin = before
