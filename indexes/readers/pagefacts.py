"""What a web page says of itself: schema.org, Dublin Core, links of licence, and reservations of rights."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from indexes.readers import rsl, schemaorg
from indexes.readers.document import Document
from indexes.readers.facts import Facts, clean, joined, names, stated, year
from indexes.readers.licences import agreed, rights
from indexes.readers.paths import below

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

ROBOTS: Final = ("robots", "ai", "gptbot", "ccbot", "google-extended")
NO_AI: Final = frozenset({"noai", "noml", "notrain"})
RSL: Final = "application/rsl+xml"

Metas = dict[str, list[str]]


def page_facts(parser: "LexborHTMLParser", document: Document) -> tuple[Facts, tuple[str, ...]]:
    """Facts that a page states, and notes on what they leave open. schema.org goes before Dublin Core."""
    metas = read_metas(parser)
    items = [*schemaorg.linked_data(parser), *schemaorg.microdata(parser)]
    schema = schemaorg.facts(items)
    core = dublin_core(metas)
    own = stated(
        title=first(metas, "og:title") or title_of(parser),
        creators=names(metas.get("author", [])),
        year=year(first(metas, "article:published_time")),
        url=link(parser, "canonical") or first(metas, "og:url"),
        opt_out=reserved(metas),
    )
    terms, missing = license_terms(parser, document)
    licences = [*schemaorg.licences(items), *links(parser, "license"), *licence_statements(metas)]
    named, notes = agreed(licences)
    return joined(stated(license=named), schema, core, own, terms), (*notes, *missing)


def read_metas(parser: "LexborHTMLParser") -> Metas:
    """What stands in `<meta>`, by name in lower case."""
    metas: Metas = {}
    for node in parser.css("meta[content]"):
        name = node.attributes.get("name") or node.attributes.get("property") or node.attributes.get("http-equiv")
        content = clean(node.attributes.get("content"))
        if name and content:
            metas.setdefault(name.strip().lower(), []).append(content)
    return metas


def dublin_core(metas: Metas) -> Facts:
    """What Dublin Core says, under `DC.` or `DCTERMS.`."""
    core = {key: [*metas.get(f"dc.{key}", []), *metas.get(f"dcterms.{key}", [])] for key in CORE}
    held = [name for said in core["rights"] if (name := rights(said)[1])]
    return stated(
        title=next(iter(core["title"]), None),
        creators=names(core["creator"]),
        holder=next(iter([*core["rightsholder"], *held]), None),
        year=year(next(iter([*core["date"], *core["issued"], *core["created"]]), None)),
        url=next((said for said in core["identifier"] if said.startswith(("http://", "https://"))), None),
    )


CORE: Final = ("title", "creator", "rights", "rightsholder", "license", "date", "issued", "created", "identifier")


def licence_statements(metas: Metas) -> list[str]:
    """Licences that `<meta>` names."""
    said = [*metas.get("dcterms.license", []), *metas.get("dc.license", []), *metas.get("dc.rights", [])]
    said += [*metas.get("dcterms.rights", []), *metas.get("license", [])]
    return [name for each in said if (name := rights(each)[0])]


def reserved(metas: Metas) -> bool:
    """Whether a page reserves its text from training: `noai` for robots, or the TDM reservation protocol."""
    words = {word.strip() for name in ROBOTS for said in metas.get(name, []) for word in said.lower().split(",")}
    return bool(words & NO_AI) or first(metas, "tdm-reservation") == "1"


def license_terms(parser: "LexborHTMLParser", document: Document) -> tuple[Facts, tuple[str, ...]]:
    """What the RSL terms say that a page holds or links to; a note for those that are not at hand."""
    terms = [each for node in parser.css(f'script[type="{RSL}"]') for each in rsl.parse(node.text(deep=True).encode())]
    notes: list[str] = []
    for node in parser.css(f'link[rel~="license"][type="{RSL}"][href]'):
        href = node.attributes["href"] or ""
        raw = local(href, document.root)
        if raw is not None:
            terms += rsl.parse(raw)
        elif not document.terms_known:
            notes.append(f"names licence terms at `{clean(href)}` that are not at hand")
    said = document.said.get("url") or document.path
    return rsl.terms_for(str(said), terms), tuple(notes)


def local(href: str, root: Path | None) -> bytes | None:
    """The file in a site's folder that a link names."""
    path = below(root, unquote(urlsplit(href).path).lstrip("/")) if root else None
    if path is None or path.stat().st_size > rsl.LARGEST:
        return None
    return path.read_bytes()


def first(metas: Metas, name: str) -> str | None:
    """The first that stands under a name."""
    return next(iter(metas.get(name, [])), None)


def title_of(parser: "LexborHTMLParser") -> str | None:
    """What the window is called."""
    node = parser.css_first("title")
    return clean(node.text(deep=True)) if node else None


def link(parser: "LexborHTMLParser", rel: str) -> str | None:
    """The first address that a link of this kind names."""
    found = [said for said in links(parser, rel) if said.startswith(("http://", "https://"))]
    return found[0] if found else None


def links(parser: "LexborHTMLParser", rel: str) -> list[str]:
    """The addresses that links of this kind name, RSL terms left out."""
    nodes: list[Any] = parser.css(f'link[rel~="{rel}"][href], a[rel~="{rel}"][href]')
    return [node.attributes["href"] for node in nodes if node.attributes.get("type") != RSL and node.attributes["href"]]
