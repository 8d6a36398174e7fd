"""`fairgate check`: judge a file or standard input, with spans, sources and reasons."""

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console

from indexes.errors import UsageError
from indexes.store import Store
from indexes.text.index import SegmentIndex
from policies.factors import PURPOSES
from policies.load import find
from policies.model import JudgedMatch, Use, Verdict
from policies.use import combine_use
from proxy.judging import PolicyJudge, judge_text
from proxy.retelling import Retelling
from proxy.verdicts import verdict_json

_SHOWN = 160


@click.command("check")
@click.argument("file", default="-")
@click.option("--kind", type=click.Choice(["auto", "text", "code", "image"]), default="auto", show_default=True)
@click.option("--index", "directory", default="./fairgate-index", show_default=True, help="The index's folder.")
@click.option("--policy", default="balanced", show_default=True, help="A preset's name or a file.")
@click.option("--purpose", type=click.Choice(sorted(PURPOSES)), help="What the text is for.")
@click.option("--grounding", type=click.Path(path_type=Path), help="A file with the request's own text.")
@click.option("--semantic", is_flag=True, help="Find passages in other words, too; slower.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def check_command(  # noqa: PLR0913 (one argument an option)
    file: str,
    directory: str,
    policy: str,
    *,
    kind: str,
    purpose: str | None,
    grounding: Path | None,
    semantic: bool,
    as_json: bool,
) -> int:
    """Judge FILE, or standard input: exit 0 for pass or attribute, 1 for rewrite or block."""
    if kind == "image":
        raise UsageError("images are not checked yet; give a text")
    if file == "-" and grounding is not None and str(grounding) == "-":
        raise UsageError("text and grounding cannot both come from standard input; name a file for one of them")
    text = _read(file)
    own = [] if grounding is None else [_read(str(grounding))]
    found = find(policy)
    snapshot = Store(Path(directory)).snapshot()
    index = SegmentIndex(snapshot.segments, snapshot.revision)
    use = combine_use(found.use, Use(purpose or "unknown"), may_declare=True)
    retelling = Retelling(snapshot.segments) if semantic else None
    _, verdict = judge_text(index, PolicyJudge(found, use), text, own, retelling=retelling)
    if as_json:
        sys.stdout.write(msgspec.json.encode(verdict_json(verdict, found.mode, index.revision)).decode() + "\n")
    else:
        _print(verdict, text)
    return 1 if verdict.action.stops else 0


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"`{file}` cannot be read ({(error.strerror or str(error)).lower()})") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        name = "standard input" if file == "-" else f"`{file}`"
        raise UsageError(f"{name} is not UTF-8 text (byte {error.start}); convert it first") from error


def _print(verdict: Verdict, text: str) -> None:
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"{verdict.action.value}  score {verdict.score:.2f}  policy {verdict.policy}", markup=False)
    for reason in verdict.reasons:
        out.print(f"  because {reason}", markup=False)
    for judged in verdict.matches:
        for line in _lines(judged, text):
            out.print(line, markup=False)
    if verdict.factors:
        factors = "  ".join(f"{name} {value:.2f}" for name, value in verdict.factors.items())
        unknown = f"  (unknown, counted as 0.50: {', '.join(verdict.unknown)})" if verdict.unknown else ""
        out.print(f"  factors: {factors}{unknown}", markup=False)


def _lines(judged: JudgedMatch, text: str) -> list[str]:
    match = judged.match
    work = match.work
    by = f" by {', '.join(work.creators)}" if work.creators else ""
    excerpt = " ".join(text[match.output.start : match.output.end].split())
    excerpt = excerpt if len(excerpt) <= _SHOWN else excerpt[:_SHOWN] + "..."
    also = f", and {judged.works_count - 1} more works" if judged.works_count > 1 else ""
    head = (
        f"  {match.output.start}-{match.output.end}: {match.words} words of {work.title}{by} [{work.id}]{also}"
        f" at {match.source.start}-{match.source.end}: {judged.action.value}, {judged.reason}"
    )
    return [head, f"    \u201c{excerpt}\u201d"]
