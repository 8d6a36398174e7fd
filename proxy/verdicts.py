"""A verdict as JSON, for checks that no answer hangs on."""

from typing import Any

from policies.model import Mode, Verdict
from proxy.ledger.identity import new_decision_id
from proxy.wire import answer


def verdict_json(verdict: Verdict, mode: Mode, index: str, level: answer.Level = "full") -> dict[str, Any]:
    """The object `fairgate` of an answer, with `content_filter_results`; at least what `minimal` tells."""
    stamp = answer.Stamp(new_decision_id(), mode, index, "minimal" if level == "off" else level)
    outcome = answer.Outcome(0, verdict, verdict.action, tuple(each.match.output for each in verdict.matches))
    return {
        **answer.summary(stamp, [outcome]),
        "content_filter_results": answer.filter_results(stamp, outcome),
    }
