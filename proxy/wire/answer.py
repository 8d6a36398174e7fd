"""What a client is told of a verdict: the additive fields of contract.md, the end of a blocked choice, its refusal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from indexes.model import Kind, Span, Work
from policies.model import Action, JudgedMatch, Mode, Verdict
from proxy.wire.fields import CONTENT
from proxy.wire.sieve import Json
from proxy.wire.splice import Additions
from proxy.wire.usage import Spent

Level: TypeAlias = Literal["off", "minimal", "full"]
_SHELL = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all choices of an answer share: the decision, how it was made, and how much the client is told.

    `has_messages` says that each holds its text in a message, on which its annotations go, too.
    """

    decision_id: str
    mode: Mode
    index: str
    level: Level
    has_messages: bool = True

    @property
    def is_silent(self) -> bool:
        """Whether the body says nothing of the decision."""
        return self.level == "off" or self.mode == "monitor"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one choice.

    `action` is what was done, or in `annotate` and `monitor` what `enforce` would have done. `delivered` says for each
    match of the verdict where it stands in what the client received, None where it does not. `filtered` says that some
    of the choice was kept from the client.
    """

    choice: int
    verdict: Verdict
    action: Action
    delivered: tuple[Span | None, ...]
    filtered: bool = False

    def matches(self) -> list[tuple[JudgedMatch, Span | None]]:
        """Each match with its span in what was delivered."""
        return list(zip(self.verdict.matches, self.delivered, strict=True))


@dataclass(frozen=True, slots=True)
class Notice:
    """What the operator has a blocked client told in place of our own words, and where it may appeal."""

    message: str | None = None
    contact: str | None = None


def additions(stamp: Stamp, outcomes: Sequence[Outcome]) -> Additions:
    """The fields that an answer, or the chunk with which these choices end, carries for the client."""
    if stamp.is_silent or not outcomes:
        return Additions()
    choices: dict[int, Json] = {
        outcome.choice: {"content_filter_results": filter_results(stamp, outcome)} for outcome in outcomes
    }
    cited = {outcome.choice: found for outcome in outcomes if (found := url_citations(outcome))}
    messages: dict[int, Json] = {
        choice: {"annotations": found} for choice, found in cited.items() if stamp.level == "full"
    }
    if not stamp.has_messages:
        choices = {choice: fields | messages.get(choice, {}) for choice, fields in choices.items()}
        messages = {}
    return Additions({"fairgate": summary(stamp, outcomes)}, choices, messages)


def summary(stamp: Stamp, outcomes: Sequence[Outcome]) -> Json:
    """The object `fairgate`; over several choices, that of the strictest, with the matches and reasons of all."""
    strictest = max(outcomes, key=lambda outcome: (outcome.action.severity, outcome.verdict.score))
    verdict = strictest.verdict
    said: Json = {"decision_id": stamp.decision_id, "action": strictest.action.value, "mode": stamp.mode}
    if stamp.level == "minimal":
        return said | {"policy": verdict.policy}
    return said | {
        "score": _rounded(verdict.score),
        "standing_score": _rounded(verdict.standing_score),
        "policy": verdict.policy,
        "index": stamp.index,
        "factors": {name: _rounded(value) for name, value in verdict.factors.items()},
        "unknown": list(verdict.unknown),
        "matches": [
            _match(outcome.choice, judged, delivered) for outcome in outcomes for judged, delivered in outcome.matches()
        ],
        "reasons": list(dict.fromkeys(reason for outcome in outcomes for reason in outcome.verdict.reasons)),
    }


def filter_results(stamp: Stamp, outcome: Outcome) -> Json:
    """`content_filter_results` of a choice, in Azure's shape; `detected` says that the action is not pass."""
    found = [judged for judged in outcome.verdict.matches if judged.action is not Action.PASS]
    kinds: list[Kind] = ["text"]
    if any(judged.match.work.kind == "code" for judged in outcome.verdict.matches):
        kinds.append("code")
    results: Json = {}
    for kind in kinds:
        ours = [judged for judged in found if judged.match.work.kind == kind]
        detected = bool(ours) or (not found and kind == "text" and outcome.action is not Action.PASS)
        result: Json = {"detected": detected, "filtered": detected and outcome.filtered}
        if stamp.level == "full" and ours:
            work = max(ours, key=lambda judged: (judged.action.severity, judged.match.words)).match.work
            result["citation"] = {"URL": work.url, "license": work.license}
        results[f"protected_material_{kind}"] = result
    return results


