"""Kills a process that adds to, removes from and compacts an index, 200 times: `python -m benchmarks.crash [ROUNDS]`.

One JSON line; `value` counts what was lost or half there. It ends with 1 if that is not 0.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.killing import kill_again_and_again

ROUNDS = 200


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        killed = kill_again_and_again(Path(folder) / "index", rounds, seed=2)
    said = {
        "name": "index_killed",
        "value": len(killed.lost),
        "unit": "faults",
        "rounds": killed.rounds,
        "killed_within": dict(killed.within),
        "finished": dict(killed.done),
        "part_of_an_add_was_in": killed.part,
        "works_looked_at": killed.works,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(said), flush=True)
    for line in killed.lost:
        print(line, file=sys.stderr)
    return 1 if killed.lost else 0


if __name__ == "__main__":
    sys.exit(main())
