"""What stands in an answer in place of a copied passage. Pure."""

from typing import Final

from indexes.model import Work

ELLIPSIS: Final = "[...]"
_MOST_CREATORS: Final = 3


def quote_note(work: Work) -> str:
    """What stands in place of the rest of a copied span, once it is shortened to a quotation; one line."""
    return f" {ELLIPSIS} ({cite(work)})"


def cite(work: Work) -> str:
    """Title and creators of a work, as a reader looks for them; one line, of many creators the first three."""
    creators = [*work.creators[:_MOST_CREATORS], *(["and others"] if len(work.creators) > _MOST_CREATORS else [])]
    return " ".join(", ".join([work.title, *creators]).split())
