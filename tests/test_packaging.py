"""What is installed is what is here, and nothing else answers to our three names."""

import tomllib
from fnmatch import fnmatch
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("proxy", "policies", "indexes")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_owns_one_of_our_package_names(name: str) -> None:
    assert set(packages_distributions()[name]) == {"fairgate"}
    assert Path(str(import_module(name).__file__)).parent == ROOT / name


def test_every_data_file_of_a_package_is_shipped_with_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    left_out = [
        file.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for file in (ROOT / name).rglob("*")
        if file.is_file()
        and file.suffix not in (".py", ".pyc")
        and not any(fnmatch(file.name, pattern) for pattern in patterns)
    ]
    assert left_out == []


def test_the_version_is_named_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"## {project['project']['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
