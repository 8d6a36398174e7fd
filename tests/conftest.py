"""What a test may need and not find, and which of these a continuous integration run may do without."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import browser_path

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def in_ci() -> bool:
    """Whether every skip must be accounted for."""
    return os.environ.get("CI", "").lower() == "true" or os.environ.get("FAIRGATE_CI") == "1"


def lacks(item: pytest.Item) -> str | None:
    """What a test needs and this machine has not."""
    if item.get_closest_marker("shared") and not (SHARED / "data").is_dir():
        return "the data folder `shared` is not beside the checkout"
    if item.get_closest_marker("browser") and browser_path() is None and not in_ci():
        return "no Chromium on this machine: apt-get install chromium"
    return None


def may_skip(item: pytest.Item) -> bool:
    """Whether a test may be skipped in continuous integration: without a GPU, or without the data folder."""
    without_data = item.get_closest_marker("shared") and not (SHARED / "data").is_dir()
    return bool(item.get_closest_marker("gpu") or without_data)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if reason := lacks(item):
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[misc]
    if in_ci() and report.skipped and not hasattr(report, "wasxfail") and not may_skip(item):
        report.outcome = "failed"
        report.longrepr = f"skipped, which continuous integration does not allow: {report.longrepr}"
    return report  # type: ignore[return-value]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report: pytest.CollectReport = yield  # type: ignore[misc]
    if in_ci() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped as a whole, which continuous integration does not allow: {report.longrepr}"
    return report  # type: ignore[return-value]
