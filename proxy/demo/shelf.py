"""The sample works, as the sample generator knows them: by heart."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.errors import UsageError

_VERSE = frozenset({"poem", "lyrics"})
_WORD = re.compile(r"[^\W_]+")
_SMALL = frozenset({"the", "a", "an"})


@dataclass(frozen=True, slots=True)
class SampleWork:
    """One bundled work; `recital` is its text from the first paragraph of prose or line of verse on."""

    id: str
    title: str
    creators: tuple[str, ...]
    url: str | None
    recital: str
    names: tuple[str, ...]

    @property
    def credit(self) -> str:
        """Title, creators and address, as a quotation gives its source."""
        return ", ".join(part for part in (self.title, "by " + " and ".join(self.creators), self.url) if part)


def samples_folder() -> Path:
    """Where the bundled works and their `manifest.jsonl` stand."""
    return Path(__file__).parent / "works"


def load_works(folder: Path) -> tuple[SampleWork, ...]:
    """Read the works that a manifest names. Raises UsageError where a file is missing."""
    manifest = folder / "manifest.jsonl"
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
        return tuple(_work(folder, json.loads(line)) for line in lines if line.strip())
    except OSError as error:
        raise UsageError(f"cannot read the sample works at `{manifest}`: reinstall fairgate") from error


def find_work(works: Sequence[SampleWork], asked: str) -> SampleWork | None:
    """The work that a request names: the longest title, short title or creator's name that stands in it."""
    spoken = f" {' '.join(_words(asked))} "
    best: tuple[int, SampleWork] | None = None
    for work in works:
        for name in work.names:
            named = f" {name} " in spoken or (not name.isascii() and name in spoken)
            if named and (best is None or len(name) > best[0]):
                best = (len(name), work)
    return best[1] if best else None


def find_continuation(works: Sequence[SampleWork], given: str) -> tuple[SampleWork, int] | None:
    """Where a work goes on after the last words of `given`: the work and an offset in its recital."""
    tail = _words(given)[-8:]
    if len(tail) < 4:
        return None
    run = re.compile(r"[\W_]+".join(re.escape(word) for word in tail), re.IGNORECASE)
    for work in works:
        found = run.search(work.recital)
        if found:
            return work, found.end()
    return None


def _work(folder: Path, entry: dict[str, object]) -> SampleWork:
    text = (folder / str(entry["path"])).read_text(encoding="utf-8")
    creators = entry.get("creators")
    title = str(entry["title"])
    names = (*(str(name) for name in creators),) if isinstance(creators, list) else ()
    url = entry.get("url")
    return SampleWork(
        id=str(entry["id"]),
        title=title,
        creators=names,
        url=url if isinstance(url, str) else None,
        recital=text.strip() if entry.get("form") in _VERSE else _flowing(text),
        names=_names(title, str(entry["id"]), names),
    )


def _flowing(text: str) -> str:
    """Prose from its first real paragraph on, with the line breaks inside paragraphs undone."""
    paragraphs = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    first = next((at for at, block in enumerate(paragraphs) if len(block.split()) >= 12), 0)
    return "\n\n".join(block for block in paragraphs[first:] if block)


def _names(title: str, work_id: str, creators: Sequence[str]) -> tuple[str, ...]:
    full = _words(title.split("(", 1)[0])
    short = full[1:] if full[:1] and full[0] in _SMALL else full
    surnames = [[_words(creator)[-1]] for creator in creators if _words(creator)]
    spoken = (full, short, _words(work_id.rsplit("/", 1)[-1]), *surnames)
    return tuple(dict.fromkeys(" ".join(words) for words in spoken if words))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold().replace("'s", " s").replace("\u2019s", " s"))
