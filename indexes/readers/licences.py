"""What a document says of its licence, as an SPDX identifier where it is a known one."""

import re
from collections.abc import Iterable
from typing import Final

CREATIVE: Final = re.compile(
    r"creativecommons\.org/(?:licenses/(?P<kind>by(?:-nc)?(?:-nd|-sa)?)/(?P<version>\d\.\d)"
    r"|publicdomain/(?P<tool>zero|mark)/(?P<release>1\.0))",
    re.IGNORECASE,
)
SPOKEN: Final = re.compile(
    r"\b(?:CC|Creative Commons)[ -](?P<kind>BY(?:[ -]NC)?(?:[ -](?:ND|SA))?)[ -](?P<version>\d\.\d)\b", re.IGNORECASE
)
KNOWN: Final = (
    (r"(?:opensource\.org/licen[cs]es?/)?mit(?:-license)?(?:\.php)?|(?:the )?mit licen[cs]e", "MIT"),
    (r"(?:apache\.org/licenses/|opensource\.org/licenses/|spdx\.org/licenses/)?(?:license|apache)-2\.0", "Apache-2.0"),
    (r"(?:gnu\.org/(?:copyleft|licenses)/)?fdl(?:-1\.3)?", "GFDL-1.3-or-later"),
    (r"(?:gnu\.org/licenses/)?gpl-3\.0", "GPL-3.0-only"),
    (r"(?:the )?public domain|unlicensed public domain work", "PDM-1.0"),
    (r"cc0(?:[ -]1\.0)?(?: universal)?", "CC0-1.0"),
)
IDENTIFIER: Final = re.compile(
    r"(?:CC0|CC-BY|PDM|MIT|Apache|BSD|GPL|LGPL|AGPL|MPL|GFDL|ISC|Unlicense|LicenseRef|EUPL|OFL)[A-Za-z0-9.+-]*"
)
NOTICE: Final = re.compile(
    r"(?:copyright\s*(?:\(c\)|\u00a9)?|\u00a9|\(c\))\s*(?:\d{4}(?:\s*[-\u2013,]\s*\d{4})*)?,?\s*(?:by\s+)?(?P<holder>[^.;|\n\d]{2,80})",
    re.IGNORECASE,
)
RESERVED: Final = re.compile(r",?\s*\b(?:all|some) rights reserved.*", re.IGNORECASE)


def licence(said: str) -> str | None:
    """The licence that a text, an address or an identifier names; LicenseRef- for one that is not known.

    None for an empty text. A statement of rights that is no licence, as "All rights reserved", is one of its own.
    """
    words = " ".join(said.split()).rstrip(".")
    if not words:
        return None
    if found := CREATIVE.search(words) or SPOKEN.search(words):
        return creative(found.groupdict())
    bare = re.sub(r"^https?://(?:www\.)?", "", words.lower()).rstrip("/")
    bare = re.sub(r"(?:\.en)?\.(?:html|txt)$", "", bare)
    for pattern, name in KNOWN:
        if re.fullmatch(pattern, bare):
            return name
    if IDENTIFIER.fullmatch(words):
        return words
    slug = re.sub(r"[^a-z0-9.]+", "-", bare).strip("-.")[:60].strip("-.")
    return f"LicenseRef-{slug}" if slug else None


def creative(parts: dict[str, str | None]) -> str:
    """The identifier of a Creative Commons licence."""
    if tool := parts.get("tool"):
        return "CC0-1.0" if tool.lower() == "zero" else "PDM-1.0"
    kind = (parts["kind"] or "").upper().replace(" ", "-")
    return f"CC-{kind}-{parts['version']}"


def holder(said: str) -> str | None:
    """Who a notice of copyright names."""
    found = NOTICE.search(said)
    name = RESERVED.sub("", found["holder"]).strip(" ,-\u2013") if found else ""
    return name or None


def rights(said: str) -> tuple[str | None, str | None]:
    """The licence and the holder that a statement of rights names; a notice of copyright is no licence."""
    name = holder(said)
    if name or "rights reserved" in said.lower():
        return ("LicenseRef-all-rights-reserved" if "rights reserved" in said.lower() else None), name
    return licence(said), None


def agreed(said: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    """The one licence that all these statements name, or none and a note that they differ."""
    names = list(dict.fromkeys(name for each in said if (name := licence(each))))
    real = [name for name in names if not name.startswith("LicenseRef-")] or names
    if len(real) > 1:
        return None, (f"names several licences ({', '.join(f'`{name}`' for name in real)}); left open",)
    return (real[0] if real else None), ()
