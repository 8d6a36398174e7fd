import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from policies.model import Action
from proxy.ledger.record import Outcome
from proxy.metrics import FailureStage, Metrics, Stage
from tests.support.records import choice_record

# contract.md, word for word: a change here is a breaking change
CONTRACT = """
`requests_total{route,tenant,stream,outcome}` `decisions_total{policy,kind,mode,action,applied}`
`matches_total{detector,kind}` `failures_total{stage,handling}` `stage_seconds{stage}`
`added_latency_seconds{route,mode}` `held_chars` `streams_in_flight` `rewrite_tries_total{result}` `index_works{kind}`
`index_bytes` `index_built_timestamp_seconds` `reloads_total{what,result}` `dropped_fields_total{surface}`
`tokens_filtered_total` `semantic_wait_seconds` `reviews_open` `ledger_queue`
"""
CHAT = "/v1/chat/completions"


def contract() -> dict[str, set[str]]:
    found = re.findall(r"`(\w+)(?:\{([\w,]+)\})?`", CONTRACT)
    return {f"fairgate_{name}": set(labels.split(",")) - {""} for name, labels in found}


def values(metrics: Metrics) -> dict[str, float]:
    """Every sample as `name{label="value",...}` without the prefix."""
    text, _ = metrics.exposition()
    return {
        sample.name.removeprefix("fairgate_")
        + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def used() -> Metrics:
    """Metrics with every method called once."""
    metrics = Metrics(tenants=["acme"], policies=["balanced"])
    metrics.request(CHAT, "acme", stream=True, outcome="completed")
    metrics.choice(choice_record(Action.BLOCK))
    metrics.failure("upstream", "closed")
    metrics.stage_took("verbatim", 0.0002)
    metrics.added_latency(CHAT, "enforce", 0.003)
    metrics.held(40)
    metrics.rewrite_try("clean")
    metrics.index_opened({"text": 18}, 4096, datetime(2026, 1, 1, tzinfo=UTC))
    metrics.reloaded("policy", "failed")
    metrics.dropped_field(CHAT, 2)
    metrics.tokens_filtered(120)
    metrics.semantic_waited(0.2)
    metrics.reviews(3)
    metrics.queued(7)
    metrics.unrecorded(1)
    return metrics


def test_the_metrics_are_those_of_the_contract_by_name_and_label() -> None:
    text, content_type = used().exposition()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert found == contract()
    assert content_type.startswith("text/plain")


def test_each_event_is_counted_where_it_belongs() -> None:
    seen = values(used())
    assert seen[f"requests_total outcome=completed route={CHAT} stream=true tenant=acme"] == 1
    assert seen["decisions_total action=block applied=block kind=text mode=enforce policy=balanced"] == 1
    assert seen["matches_total detector=verbatim kind=text"] == 1
    assert seen["failures_total handling=closed stage=upstream"] == 1
    assert seen["failures_total handling=open stage=ledger"] == 1
    assert seen["stage_seconds_count stage=verbatim"] == 1
    assert seen["stage_seconds_bucket le=0.0001 stage=verbatim"] == 0
    assert seen["stage_seconds_bucket le=0.00025 stage=verbatim"] == 1
    assert seen[f"added_latency_seconds_sum mode=enforce route={CHAT}"] == 0.003
    assert seen["held_chars_bucket le=0.0"] == 0
    assert seen["held_chars_sum"] == 40
    assert seen["rewrite_tries_total result=clean"] == 1
    assert seen["index_works kind=text"] == 18
    assert seen["index_works kind=code"] == 0
    assert seen["index_bytes"] == 4096
    assert seen["index_built_timestamp_seconds"] == 1767225600
    assert seen["reloads_total result=failed what=policy"] == 1
    assert seen[f"dropped_fields_total surface={CHAT}"] == 2
    assert seen["tokens_filtered_total"] == 120
    assert seen["semantic_wait_seconds_count"] == 1
    assert (seen["reviews_open"], seen["ledger_queue"]) == (3, 7)


def test_what_was_done_stands_beside_what_was_decided() -> None:
    metrics = Metrics(policies=["balanced"])
    metrics.choice(replace(choice_record(Action.BLOCK), mode="monitor", applied=Action.PASS))
    assert values(metrics)["decisions_total action=block applied=pass kind=text mode=monitor policy=balanced"] == 1


def test_no_caller_can_add_a_series() -> None:
    metrics = Metrics(tenants=["acme"], policies=["balanced"])
    metrics.request(CHAT, "acme", stream=False, outcome="completed")
    metrics.choice(choice_record())
    before = len(values(metrics))
    for number in range(50):
        evil = f"x{number}"
        metrics.request(evil, evil, stream=False, outcome=evil)  # type: ignore[arg-type]  # what must not get through
        metrics.choice(replace(choice_record(), verdict=replace(choice_record().verdict, policy=evil)))
        metrics.failure(evil, evil)  # type: ignore[arg-type]
        metrics.stage_took(evil, 1.0)  # type: ignore[arg-type]
        metrics.added_latency(evil, evil, 1.0)  # type: ignore[arg-type]
        metrics.rewrite_try(evil)  # type: ignore[arg-type]
        metrics.reloaded(evil, evil)  # type: ignore[arg-type]
        metrics.dropped_field(evil)
        metrics.match(evil, evil)  # type: ignore[arg-type]
    after = values(metrics)
    assert not any("x1" in name for name in after)
    assert after["requests_total outcome=other route=other stream=false tenant=other"] == 50
    latency = 20  # buckets, sum and count of the one new `added_latency_seconds` series
    assert len(after) - before <= 7 + latency


def test_names_that_a_changed_configuration_brings_are_accepted() -> None:
    metrics = Metrics()
    metrics.know(tenants=["umbra"], policies=["strict"], routes=["/v2/new"])
    metrics.request("/v2/new", "umbra", stream=True, outcome="refused")
    assert values(metrics)["requests_total outcome=refused route=/v2/new stream=true tenant=umbra"] == 1


def test_failures_stand_at_zero_before_the_first() -> None:
    seen = values(Metrics())
    for stage in get_args(FailureStage):
        assert seen[f"failures_total handling=open stage={stage}"] == 0
    for stage in get_args(Stage):
        assert seen[f"stage_seconds_count stage={stage}"] == 0
    for name in ("held_chars_count", "tokens_filtered_total", "streams_in_flight", "reviews_open", "ledger_queue"):
        assert seen[name] == 0


def test_a_stage_is_measured_even_when_it_fails() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError, match="of the stage"), metrics.stage("policy"):
        raise ValueError("of the stage")
    with metrics.stage("policy"):
        pass
    assert values(metrics)["stage_seconds_count stage=policy"] == 2


