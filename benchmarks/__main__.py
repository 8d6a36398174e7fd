"""Runs every benchmark, or those named, each in a process of its own."""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    home = Path(__file__).parent
    names = sys.argv[1:] or sorted(path.stem for path in home.glob("*.py") if "def main(" in path.read_text("utf-8"))
    names = [name for name in names if not name.startswith("__")]
    codes = [subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in names]
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
