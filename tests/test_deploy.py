"""The example configuration is one that works."""

from pathlib import Path

from proxy.settings import load

EXAMPLE = Path(__file__).resolve().parents[1] / "deploy" / "fairgate.yaml"


def test_the_example_loads_as_it_stands() -> None:
    values = load(EXAMPLE).values
    assert values.upstreams[0].url == "http://127.0.0.1:8000/v1"
    assert values.tenants == []


def test_the_example_loads_with_its_tenants_filled_in(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for line in text[text.index("# tenants:") : text.index("ledger:")].splitlines():
        text = text.replace(line, line.removeprefix("# "))
    filled = tmp_path / "fairgate.yaml"
    for digit in "01":
        text = text.replace("<64 hexadecimal digits>", digit * 64, 1)
    filled.write_text(text, encoding="utf-8")
    assert [tenant.role for tenant in load(filled).values.tenants] == ["viewer", "reviewer"]
