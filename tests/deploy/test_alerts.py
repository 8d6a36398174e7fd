"""The alerts: each fires when it should and not otherwise, says how urgent it is, and leads to what to do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.metrics import Metrics
from tests.support.prometheus import DEPLOY, binary, selectors

FOLDER = DEPLOY / "prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
CASES = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
NAMES = [rule["alert"] for rule in RULES]
OPERATIONS = (DEPLOY.parent / "docs" / "operations.md").read_text(encoding="utf-8")
EXPECTED = [each for case in CASES for each in case["alert_rule_test"]]


def promtool(*arguments: str | Path, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    command = [binary("promtool"), *arguments]
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=120)


def test_promtool_reads_the_rules_and_the_scrape_configuration() -> None:
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


def test_each_alert_fires_and_keeps_still_as_its_cases_say() -> None:
    done = promtool("test", "rules", "alerts_test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    expected = [bool(each["exp_alerts"]) for each in EXPECTED if each["alertname"] == name]
    assert {True, False} == set(expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("always", [True, False])
def test_an_alert_that_always_or_never_fires_fails_its_cases(name: str, always: bool, tmp_path: Path) -> None:
    rule = next(rule for rule in RULES if rule["alert"] == name)
    bent = {**rule, "expr": f"({rule['expr']}) or up or {{__name__=~'fairgate_.+'}}" if always else "up == 7"}
    shutil.copy(FOLDER / "alerts_test.yaml", tmp_path)
    groups = [{"name": "bent", "rules": [bent if each is rule else each for each in RULES]}]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    assert promtool("test", "rules", "alerts_test.yaml", folder=tmp_path).returncode == 1


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_each_alert_says_how_urgent_it_is_and_leads_to_its_paragraph(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].rstrip().endswith(".")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == rule["alert"].lower()
    assert re.search(rf"^### {rule['alert']}$", OPERATIONS, re.MULTILINE), "no such heading"


def test_there_is_no_paragraph_for_an_alert_that_does_not_exist() -> None:
    assert set(re.findall(r"^### (Fairgate\w+)$", OPERATIONS, re.MULTILINE)) == set(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_each_alert_asks_for_metrics_and_labels_that_are_exported(rule: dict[str, Any]) -> None:
    known = exported()
    found = selectors(rule["expr"])
    assert found
    for name, labels in found:
        if name != "up":
            assert name in known, name
            assert labels <= known[name] | {"instance", "job"}, (name, labels)


def exported() -> dict[str, set[str]]:
    """Every series' name and its labels, of the metrics as they are declared."""
    found: dict[str, set[str]] = {}
    for metric in vars(Metrics()).values():
        for family in metric.describe() if hasattr(metric, "describe") else ():
            labels = set(metric._labelnames)
            match family.type:
                case "counter":
                    found[f"{family.name}_total"] = labels
                case "histogram":
                    found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
                    found[f"{family.name}_bucket"] = labels | {"le"}
                case _:
                    found[family.name] = labels
    return found
