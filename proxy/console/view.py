"""A decision as the console and other programs read it: plain JSON values. Pure."""

from collections.abc import Iterator
from typing import Any

from indexes.model import Match, Work
from policies.model import JudgedMatch
from proxy.ledger.record import ChoiceRecord, Decision
from proxy.wire.answer import work_json


def summarize(decision: Decision) -> dict[str, Any]:
    """One line of the list: what happened, to whose request, and which works were found."""
    works = {judged.match.work.id: judged.match.work for judged in _judged(decision)}
    return {
        **_head(decision),
        "score": max((choice.verdict.score for choice in decision.choices), default=None),
        "choices": len(decision.choices),
        "works": [{"id": work.id, "title": work.title, "license": work.license} for work in works.values()],
    }


def describe(decision: Decision) -> dict[str, Any]:
    """The whole decision with the evidence of each choice; offsets are code points, half-open."""
    facts, closing = decision.facts, decision.closing
    return {
        **_head(decision),
        "index": facts.index if facts else None,
        "upstream": facts.upstream if facts else None,
        "user": facts.user if facts else None,
        "request_id": facts.request_id if facts else None,
        "detail": closing.detail if closing else "",
        "unreadable": decision.unreadable,
        "choices": [_choice(choice) for choice in decision.choices],
    }


def _head(decision: Decision) -> dict[str, Any]:
    facts = decision.facts
    return {
        "id": decision.decision_id,
        "at": facts.at.isoformat() if facts else None,
        "route": facts.route if facts else None,
        "model": facts.model if facts else None,
        "tenant": facts.tenant if facts else None,
        "stream": facts.stream if facts else None,
        "mode": facts.mode if facts else None,
        "policy": facts.policy if facts else None,
        "action": decision.action.value,
        "applied": decision.applied.value,
        "outcome": decision.closing.outcome if decision.closing else None,
    }


def _choice(choice: ChoiceRecord) -> dict[str, Any]:
    verdict = choice.verdict
    return {
        "choice": choice.choice,
        "kind": choice.kind,
        "action": verdict.action.value,
        "applied": choice.applied.value,
        "score": verdict.score,
        "standing_score": verdict.standing_score,
        "factors": dict(verdict.factors),
        "unknown": list(verdict.unknown),
        "reasons": list(verdict.reasons),
        "finish_reason": choice.finish_reason,
        "delivered_chars": choice.delivered_chars,
        "tries": list(choice.tries),
        "channels": [
            {"channel": size.channel, "words": size.words, "chars": size.chars} for size in choice.evidence.channels
        ],
        "matches": [_match(judged, choice) for judged in verdict.matches],
    }


def _match(judged: JudgedMatch, choice: ChoiceRecord) -> dict[str, Any]:
    match = judged.match
    return {
        "channel": match.channel,
        "start": match.output.start,
        "end": match.output.end,
        "source_start": match.source.start if match.work.id else None,
        "source_end": match.source.end if match.work.id else None,
        "detector": match.detector,
        "words": match.words,
        "counted": match.counted,
        "identity": match.identity,
        "output_share": judged.output_share,
        "source_share": judged.source_share,
        "grounded": match.grounded,
        "weight": judged.weight,
        "action": judged.action.value,
        "reason": judged.reason,
        "excerpt": _excerpt(match, choice),
        "work": _work(match.work),
        "also": [_work(work) for work in judged.also],
        "works_count": judged.works_count,
    }


def _work(work: Work) -> dict[str, Any]:
    return work_json(work) | {"market": work.market, "tags": list(work.tags)}


def _excerpt(match: Match, choice: ChoiceRecord) -> str | None:
    """The kept text of the match's span, or what of it was kept; None when none was kept or it was erased."""
    for kept in choice.excerpts:
        start, end = max(kept.span.start, match.output.start), min(kept.span.end, match.output.end)
        if kept.channel == match.channel and start < end:
            return kept.text[start - kept.span.start : end - kept.span.start]
    return None


def _judged(decision: Decision) -> Iterator[JudgedMatch]:
    for choice in decision.choices:
        yield from choice.verdict.matches
