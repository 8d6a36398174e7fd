"""Ordinary prose from a small grammar: what the sample generator writes when it is asked for nothing it knows.

The prose holds no run of eight words of any bundled work, and that can be proved: no bundled work holds any of `MARKS`,
and no eight words in a row are without one. The tests check both over the whole grammar, not over samples of it.
"""

import random
from collections.abc import Iterator

# Words that no bundled work holds.
MARKS = frozenset(
    {
        "app", "backlog", "battery", "checklist", "dashboard", "database", "email", "emails", "laptop", "online",
        "podcast", "printer", "prototype", "recycling", "sensor", "smartphone", "software", "solar", "spreadsheet",
        "teamwork", "update", "updates", "upload", "video", "website", "weekend", "workflow", "workshop",
    }
)  # fmt: skip

# Sentence patterns: names in braces stand for any phrase of that list.
PATTERNS = (
    "{subject} {verb} {object} {tail}.",
    "{opener} {subject} {verb} {object}.",
    "{opener} {subject} {verb} {object}, {tail}.",
    "{subject} is {quality} because {subject} {verb} {object}.",
    "When {subject} {verb} {object}, {subject} {verb} {object} too.",
)

PHRASES = {
    "opener": ("In practice,", "Most weeks", "As a rule,", "Oddly enough,", "Since last spring", "For a start,"),
    "subject": (
        "the software group", "our small website", "a shared spreadsheet", "the weekly podcast", "the solar workshop",
        "a borrowed laptop", "the recycling crew", "the parts database", "an online map", "a cheap sensor",
        "the repair app", "good teamwork",
    ),
    "verb": (
        "keeps track of", "gathers notes about", "explains", "makes room for", "puts a number on", "quietly improves",
        "points to", "brings order to", "saves time on", "takes care of",
    ),
    "object": (
        "the printer queue", "every smartphone repair", "the battery shelf", "the older emails", "a new prototype",
        "the open backlog", "each short update", "the weekend schedule", "a patient workflow", "the video archive",
    ),
    "tail": (
        "after the next video call", "while the prototype is tested", "without a single email",
        "with a short checklist", "before the evening upload", "though visitors prefer the weekend",
        "as the dashboard has shown", "with updates at noon",
    ),
    "quality": ("useful", "quite simple", "well liked", "worthwhile", "rather quick"),
}  # fmt: skip


def sentences(seed: int) -> Iterator[str]:
    """Sentences without end, the same for the same seed; every fifth ends a paragraph."""
    chance = random.Random(seed)  # noqa: S311 (prose, not a secret)
    count = 0
    while True:
        count += 1
        text = chance.choice(PATTERNS)
        while "{" in text:
            slot = text[text.index("{") + 1 : text.index("}")]
            text = text.replace("{" + slot + "}", chance.choice(PHRASES[slot]), 1)
        yield text[0].upper() + text[1:] + ("\n\n" if count % 5 == 0 else " ")
