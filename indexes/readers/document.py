"""What is read and what reading gives. Values, and the two interfaces of the formats."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from indexes.errors import FairgateError
from indexes.readers.bounds import DOCUMENT, Budget, megabytes
from indexes.readers.facts import Facts
from indexes.segment import reason


class UnreadableError(FairgateError):
    """A document gives no text; the message is the line that says so. Raised by readers and openers alone."""

    def __init__(self, why: str, *, fault: bool = True) -> None:
        super().__init__(why)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Document:
    """Something to read: a file, an entry of an archive, a row, a line, a page of a crawl.

    `where` names it in messages. `content` is the file, or its bytes, or its text. `said` are facts that stand over
    what the document says of itself, `site` facts that stand under it; `path` is its place on
    its site, `root` the folder of that site, and `terms_known` says that all its licence terms have been read. `media`
    and `charset` are what it was served as. `size` counts the bytes of the corpus that reading it goes forward by,
    `depth` the archives it lies in. `format` is one of `formats.READERS`.
    """

    id: str
    title: str
    where: str
    content: Path | bytes | str
    said: Facts = field(default_factory=dict)
    site: Facts = field(default_factory=dict)
    path: str = "/"
    root: Path | None = None
    terms_known: bool = False
    media: str | None = None
    charset: str | None = None
    size: int = 0
    depth: int = 0
    format: str = "plain"

    @property
    def name(self) -> str:
        """The last part of the id: a file name, if there is one."""
        return self.id.rpartition("/")[2]

    def load(self) -> bytes:
        """The content as bytes. Raises UnreadableError if the file cannot be read or is too large for one work."""
        if isinstance(self.content, str):
            return self.content.encode("utf-8", "surrogatepass")
        if isinstance(self.content, bytes):
            return self.content
        try:
            with self.content.open("rb") as file:
                raw = file.read(DOCUMENT + 1)
        except OSError as error:
            raise UnreadableError(f"{self.where} cannot be read: {reason(error)}") from error
        if len(raw) > DOCUMENT:
            raise UnreadableError(
                f"{self.where} is larger than {megabytes(DOCUMENT)}, too large for one work; split it"
            )
        return raw


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of a document and the facts it states; `notes` say what was mended, each after the document's name."""

    text: str
    facts: Facts = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Reader(Protocol):
    """Reads a document that holds one work."""

    def __call__(self, raw: bytes, document: Document) -> Reading:
        """The text and facts of these bytes. Raises UnreadableError with the line that says why there are none."""


@dataclass(frozen=True, slots=True)
class Container:
    """A document that holds others, opened: `stream` gives its bytes, `budget` what may come out of it."""

    document: Document
    stream: BinaryIO
    budget: Budget


class Opener(Protocol):
    """Opens a document that holds others."""

    def __call__(self, container: Container) -> Iterator["Document | Unread"]:
        """The documents in it, one by one. Raises UnreadableError for what keeps all the rest from being read."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that gave no work. `fault` if the user should mend it; else it was passed over, and that is said."""

    why: str
    fault: bool
    size: int = 0