def url_citations(outcome: Outcome) -> list[Json]:
    """`annotations` of a message: the source of each copied span of its content that was delivered and is no pass.

    A span that lies within a longer one of the same work is not named again.
    """
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": delivered.start,
                "end_index": delivered.end,
                "title": judged.match.work.title,
                "url": judged.match.work.url or "",
            },
        }
        for judged, delivered in _cited(outcome)
    ]


def _cited(outcome: Outcome) -> list[tuple[JudgedMatch, Span]]:
    found = [
        (judged, delivered)
        for judged, delivered in outcome.matches()
        if delivered is not None and judged.action is not Action.PASS and judged.match.channel == CONTENT
    ]

    def is_within_another(judged: JudgedMatch, span: Span) -> bool:
        return any(
            other.match.work.id == judged.match.work.id
            and around.start <= span.start
            and span.end <= around.end
            and len(span) < len(around)
            for other, around in found
        )

    return [(judged, span) for judged, span in found if not is_within_another(judged, span)]


def refusal(stamp: Stamp, outcome: Outcome, notice: Notice) -> str | None:
    """Why a choice was stopped, in words that a client can show; None where it is told nothing."""
    if stamp.level == "off" and notice.message is None:
        return None
    said = [notice.message or "This answer was stopped because it repeats protected text."]
    if stamp.level == "full" and (how_much := _how_much(outcome)):
        said.append(how_much)
    if stamp.level != "off":
        said.append(f"Decision {stamp.decision_id}.")
    if notice.contact is not None:
        said.append(f"Questions and appeals: {notice.contact}")
    return " ".join(said)


def shell(body: Json) -> Json:
    """What every chunk of a stream repeats, taken from one of them."""
    return {key: body[key] for key in _SHELL if key in body}


def stop_chunk(frame: Json, choice: int, said: str | None, reason: str = "content_filter") -> bytes:
    """The chunk with which we end a choice; `frame` is the stream's shell."""
    delta = {"refusal": said} if said else {}
    ended = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": reason}
    return msgspec.json.encode(frame | {"choices": [ended]})


def usage_chunk(frame: Json, spent: Spent) -> bytes:
    """The usage frame of a stream whose upstream was cancelled before it sent one; its `estimated` says that we guess.

    It counts all that was generated, delivered or not.
    """
    return msgspec.json.encode(frame | {"choices": [], "usage": spent.total() | {"estimated": True}})


def _match(choice: int, judged: JudgedMatch, delivered: Span | None) -> Json:
    match = judged.match
    is_code = match.work.kind == "code"
    return {
        "choice": choice,
        "channel": match.channel,
        "start": match.output.start,
        "end": match.output.end,
        "detector": match.detector,
        "words": None if is_code else match.words,
        "lexemes": match.words if is_code else None,
        "chars": len(match.output),
        "identity": _rounded(match.identity),
        **({} if match.probability is None else {"probability": _rounded(match.probability)}),
        "output_share": _rounded(judged.output_share),
        "source_share": _rounded(judged.source_share),
        "grounded": match.grounded,
        "weight": judged.weight,
        "delivered": None if delivered is None else [delivered.start, delivered.end],
        "work": work_json(match.work),
        "also": [work_json(work) for work in judged.also],
        "works_count": judged.works_count,
        "source_start": match.source.start if match.work.id else None,
        "source_end": match.source.end if match.work.id else None,
    }


def work_json(work: Work) -> Json:
    """A work as clients and reviewers see it."""
    return {
        "id": work.id,
        "title": work.title,
        "creators": list(work.creators),
        "holder": work.holder,
        "license": work.license,
        "url": work.url,
    }


def _how_much(outcome: Outcome) -> str | None:
    """How many words of which work, of the longest match that stopped the choice."""
    stopping = [judged for judged in outcome.verdict.matches if judged.action.stops]
    if not stopping:
        return None
    longest = max(stopping, key=lambda judged: judged.match.words).match
    unit = "lexemes" if longest.work.kind == "code" else "words"
    by = f" by {', '.join(longest.work.creators)}" if longest.work.creators else ""
    return f"It copied {longest.words} {unit} of \u201c{longest.work.title}\u201d{by}."


def _rounded(value: float) -> float:
    return round(value, 4)
