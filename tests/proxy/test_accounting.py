"""What an answer comes to in the metrics: stages, tokens that did not leave, requests that were refused."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.support.bench import CLEAN, WORK, Bench, bench, eventually, grown
from tests.support.upstream import stream, tokens, usage_frame, whole

COPY = " ".join(WORK.split()[:200])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("accounting")) as found:
        yield found


def figures(served: Bench) -> dict[str, float]:
    text = httpx.get(f"{served.url}/metrics").text
    return {name: float(value) for name, value in re.findall(r"^fairgate_(\S+) (\S+)$", text, re.MULTILINE)}


def filtered(served: Bench, **asked: object) -> float:
    """By how much the count of filtered tokens grows with one answer."""
    before = figures(served)
    served.ask(**asked)  # type: ignore[arg-type]  # the names are those of `ask`
    ended = sum(value for name, value in before.items() if name.startswith("requests_total"))
    assert eventually(
        lambda: sum(value for name, value in figures(served).items() if name.startswith("requests_total")) > ended
    )
    return figures(served)["tokens_filtered_total"] - before["tokens_filtered_total"]


@pytest.mark.parametrize("streamed", [True, False])
def test_of_a_clean_answer_no_token_is_filtered(served: Bench, streamed: bool) -> None:
    answer = stream([*tokens(CLEAN), usage_frame(7, 900)]) if streamed else whole(CLEAN)
    assert filtered(served, answer=answer, stream=streamed) == 0


def test_of_a_whole_answer_that_is_cut_the_rest_is_counted_in_upstreams_tokens(served: Bench) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 400, "total_tokens": 407}
    assert 300 <= filtered(served, answer=whole(COPY, usage=usage), stream=False) <= 330  # 40 words of 200 left


def test_of_a_stream_that_is_cut_what_was_read_and_did_not_leave_is_counted(served: Bench) -> None:
    assert filtered(served, answer=stream(tokens(COPY, 400))) >= 20
    assert 1 <= filtered(served, answer=stream(tokens(COPY))) <= 5  # upstream is cancelled at the word that is too much


def test_each_answer_is_one_observation_of_each_stage(served: Bench) -> None:
    before = figures(served)
    served.ask(whole(CLEAN, CLEAN), stream=False, n=2)
    after = figures(served)
    for stage in ("verbatim", "policy", "ledger", "upstream_first_byte"):
        name = f'stage_seconds_count{{stage="{stage}"}}'
        assert after[name] - before[name] == 1, stage


def test_judging_is_no_part_of_reading(served: Bench) -> None:
    before = figures(served)
    served.ask(stream(tokens(COPY)))
    after = figures(served)
    took = {
        stage: after[f'stage_seconds_sum{{stage="{stage}"}}'] - before[f'stage_seconds_sum{{stage="{stage}"}}']
        for stage in ("verbatim", "policy", "ledger")
    }
    assert all(seconds > 0 for seconds in took.values())
    ours = [name for name in after if name.startswith("added_latency_seconds_sum")]
    assert sum(took.values()) <= sum(after[name] - before.get(name, 0.0) for name in ours) + 0.001


@pytest.mark.parametrize(
    ("body", "path"), [(b"{", "/v1/chat/completions"), ({"model": "m", "input": "x"}, "/v1/responses")]
)
def test_what_is_refused_is_counted_as_such_once(served: Bench, body: object, path: str) -> None:
    before = served.counts()
    assert 400 <= served.post(body, path).status_code < 500
    assert grown(before, served.counts(), "requests", outcome="refused", route=path) == 1
    assert grown(before, served.counts(), "requests") == 1
