"""The unit of systemd: read without complaint, and closed as far as systemd can tell."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.prometheus import DEPLOY

UNIT = (DEPLOY / "systemd" / "fairgate.service").read_text(encoding="utf-8")


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What `systemd-analyze` says of the unit, with a program that is there in place of fairgate's."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine: apt-get install systemd")
    file = folder / "fairgate.service"
    file.write_text(UNIT.replace("/opt/fairgate/bin/fairgate", shutil.which("true") or "/bin/true"), encoding="utf-8")
    return subprocess.run([program, *words, file], check=False, capture_output=True, text=True, timeout=60)


def test_systemd_reads_it_without_complaint(tmp_path: Path) -> None:
    done = analyze(tmp_path, "verify", "--man=no")
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_hardened(tmp_path: Path) -> None:
    done = analyze(tmp_path, "security", "--offline=true", "--no-pager")
    found = re.search(r"Overall exposure level for fairgate.service: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found.group(1)) <= 1.5


def test_it_does_not_start_again_what_does_not_mend_itself() -> None:
    assert "RestartPreventExitStatus=2 3" in UNIT
    assert re.search(r"^User=fairgate$", UNIT, re.MULTILINE)
