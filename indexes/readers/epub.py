"""EPUB: the chapters in their reading order, and the Dublin Core of its package (https://www.w3.org/TR/epub-33/).

Read with `zipfile` and a parser that refuses entities: the libraries for EPUB are under the AGPL or bring far more.
"""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from indexes.readers.archive import ZIP_FAULTS
from indexes.readers.bounds import BombError, Budget
from indexes.readers.document import Document, Reading, UnreadableError
from indexes.readers.facts import Facts, clean, names, stated, year
from indexes.readers.licences import agreed, rights
from indexes.readers.paths import climbs

CONTAINER: Final = "META-INF/container.xml"
ENCRYPTION: Final = "META-INF/encryption.xml"
PAGES: Final = ("application/xhtml+xml", "text/html")
FONTS: Final = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""How fonts are disguised, which leaves the text as it is."""


def read_epub(raw: bytes, document: Document) -> Reading:
    """The text of a book and what its package says of it."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return Book(archive, document, Budget(len(raw))).read()
    except BombError as error:
        raise UnreadableError(f"{document.where} {error}; it is no book, remove it") from error
    except (*ZIP_FAULTS, LookupError, ParseError) as error:
        raise UnreadableError(f"{document.where} is a damaged EPUB ({reason(error)}); get it anew") from error


def reason(error: Exception) -> str:
    """What is wrong with a book, on one line."""
    return (" ".join(str(error).split()) or type(error).__name__).lower()[:120]


class Book:
    """An EPUB opened."""

    def __init__(self, archive: zipfile.ZipFile, document: Document, budget: Budget) -> None:
        self._archive = archive
        self._document = document
        self._budget = budget

    def read(self) -> Reading:
        """The text of all chapters, and the facts of the package."""
        if self._encrypted():
            raise UnreadableError(f"{self._document.where} is encrypted; add a copy without DRM")
        home = self._xml(CONTAINER).find(".//{*}rootfile")
        if home is None or not home.get("full-path"):
            raise KeyError("its container names no package")
        path = home.get("full-path", "")
        package = self._xml(path)
        facts, notes = package_facts(package)
        chapters: list[str] = []
        for each in spine(package):
            text, more = self._chapter(posixpath.join(posixpath.dirname(path), each))
            chapters.append(text)
            notes += more
        return Reading("\n".join(chapters), facts, tuple(dict.fromkeys(notes)))

    def _chapter(self, path: str) -> tuple[str, tuple[str, ...]]:
        from indexes.readers.html import read_chapter

        raw = self._bytes(posixpath.normpath(path))
        reading = read_chapter(raw, Document(path, "", f"{self._document.where} entry `{path}`", raw))
        return reading.text, reading.notes

    def _encrypted(self) -> bool:
        """Whether more than fonts is encrypted."""
        if any(entry.flag_bits & 1 for entry in self._archive.infolist()):
            return True
        if ENCRYPTION not in self._archive.namelist():
            return False
        methods = [each.get("Algorithm") for each in self._xml(ENCRYPTION).iter("{*}EncryptionMethod")]
        found = [each.get("Algorithm") for each in self._xml(ENCRYPTION).findall(".//{*}EncryptionMethod")]
        return any(method not in FONTS for method in [*methods, *found])

    def _xml(self, path: str) -> Element:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import fromstring

        try:
            root: Element = fromstring(self._bytes(path))
        except DefusedXmlException as error:
            raise ValueError(f"`{path}` declares entities") from error
        return root

    def _bytes(self, path: str) -> bytes:
        if climbs(path):
            raise ValueError(f"`{path}` leaves the book")
        with self._archive.open(path) as stream:
            raw = self._budget.read(stream)  # type: ignore[arg-type]  # IO[bytes] is what is read
        if raw is None:
            raise ValueError(f"`{path}` is too large")
        return raw


def spine(package: Element) -> Iterator[str]:
    """The files of the chapters in reading order, what is not text left out."""
    items = {each.get("id"): each for each in package.findall(".//{*}manifest/{*}item")}
    for reference in package.findall(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        skipped = item is None or item.get("media-type") not in PAGES or "nav" in item.get("properties", "").split()
        if item is not None and not skipped and item.get("href"):
            yield unquote(item.get("href", ""))


def package_facts(package: Element) -> tuple[Facts, tuple[str, ...]]:
    """What the Dublin Core of a package says, and the TDM reservation protocol in it."""
    said = {name: texts(package, name) for name in ("title", "creator", "rights", "date", "identifier", "source")}
    licences = [name for each in said["rights"] if (name := rights(each)[0])]
    licences += [href for link in package.findall(".//{*}link") if (href := licence_link(link))]
    metas = properties(package)
    licences += metas.get("dcterms:license", []) + metas.get("schema:license", [])
    named, notes = agreed(licences)
    held = [name for each in said["rights"] if (name := rights(each)[1])]
    dates = [*metas.get("dcterms:issued", []), *metas.get("dcterms:created", []), *said["date"]]
    facts = stated(
        title=next(iter(said["title"]), None),
        creators=names(said["creator"]),
        holder=next(iter([*metas.get("dcterms:rightsHolder", []), *held]), None),
        license=named,
        year=year(next(iter(dates), None)),
        url=next((each for each in said["identifier"] + said["source"] if each.startswith(("http:", "https:"))), None),
        opt_out="1" in metas.get("tdm:reservation", []),
    )
    return facts, notes


def texts(package: Element, name: str) -> list[str]:
    """What stands in the elements of Dublin Core of a name."""
    found = package.findall(f".//{{*}}metadata//{{http://purl.org/dc/elements/1.1/}}{name}")
    return [said for each in found if (said := clean("".join(each.itertext())))]


def properties(package: Element) -> dict[str, list[str]]:
    """What stands in `<meta>`, by property."""
    metas: dict[str, list[str]] = {}
    for each in package.findall(".//{*}metadata//{*}meta"):
        said = clean("".join(each.itertext())) or clean(each.get("content"))
        if said:
            metas.setdefault(each.get("property") or each.get("name") or "", []).append(said)
    return metas


def licence_link(link: Element) -> str | None:
    """The address of a licence that a package links to."""
    return link.get("href") if {"cc:license", "dcterms:license", "license"} & set(link.get("rel", "").split()) else None
