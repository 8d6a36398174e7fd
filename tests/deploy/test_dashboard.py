"""The dashboard: its file is one Grafana reads, and each of its queries returns data from a fairgate under traffic."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.support.monitored import Monitored, monitored
from tests.support.prometheus import DEPLOY, binary, selectors

GRAFANA = DEPLOY / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "fairgate.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
MAY_BE_ZERO = {"Ledger queue"}
SHOWN = (
    "requests_total", "decisions_total", "matches_total", "failures_total", "added_latency_seconds", "stage_seconds",
    "held_chars", "streams_in_flight", "ledger_queue", "index_works", "index_built_timestamp_seconds", "index_bytes",
    "reloads_total", "dropped_fields_total", "rewrite_tries_total", "tokens_filtered_total",
)  # fmt: skip


def asked(expression: str) -> str:
    """A query as Grafana would send it, its variables filled in."""
    filled = expression.replace("$instance", ".+").replace("$__rate_interval", "30s").replace("$__range", "5m")
    assert "$" not in filled, filled
    return filled


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    binary("prometheus")
    with monitored(tmp_path_factory.mktemp("monitored")) as found:
        yield found


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize(("title", "expression"), QUERIES, ids=[f"{title}-{n}" for n, (title, _) in enumerate(QUERIES)])
def test_each_query_returns_data_from_a_real_prometheus(watched: Monitored, title: str, expression: str) -> None:
    values = [float(sample["value"][1]) for sample in watched.prometheus.ask(asked(expression))]
    assert values, "no data"
    assert all(value == value for value in values), "not a number"  # noqa: PLR0124 (only NaN differs from itself)
    assert title in MAY_BE_ZERO or any(value > 0 for value in values), "only zeros"


def test_no_query_is_answered_by_a_constant() -> None:
    for title, expression in QUERIES:
        assert selectors(expression) or "ALERTS{" in expression, title
        assert not re.search(r"\b(vector|scalar|absent\w*)\s*\(|\bor\b", expression), title


def test_everything_an_operator_asks_for_is_shown() -> None:
    shown = {name for _, expression in QUERIES for name, _ in selectors(expression)}
    assert [name for name in SHOWN if not any(each.startswith(f"fairgate_{name}") for each in shown)] == []
    latency = [expression for title, expression in QUERIES if title == "Latency added to an answer"]
    assert [re.findall(r"quantile\(([\d.]+)", expression) for expression in latency] == [["0.5"], ["0.95"], ["0.99"]]


def test_panels_have_titles_units_and_a_data_source_that_can_be_chosen() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in PANELS}) + 1 == len(PANELS)  # streams in flight: as a figure and over time
    for panel in PANELS:
        assert panel["fieldConfig"]["defaults"]["unit"]
        for holder in (panel, *panel["targets"]):
            assert holder["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert 'instance=~"$instance"' in target["expr"] or "ALERTS" in target["expr"]


def leaves(value: Any, at: str = "") -> dict[str, Any]:
    """Every value of a document by its path."""
    match value:
        case dict():
            parts = value.items()
        case list():
            parts = enumerate(value)
        case _:
            return {at: value}
    return {path: leaf for key, part in parts for path, leaf in leaves(part, f"{at}/{key}").items()}


def through_grafanas_types(dashboard: dict[str, Any]) -> dict[str, Any]:
    """The dashboard as Grafana's own types read and write it: what they do not know is lost."""
    register_default_plugins()
    written: dict[str, Any] = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))
    return written


def test_grafanas_own_types_know_every_key_of_it() -> None:
    kept = leaves(through_grafanas_types(DASHBOARD))
    assert {path: value for path, value in leaves(DASHBOARD).items() if kept.get(path) != value} == {}


def test_grafanas_own_types_would_not_keep_a_wrong_key() -> None:
    bent = json.loads(json.dumps(DASHBOARD))
    bent["panels"][1]["fieldConfig"]["defaults"]["unti"] = "s"
    assert not any(path.endswith("/unti") for path in leaves(through_grafanas_types(bent)))


def test_every_unit_is_one_of_grafanas() -> None:
    known = {value for value in vars(units).values() if isinstance(value, str)}
    assert {panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS} <= known


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert all(x < 24 for x, _ in cells), panel["title"]
        assert not taken & cells, panel["title"]
        taken |= cells


def provisioned(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning" / path).read_text(encoding="utf-8"))
    return found


def test_grafana_finds_the_dashboard_and_its_data_source() -> None:
    (source,) = provisioned("datasources/prometheus.yaml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = provisioned("dashboards/fairgate.yaml")["providers"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    mounts = compose["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in mounts
