"""schema.org in a web page, as JSON-LD or microdata, read for the work that the page is."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from indexes.readers.facts import Facts, clean, names, stated, year
from indexes.readers.licences import rights

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

Item: TypeAlias = dict[str, Any]

WORKS: Final = (
    "Book",
    "Article",
    "NewsArticle",
    "ReportageNewsArticle",
    "OpinionNewsArticle",
    "AnalysisNewsArticle",
    "BlogPosting",
    "ScholarlyArticle",
    "TechArticle",
    "ShortStory",
    "Poem",
    "MusicComposition",
    "Recipe",
    "Report",
    "Chapter",
    "CreativeWork",
    "SocialMediaPosting",
    "Review",
    "WebPage",
)
"""Types that may stand for the text of a page, those that say most first but for the last, which is any page."""
FORMS: Final = {
    "NewsArticle": "news",
    "ReportageNewsArticle": "news",
    "OpinionNewsArticle": "news",
    "AnalysisNewsArticle": "news",
    "Recipe": "recipe",
    "Poem": "poem",
}


def facts(items: Iterable[Item]) -> Facts:
    """What the item that stands for the page says of it."""
    item = chosen(items)
    notice = texts(item.get("copyrightNotice"))
    return stated(
        title=next(iter([*texts(item.get("headline")), *texts(item.get("name"))]), None),
        creators=names([*named(item.get("author")), *named(item.get("creator"))]),
        holder=next(iter([*named(item.get("copyrightHolder")), *(rights(said)[1] or "" for said in notice)]), None),
        year=year(next(iter([*texts(item.get("copyrightYear")), *texts(item.get("datePublished"))]), None)),
        url=next((said for said in texts(item.get("url")) if said.startswith(("http://", "https://"))), None),
        market="licensable" if item.get("acquireLicensePage") else None,
        form=next((FORMS[kind] for kind in types(item) if kind in FORMS), None),
    )


def licences(items: Iterable[Item]) -> list[str]:
    """The licences that the item names which stands for the page."""
    said = chosen(items).get("license")
    return texts(said.get("url") if isinstance(said, dict) else said)


def chosen(items: Iterable[Item]) -> Item:
    """The item that stands for the page."""
    known = [item for item in items if any(kind in WORKS for kind in types(item))]
    return min(known, key=rank, default={})


def rank(item: Item) -> int:
    """How surely an item stands for the page: any page last."""
    return min(WORKS.index(kind) == len(WORKS) - 1 for kind in types(item) if kind in WORKS)


def types(item: Item) -> list[str]:
    """The types of an item, without their address."""
    return [said.rpartition("/")[2] for said in texts(item.get("@type"))]


def texts(value: object) -> list[str]:
    """The strings and numbers among some values."""
    values = value if isinstance(value, list) else [value]
    said = [str(each) if isinstance(each, int) else each for each in values]
    return [words for each in said if (words := clean(each))]


def named(value: object) -> list[str]:
    """The names among values that are names, or people and organisations."""
    values = value if isinstance(value, list) else [value]
    return [name for each in values for name in texts(each.get("name") if isinstance(each, dict) else each)]


def linked_data(parser: "LexborHTMLParser") -> list[Item]:
    """The items of a page's JSON-LD."""
    found: list[Item] = []
    for node in parser.css('script[type="application/ld+json"]'):
        try:
            found += flat(json.loads(node.text(deep=True), strict=False))
        except (ValueError, RecursionError):
            continue
    return found


def flat(value: object) -> Iterator[Item]:
    """The items in a document of JSON-LD: one, a list, a graph, or a page's main entity."""
    if isinstance(value, list):
        for each in value:
            yield from flat(each)
    elif isinstance(value, dict):
        yield value
        yield from flat(value.get("@graph"))
        yield from flat(value.get("mainEntity"))


def microdata(parser: "LexborHTMLParser") -> list[Item]:
    """The items of a page's microdata."""
    return [scope(node) for node in parser.css('[itemscope][itemtype*="schema.org/"]')]


def scope(node: "LexborNode") -> Item:
    """One item: its type and properties, those of items within it left out."""
    item: Item = {"@type": (node.attributes.get("itemtype") or "").split()}
    for each in node.css("[itemprop]"):
        if each.mem_id != node.mem_id and owner(each) == node.mem_id:
            for name in (each.attributes.get("itemprop") or "").split():
                item.setdefault(name, []).append(value_of(each))
    return item


def owner(node: "LexborNode") -> int | None:
    """The item that a property belongs to."""
    above = node.parent
    while above is not None and "itemscope" not in above.attributes:
        above = above.parent
    return above.mem_id if above is not None else None


def value_of(node: "LexborNode") -> Any:
    """What a property holds."""
    if "itemscope" in node.attributes:
        return scope(node) | {"name": texts([each.text(deep=True) for each in node.css("[itemprop=name]")][:1])}
    for key in ("content", "href", "datetime", "src"):
        if node.attributes.get(key):
            return node.attributes[key]
    return node.text(deep=True)
