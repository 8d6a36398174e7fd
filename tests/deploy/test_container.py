"""The image and its neighbours, as far as they can be judged without building or starting them."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from proxy.settings import load
from tests.support.placeholders import filled
from tests.support.prometheus import DEPLOY

ROOT = DEPLOY.parent
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
FINAL = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
LOCK = (DEPLOY / "requirements.lock").read_text(encoding="utf-8")
PINNED = {canonicalize_name(name): pin for name, pin in re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK, re.MULTILINE)}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_small_pinned_and_runs_as_an_ordinary_user() -> None:
    assert DOCKERFILE.count("\nFROM python:${PYTHON}") == 2
    assert re.search(r"^ARG PYTHON=3\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
    assert re.search(r"^USER 10001:10001$", FINAL, re.MULTILINE)
    assert 'ENTRYPOINT ["fairgate"]' in FINAL
    assert "curl" not in DOCKERFILE
    assert not {"torch", "sentence-transformers"} & set(PINNED)


def test_its_healthcheck_asks_readyz_and_fails_where_nothing_answers() -> None:
    command = yaml.safe_load(re.search(r"HEALTHCHECK [^\[]+(\[.+\])", FINAL).group(1))  # type: ignore[union-attr]
    assert "http://127.0.0.1:8800/readyz" in command[-1]
    nowhere = [sys.executable, *command[1:-1], command[-1].replace(":8800/", ":9/")]
    assert subprocess.run(nowhere, check=False, capture_output=True, timeout=30).returncode == 1


def test_every_path_that_is_copied_is_in_the_checkout_and_not_ignored() -> None:
    named = [words.split()[:-1] for words in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.MULTILINE)]
    copied = [path.removesuffix("/") for paths in named for path in paths]
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(copied) == sorted(kept)
    assert all((ROOT / path).exists() for path in copied)


def needed() -> list[Requirement]:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["postgres"], *extras["semantic"]]
    return [Requirement(line) for line in [*lines, *PROJECT["build-system"]["requires"]]]


@pytest.mark.parametrize("requirement", needed(), ids=str)
def test_the_lock_holds_what_the_project_needs(requirement: Requirement) -> None:
    pin = PINNED.get(canonicalize_name(requirement.name))
    assert pin is not None, f"run `make lock`: requirements.lock lacks `{requirement.name}`"
    assert requirement.specifier.contains(pin), f"run `make lock`: {requirement} is pinned to {pin}"


def test_every_pin_has_a_hash() -> None:
    entries = re.split(r"\n(?=[a-z])", LOCK[LOCK.index("\n", LOCK.rindex("\n#\n")) + 1 :])
    assert len(PINNED) > 20
    assert [entry.partition("==")[0] for entry in entries if "--hash=sha256:" not in entry and "==" in entry] == []


def with_vllm() -> str:
    """The compose file with its commented generator switched on."""
    begin, end = COMPOSE.index("  # vllm:"), COMPOSE.index("\nvolumes:\n")
    return COMPOSE[:begin] + re.sub(r"^  # ", "  ", COMPOSE[begin:end], flags=re.MULTILINE) + COMPOSE[end:]


@pytest.mark.parametrize("text", [COMPOSE, with_vllm()], ids=["as it stands", "with vLLM"])
def test_the_compose_file_keeps_to_the_specification(text: str) -> None:
    compose = PyCompose.from_yaml(text.replace("host-gateway", "127.0.0.1"))  # Docker's word for an address
    compose.validate()
    compose.validate_volumes()
    compose.validate_networks()


def test_the_checker_of_compose_files_would_find_a_wrong_key() -> None:
    with pytest.raises(ValueError, match="stop_graceperiod"):
        PyCompose.from_yaml(COMPOSE.replace("host-gateway", "::1").replace("stop_grace_period", "stop_graceperiod"))


def test_every_image_is_pinned_and_every_port_is_open_to_this_machine_alone() -> None:
    services = yaml.safe_load(with_vllm())["services"]
    for name, service in services.items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert services["fairgate"]["image"].endswith(f":{version('fairgate')}")
    assert "ports" not in services["vllm"]


def test_every_file_that_is_mounted_is_in_the_checkout() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(files) >= 4
    assert [file for file in files if not (DEPLOY / file).exists()] == []


def test_fairgate_may_write_to_its_volumes_alone(tmp_path: Path) -> None:
    service = SERVICES["fairgate"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    writable = [mount.split(":")[1] for mount in service["volumes"] if not mount.endswith(":ro")]
    assert writable == re.findall(r'"(/[^"]+)"', re.search(r"^VOLUME (.+)$", FINAL, re.MULTILINE).group(1))  # type: ignore[union-attr]
    values = load(filled(DEPLOY / "compose" / "fairgate.yaml", tmp_path)).values
    assert values.index.dir in writable
    assert str(Path(values.ledger.url.removeprefix("sqlite:///")).parent) in writable


def test_prometheus_scrapes_where_the_container_tells_its_metrics() -> None:
    metrics = yaml.safe_load((DEPLOY / "compose" / "fairgate.yaml").read_text(encoding="utf-8"))["metrics"]
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    (job,) = [job for job in jobs if job["job_name"] == "fairgate"]
    assert job["static_configs"] == [{"targets": [f"fairgate:{metrics['port']}"]}]
    assert not any(str(metrics["port"]) in port for port in SERVICES["fairgate"]["ports"])
