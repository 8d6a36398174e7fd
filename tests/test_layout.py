"""The house rules that a program can check."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(file for name in ("proxy", "policies", "indexes", "tests") for file in (ROOT / name).rglob("*.py"))


def test_no_module_passes_five_hundred_lines() -> None:
    long = [file.relative_to(ROOT).as_posix() for file in SOURCES if len(file.read_text().splitlines()) > 500]
    assert long == []
