"""Edits of text: leave a span out, put a source in. Pure; spans are half-open code points of the text given."""

from collections.abc import Iterable

from indexes.model import Span, Work

ELLIPSIS = "[...]"


def quote_note(work: Work) -> str:
    """What stands in place of the rest of a copied span, once it is shortened to a quotation."""
    return f" {ELLIPSIS} ({cite(work)})"


def cite(work: Work) -> str:
    """Title and creators of a work, as a reader looks for them."""
    return f"{work.title}, {', '.join(work.creators)}" if work.creators else work.title


def replace_spans(text: str, replacements: Iterable[tuple[Span, str]]) -> str:
    """Put another text in place of each span, right to left, so that nothing outside the spans moves or changes."""
    for span, new in sorted(replacements, key=lambda each: each[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return text


def elide(text: str, spans: Iterable[Span]) -> str:
    """Leave spans out, with an ellipsis in their place."""
    return replace_spans(text, ((span, ELLIPSIS) for span in spans))
