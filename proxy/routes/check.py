"""`POST /v1/fairgate/check`: judge a text without generating anything."""

from datetime import UTC, datetime
from typing import Any, Literal

import anyio.to_thread
import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.response.base import ASGIResponse

from policies.model import Use
from policies.use import combine_use
from proxy.auth import PURPOSE_HEADER, agreed
from proxy.judging import PolicyJudge, judge_text
from proxy.metrics import Metrics
from proxy.privacy import discreet
from proxy.register import licensed
from proxy.routes.common import incoming, read_json
from proxy.service import Service
from proxy.verdicts import verdict_json
from proxy.wire.errors import RequestError
from proxy.wire.request import DeclaredUse


class CheckRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be judged, and under what."""

    content: str | None = None
    kind: Literal["auto", "text", "code", "image"] = "auto"
    image: str | None = None
    policy: str | None = None
    use: DeclaredUse = DeclaredUse()
    grounding: list[str] | str = []
    semantic: bool = False


@post("/v1/fairgate/check")
async def check(request: Request[Any, Any, Any], state: State) -> ASGIResponse:
    """The verdict on a text, read to its end."""
    service: Service = state["service"]
    came = await incoming(request)
    world = service.world
    caller = world.doorkeeper.caller(came.headers)
    asked = _read(came.body)
    policy = world.doorkeeper.policy(caller, came.headers, asked.policy)
    purpose = agreed(came.headers.get(PURPOSE_HEADER), asked.use.purpose, PURPOSE_HEADER, "use.purpose")
    said = Use(purpose or "unknown", asked.use.commercial, asked.use.audience, asked.use.project_license, caller.name)
    judge = PolicyJudge(policy, combine_use(policy.use, said, may_declare=caller.may_declare))
    index = world.index_for(caller)
    use = licensed(world.doorkeeper.register, caller.name, datetime.now(UTC))
    grounding = [asked.grounding] if isinstance(asked.grounding, str) else asked.grounding
    retelling = world.retelling_for(caller) if asked.semantic else None
    if asked.semantic and retelling is None:
        raise RequestError(
            "`semantic` is off here; leave it out, or have the operator set `index.semantic`", "semantic"
        )
    metrics: Metrics = state["metrics"]
    try:
        text = asked.content or ""
        evidence, verdict = await anyio.to_thread.run_sync(judge_text, index, judge, text, grounding, use, retelling)
    except BaseException:
        metrics.failure("verbatim", "closed")
        metrics.request(came.path, caller.name, stream=False, outcome="failed")
        raise
    metrics.request(came.path, caller.name, stream=False, outcome="completed")
    told = discreet(verdict, evidence, caller.reader.knows)
    body = verdict_json(told, policy.mode, index.revision, policy.annotations)
    return ASGIResponse(body=msgspec.json.encode(body), media_type="application/json")


def _read(body: bytes) -> CheckRequest:
    asked = read_json(body, CheckRequest, "`content`")
    if asked.image is not None or asked.kind == "image":
        raise RequestError("images are not checked yet; send `content`", "image")
    if asked.content is None:
        raise RequestError("`content` is missing: send the text to be checked", "content")
    return asked