def test_streams_in_flight_fall_again_when_one_fails() -> None:
    metrics = Metrics()
    seen = []
    with suppress(ValueError), metrics.in_flight():
        seen.append(values(metrics)["streams_in_flight"])
        raise ValueError
    assert seen == [1]
    assert values(metrics)["streams_in_flight"] == 0


def test_two_instances_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.tokens_filtered(5)
    assert values(second)["tokens_filtered_total"] == 0


def test_the_page_about_metrics_names_every_metric_and_label() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name, labels in contract().items():
        section = page.partition(f"`{name}`")[2].partition("\n### ")[0]
        assert section, name
        assert "```promql" in section, name
        for label in labels:
            assert f"`{label}`" in section, (name, label)


def test_every_outcome_can_be_recorded_and_counted() -> None:
    metrics = Metrics()
    for outcome in get_args(Outcome):
        metrics.request(CHAT, "default", stream=True, outcome=outcome)
    assert "outcome=other" not in " ".join(values(metrics))


WORKER = """
import sys
from pathlib import Path
from proxy.metrics import Metrics
metrics = Metrics(tenants=["acme"], shared=Path(sys.argv[1]))
metrics.request("/v1/chat/completions", "acme", stream=True, outcome="completed")
metrics.queued(4)
metrics.stage_took("policy", 0.01)
print(metrics.exposition()[0].decode())
"""


def test_a_scrape_sums_over_the_processes_of_one_server(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    root = Path(__file__).parents[2]
    said = [
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ][-1]
    line = f'fairgate_requests_total{{outcome="completed",route="{CHAT}",stream="true",tenant="acme"}} 2.0'
    assert line in said
    assert 'fairgate_stage_seconds_count{stage="policy"} 2.0' in said
