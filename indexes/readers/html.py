"""The text of a web page: what a reader of it reads, block by block, without menus, scripts and page numbers."""

import re
from typing import TYPE_CHECKING, Final

from indexes.readers.charset import decode
from indexes.readers.document import Document, Reading, UnreadableError
from indexes.readers.pagefacts import page_facts

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

BREAK: Final = "\x1d"
LINE: Final = "\x1e"
PARAGRAPH: Final = "\x1f"
"""Stand for `<br>`, the edge of a block and the edge of a paragraph while white space is folded."""
EDGES: Final = re.compile(f"[ {BREAK}{LINE}{PARAGRAPH}]*[{BREAK}{LINE}{PARAGRAPH}][ {BREAK}{LINE}{PARAGRAPH}]*")
BLOCKS: Final = (
    "address, article, aside, caption, dd, details, div, dt, fieldset, figcaption, figure, footer, "
    "header, hr, li, main, section, tr"
)
PARAGRAPHS: Final = "p, blockquote, h1, h2, h3, h4, h5, h6, pre, table, ul, ol, dl"
NEVER: Final = (
    "script, style, noscript, template, svg, math annotation, iframe, object, button, select, textarea, nav, "
    "[hidden], [aria-hidden=true], [role=navigation], [role=search], [role=doc-pagebreak], .pagenum, .pageno"
)
AROUND: Final = "header, footer, aside, [role=banner], [role=contentinfo], [role=complementary]"
"""What stands around the text of a page; within the text it is part of it."""
MAIN: Final = ("[itemprop=articleBody]", "article", "main", "[role=main]")
ENOUGH: Final = 0.4
"""Share of all text from which an element that calls itself the main one is believed."""
DECLARED: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)""", re.IGNORECASE)
XML: Final = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9_:.-]+)""")
PEEK: Final = 4096


def read_html(raw: bytes, document: Document) -> Reading:
    """The text of a page and what its markup says of the work."""
    parser, notes = parsed(raw, document)
    facts, more = page_facts(parser, document)
    return Reading(main_text(parser), facts, (*notes, *more))


def read_chapter(raw: bytes, document: Document) -> Reading:
    """The text of a page that is all of it text, as the chapters of a book are."""
    parser, notes = parsed(raw, document)
    body = without_asides(parser)
    return Reading(folded(body) if body else "", {}, notes)


def parsed(raw: bytes, document: Document) -> tuple["LexborHTMLParser", tuple[str, ...]]:
    """A page taken apart, and notes on how its bytes had to be read."""
    from selectolax.lexbor import LexborHTMLParser

    found = decode(raw, document.charset or declared(raw))
    if found is None:
        raise UnreadableError(f"{document.where} is in no encoding that could be told; save it as UTF-8")
    return LexborHTMLParser(found[0]), found[1]


def declared(raw: bytes) -> str | None:
    """The encoding that a page names in its head."""
    head = raw[:PEEK]
    found = XML.search(head) or DECLARED.search(head)
    return found[1].decode("ascii") if found else None


def main_text(parser: "LexborHTMLParser") -> str:
    """The text of a page; lines and paragraphs end where its blocks do."""
    body = without_asides(parser)
    if body is None:
        return ""
    chosen = main_part(parser, body)
    for node in chosen.css(AROUND) if chosen is body else ():
        if not within(node, ("article", "main")):
            node.decompose()
    return folded(chosen)


def without_asides(parser: "LexborHTMLParser") -> "LexborNode | None":
    """The body of a page without what is never part of its text; None where there is none."""
    body = parser.body or parser.root
    for node in body.css(NEVER) if body else ():
        node.decompose()
    return body


def main_part(parser: "LexborHTMLParser", body: "LexborNode") -> "LexborNode":
    """The one element that holds most of the text and says that it is the main one, or all of the body."""
    whole = len(body.text(deep=True))
    for selector in MAIN:
        found = body.css(selector)
        if len(found) == 1 and len(found[0].text(deep=True)) >= ENOUGH * whole:
            return found[0]
    return body


def within(node: "LexborNode", tags: tuple[str, ...]) -> bool:
    """Whether a node lies in an element of these."""
    above = node.parent
    while above is not None:
        if above.tag in tags:
            return True
        above = above.parent
    return False


def folded(node: "LexborNode") -> str:
    """The text of an element, with white space as a browser shows it."""
    for each in node.css("pre"):
        each.insert_before(PARAGRAPH + each.text(deep=True).replace("\n", BREAK) + PARAGRAPH)
        each.decompose()
    for each in node.css("br"):
        each.insert_before(BREAK)
    for tags, mark in ((BLOCKS, LINE), (PARAGRAPHS, PARAGRAPH), ("td, th, sup, sub", " ")):
        for each in node.css(tags):
            each.insert_before(mark)
            each.insert_after(mark)
    words = re.sub(r"[ \t\n\r\f\v\u00a0]+", " ", node.text(deep=True))
    return EDGES.sub(edge, words).strip("\n ") + "\n"


def edge(found: re.Match[str]) -> str:
    """The end of a line or of a paragraph."""
    run = found[0]
    return "\n\n" if PARAGRAPH in run or run.count(BREAK) > 1 else "\n"
