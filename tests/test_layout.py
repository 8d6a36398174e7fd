"""The house rules that a program can check."""

import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from policies import schema
from proxy import settings
from proxy.metrics import Metrics

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(file for name in ("proxy", "policies", "indexes", "tests") for file in (ROOT / name).rglob("*.py"))
DOCS = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "docs").glob("*.md")))


def test_no_module_passes_five_hundred_lines() -> None:
    long = [file.relative_to(ROOT).as_posix() for file in SOURCES if len(file.read_text().splitlines()) > 500]
    assert long == []


def test_every_metric_is_named_in_the_docs() -> None:
    exposition = Metrics().exposition()[0].decode()
    names = re.findall(r"^# TYPE (\w+) ", exposition, re.MULTILINE)
    assert len(names) > 10
    assert [name for name in names if name.removeprefix("fairgate_") not in DOCS] == []


def shapes(module: ModuleType) -> list[type[msgspec.Struct]]:
    return [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]


@pytest.mark.parametrize(("module", "page"), [(schema, "policies.md"), (settings, "configuration.md")])
def test_every_key_of_policies_and_of_the_configuration_is_named_in_the_docs(module: ModuleType, page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    keys = {key for shape in shapes(module) for key in shape.__struct_fields__}
    assert len(keys) > 30
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", text)) == []


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text())]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []
