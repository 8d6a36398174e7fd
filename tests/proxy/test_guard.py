"""The guard of one answer: what its own chunks carry."""

import json

from proxy.guard import AnswerGuard
from proxy.notes import ClientNotes
from proxy.plan import Plan
from proxy.wire import answer, sse
from tests.support.judges import LimitJudge
from tests.support.planted import indexed
from tests.support.upstream import ENVELOPE, chunk, event, opening

WORK = (
    "violet lantern amber thistle copper meadow silver harbour crimson orchard marble willow cedar falcon pewter raven"
)


def guard() -> AnswerGuard:
    index = indexed((WORK,))[0]
    plan = Plan(
        scanner=index.scanner,
        view=lambda choice, channel: None,
        judge=LimitJudge(),
        earlier=lambda works: (),
        enforce=True,
        may_quote=lambda channel: False,
    )
    return AnswerGuard(plan, ClientNotes(answer.Stamp("dec_1", "enforce", "0" * 16, "full"), answer.Notice(None, None)))


def test_what_is_given_back_unjudged_belongs_to_the_stream_it_was_held_in() -> None:
    guarded, decoder = guard(), sse.Decoder()
    words = WORK.split()[:13]
    chunks = [opening(), *(chunk({"content": f" {word}"}) for word in words)]
    sent = [guarded.event(found) for each in chunks for found in decoder.feed(event(each))]
    assert sent[-1] == b""
    assert all(sent[:-1])
    (given,) = sse.Decoder().feed(guarded.surrender())
    assert given.data is not None
    body = json.loads(given.data)
    assert body["choices"][0]["delta"] == {"content": f" {words[-1]}"}
    assert {key: body[key] for key in ENVELOPE} == ENVELOPE
