"""Really Simple Licensing 1.0 (https://rslstandard.org/rsl): what a site's licence file says of an address."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

from indexes.readers.facts import Facts, fitting
from indexes.readers.licences import licence

TRAINING: Final = frozenset({"all", "ai-all", "ai-train", "train-ai"})
SOLD: Final = frozenset({"purchase", "subscription", "training", "crawl", "use", "inference"})
LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the addresses that fit a pattern."""

    pattern: str
    facts: Facts


def parse(raw: bytes) -> list[Terms]:
    """The terms of an RSL document; none of one that is not RSL or is not well-formed."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(raw[:LARGEST])
    except (ParseError, DefusedXmlException, ValueError):
        return []
    return [Terms(content.get("url", "/"), read(content)) for content in each(root, "content")]


def read(content: Element) -> Facts:
    """The facts that one `<content>` states."""
    facts: Facts = {}
    licences = each(content, "license")
    standards = [text for item in licences for text in texts(item, "standard") if text]
    if standards and (name := licence(standards[0])):
        facts["license"] = name
    if holder := next((held(item) for item in each(content, "copyright")), None):
        facts["holder"] = holder
    if any(item.get("type") in SOLD for part in licences for item in each(part, "payment")):
        facts["market"] = "licensable"
    if licences and not any(trains(item) for item in licences):
        facts["opt_out"] = True
    return facts


def trains(terms: Element) -> bool:
    """Whether a licence lets a model be trained: that is neither forbidden nor left out of what is allowed."""
    forbidden = usages(terms, "prohibits")
    allowed = usages(terms, "permits")
    if TRAINING & forbidden:
        return False
    return not allowed or bool(TRAINING & allowed)


def usages(terms: Element, name: str) -> frozenset[str]:
    """The uses that a licence permits or prohibits."""
    said = [item.text or "" for item in each(terms, name) if item.get("type", "usage") == "usage"]
    return frozenset(word for text in said for word in text.replace(",", " ").split())


def held(item: Element) -> str | None:
    """Who holds the rights, as `<copyright>` says."""
    return (item.get("name") or item.text or "").strip() or None


def each(parent: Element, name: str) -> list[Element]:
    """The descendants of a name, whatever their namespace."""
    return [item for item in parent.iter() if isinstance(item.tag, str) and item.tag.rpartition("}")[2] == name]


def texts(parent: Element, name: str) -> list[str]:
    """What stands in the descendants of a name."""
    return [(item.text or "").strip() for item in each(parent, name)]


def terms_for(url: str, terms: list[Terms]) -> Facts:
    """What holds for an address: the terms with the longest pattern that fits it."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fit = [item for item in terms if fits(item.pattern, parts.netloc, path)]
    return max(fit, key=lambda item: len(item.pattern)).facts if fit else {}


def fits(pattern: str, host: str, path: str) -> bool:
    """Whether an address lies under a pattern; a pattern with a host is for that host."""
    parts = urlsplit(pattern)
    if parts.netloc and host and parts.netloc.lower() != host.lower():
        return False
    said = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return fitting(said, path)
