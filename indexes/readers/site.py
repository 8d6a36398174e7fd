"""What a site says of all its pages: robots.txt, ai.txt, Really Simple Licensing, the TDM reservation protocol."""

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from indexes.readers import rsl
from indexes.readers.facts import Facts, fitting, joined

if TYPE_CHECKING:
    from protego import Protego

ROBOTS: Final = "/robots.txt"
AI: Final = "/ai.txt"
RESERVATIONS: Final = "/.well-known/tdmrep.json"
FILES: Final = (ROBOTS, AI, RESERVATIONS, "/.well-known/ai.txt", "/rsl.xml", "/license.xml")
"""Where a site says it, besides the files that robots.txt names under `License:`."""

CRAWLERS: Final = (
    "GPTBot",
    "Google-Extended",
    "CCBot",
    "ClaudeBot",
    "anthropic-ai",
    "Claude-Web",
    "Applebot-Extended",
    "Bytespider",
    "Meta-ExternalAgent",
    "FacebookBot",
    "Amazonbot",
    "cohere-ai",
    "cohere-training-data-crawler",
    "Diffbot",
    "omgili",
    "Webzio-Extended",
    "Timpibot",
    "AI2Bot",
    "Ai2Bot-Dolma",
    "PanguBot",
    "img2dataset",
    "ICC-Crawler",
    "PetalBot",
    "VelenPublicWebCrawler",
)
"""Crawlers that gather text for models, as their makers name them."""
RULE_LINE: Final = re.compile(r"^\s*(?:user-agent|(?:dis)?allow|license|content-(?:usage|signal))\s*:", re.I | re.M)
LICENSE_LINE: Final = re.compile(r"^\s*license\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
USAGE_LINE: Final = re.compile(r"^\s*content-(?:usage|signal)\s*:\s*(/\S*)?\s*(.+)$", re.IGNORECASE | re.MULTILINE)
NO_TRAINING: Final = re.compile(r"\b(?:train-ai|ai-train|ai|genai|tdm|all)\s*=\s*(?:n|no)\b", re.IGNORECASE)


@dataclass(slots=True)
class Site:
    """What one site says. `base` is its address; it is empty for a folder that holds one."""

    base: str = ""
    robots: "Protego | None" = None
    agents: tuple[str, ...] = ()
    ai: "Protego | None" = None
    usages: list[str] = field(default_factory=list)
    reservations: list[tuple[str, bool]] = field(default_factory=list)
    terms: list[rsl.Terms] = field(default_factory=list)
    licenses: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def take(self, path: str, raw: bytes) -> None:
        """Read one of its files; one of that name that says nothing of the kind is let be."""
        text = raw.decode("utf-8", "replace")
        if path.endswith(".txt") and not RULE_LINE.search(text):
            return
        self.taken.add(path)
        if path == ROBOTS:
            self._take_robots(text)
        elif path.endswith("/ai.txt"):
            self.ai = rules(re.sub(r"(?im)^(\s*(?:dis)?allow\s*:\s*)(?=[^/\s*#])", r"\1/", text))
        elif path == RESERVATIONS:
            self.reservations += reservations(text)
        else:
            self.terms += rsl.parse(raw)

    def _take_robots(self, text: str) -> None:
        self.robots = rules(text)
        named = text.casefold()
        self.agents = ("some-other-crawler", *(name for name in CRAWLERS if name.casefold() in named))
        self.usages += [path or "/" for path, said in USAGE_LINE.findall(text) if NO_TRAINING.search(said)]
        self.licenses += [urljoin(self.base or "/", said) for said in LICENSE_LINE.findall(text)]

    def facts(self, path: str) -> Facts:
        """What the site says of one of its pages; `path` begins with a slash."""
        reserved = max((item for item in self.reservations if fitting(item[0], path)), key=by_pattern, default=None)
        opt_out = (
            any(fitting(pattern, path) for pattern in self.usages)
            or not all(allows(self.robots, path, agent) for agent in self.agents)
            or not allows(self.ai, path, "some-other-crawler")
            or bool(reserved and reserved[1])
        )
        return joined({"opt_out": True} if opt_out else {}, rsl.terms_for(self.base + path, self.terms))

    @property
    def says_something(self) -> bool:
        """Whether any of its files says something."""
        return bool(self.robots or self.ai or self.reservations or self.terms)


def by_pattern(item: tuple[str, bool]) -> int:
    """How closely a reservation fits."""
    return len(item[0])


def rules(text: str) -> "Protego":
    """The rules of a robots.txt."""
    from protego import Protego

    return Protego.parse(text)


def allows(rules: "Protego | None", path: str, agent: str) -> bool:
    """Whether a crawler may fetch a page."""
    return rules is None or bool(rules.can_fetch(path, agent))


def reservations(text: str) -> list[tuple[str, bool]]:
    """Patterns and whether mining is reserved there (https://www.w3.org/community/reports/tdmrep/)."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return []
    items = said if isinstance(said, list) else [said]
    return [
        (item["location"], str(item.get("tdm-reservation")) == "1")
        for item in items
        if isinstance(item, dict) and isinstance(item.get("location"), str)
    ]


def split(url: str) -> tuple[str, str]:
    """The address of a site, and the path of a page on it with its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "/"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}", path
