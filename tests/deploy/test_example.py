"""The configurations that are shipped are ones that work, once what only the operator knows is filled in."""

import re
from pathlib import Path

import pytest
import yaml

from indexes.model import Work
from indexes.store import Store
from proxy.settings import load
from tests.support.bench import WORK
from tests.support.commands import fairgate
from tests.support.placeholders import filled
from tests.support.prometheus import DEPLOY

SHIPPED = {"example.yaml": DEPLOY / "example.yaml", "compose": DEPLOY / "compose" / "fairgate.yaml"}


@pytest.fixture(params=SHIPPED.values(), ids=SHIPPED)
def shipped(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped configuration with the files and variables it names, in a folder of its own."""
    file = filled(request.param, tmp_path)
    list(Store(tmp_path / "index").add([(Work(id="work", title="The Work"), WORK)]))
    (tmp_path / "hosted.key").write_text("sk-of-the-hosted-one\n", encoding="utf-8")
    monkeypatch.setenv("VLLM_API_KEY", "sk-of-our-own")
    text = file.read_text(encoding="utf-8").replace("/var/lib/fairgate/index", str(tmp_path / "index"))
    text = text.replace("/etc/fairgate/policies", str(DEPLOY / "policies")).replace("/etc/fairgate", str(tmp_path))
    file.write_text(text, encoding="utf-8")
    return file


def test_serve_check_accepts_it(shipped: Path) -> None:
    done = fairgate(shipped.parent, "serve", "--config", str(shipped), "--check")
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr
    assert "are well" in done.stdout


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_refused_while_a_key_is_not_filled_in(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "sk-of-our-own")
    done = fairgate(tmp_path, "serve", "--config", str(SHIPPED[name]), "--check")
    assert done.returncode == 2
    assert re.search(r"fairgate|example.yaml:\d+: tenants\[0\].keys\[0\]: is no SHA-256", done.stderr)


def test_the_example_shows_every_part_of_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHIPPED["example.yaml"].read_text(encoding="utf-8")
    parts = set(load(SHIPPED_SMALL).values.__struct_fields__)
    assert {part for part in parts if not re.search(rf"^(# )?{part}:", text, re.MULTILINE)} == set()
    values = yaml.safe_load(text)
    assert len(values["upstreams"]) == 2
    assert len(values["tenants"]) == 3
    assert values["ledger"]["url"].startswith("postgresql://")


SHIPPED_SMALL = DEPLOY / "fairgate.yaml"


def test_the_policy_it_names_is_well_and_passes_its_own_tests(tmp_path: Path) -> None:
    for word in ("check", "test"):
        assert fairgate(tmp_path, "policy", word, str(DEPLOY / "policies" / "house.yaml")).returncode == 0


def test_the_small_one_loads_as_it_stands() -> None:
    values = load(SHIPPED_SMALL).values
    assert values.upstreams[0].url == "http://127.0.0.1:8000/v1"
    assert values.tenants == []


def test_the_small_one_loads_with_its_tenants_filled_in(tmp_path: Path) -> None:
    text = SHIPPED_SMALL.read_text(encoding="utf-8")
    for line in text[text.index("# tenants:") : text.index("ledger:")].splitlines():
        text = text.replace(line, line.removeprefix("# "))
    (tmp_path / "as.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "out").mkdir()
    file = filled(tmp_path / "as.yaml", tmp_path / "out")
    assert [tenant.role for tenant in load(file).values.tenants] == ["viewer", "reviewer"]
