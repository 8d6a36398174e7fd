"""What the ledger holds of a rewritten answer, judged again: the same policy gives the same verdict."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from policies.engine import decide
from policies.load import find
from policies.model import Action
from policies.policy import Policy
from proxy.ledger.reading import get
from proxy.ledger.record import ChoiceRecord
from tests.support.ledgers import reading
from tests.support.retelling import LIMIT, PREFIX, Stage, obeys, paraphrases, recites, staged
from tests.support.upstream import Answer, Asked

pytestmark = pytest.mark.live
POLICY = (
    "name: test\nlimits: {text: {words: 40, over: rewrite}}\nrewrite: {tries: 2}\n"
    "factors: {purpose: 1, nature: 2, amount: 3, market: 1}\nthresholds: {attribute: 0.1}\n"
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("replay"), POLICY, 5) as made:
        yield made


@pytest.fixture(scope="module")
def policy(stage: Stage) -> Policy:
    return find(str(stage.gate.ledger.with_name("policy.yaml")))


def stored(stage: Stage, decision_id: str) -> ChoiceRecord:
    """The one choice of a decision, read from the file beside the server that wrote it."""
    httpx.get(f"{stage.gate.url}/readyz")  # which writes what waits
    with reading(f"sqlite:///{stage.gate.ledger}") as connection:
        decision = get(connection, decision_id)
    assert decision is not None
    assert decision.unreadable == 0
    (choice,) = decision.choices
    return choice


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    ("rewriter", "tries"),
    [(obeys, ("clean",)), (recites, ("still_copied", "still_copied")), (paraphrases, ("still_copied", "still_copied"))],
)
def test_a_rewritten_answer_read_back_is_judged_the_same_again(
    stage: Stage, policy: Policy, rewriter: Callable[[Asked], Answer], tries: tuple[str, ...], streamed: bool
) -> None:
    stage.script[:] = [rewriter]
    found = stage.ask(streamed=streamed)
    assert found.content.startswith(PREFIX)
    choice = stored(stage, found.verdict["decision_id"])
    assert choice.tries == tries
    assert choice.verdict.action is Action.REWRITE
    assert max(match.words for match in choice.evidence.matches) > LIMIT
    again = decide(policy, choice.evidence, choice.use)
    assert again == choice.verdict
    assert (again.policy, round(again.score, 4)) == (found.verdict["policy"], found.verdict["score"])


def test_nothing_that_the_verdict_rests_on_is_left_out_of_what_is_stored(stage: Stage, policy: Policy) -> None:
    stage.script[:] = [obeys]
    choice = stored(stage, stage.ask(streamed=True).verdict["decision_id"])
    evidence = choice.evidence
    less = (
        replace(evidence, matches=()),
        replace(evidence, channels=()),
        replace(evidence, closed=False),
        replace(evidence, licensed=("work",)),
    )
    assert [decide(policy, each, choice.use) == choice.verdict for each in less] == [False] * len(less)


def test_another_policy_may_say_otherwise_of_the_same_record(stage: Stage, tmp_path: Path) -> None:
    stage.script[:] = [obeys]
    choice = stored(stage, stage.ask(streamed=False).verdict["decision_id"])
    draft = tmp_path / "draft.yaml"
    draft.write_text("name: draft\nlimits: {text: {words: 60, over: block}}\nthresholds: {rewrite: 0.99, block: 1}\n")
    assert decide(find(str(draft)), choice.evidence, choice.use).action in (Action.PASS, Action.ATTRIBUTE)
