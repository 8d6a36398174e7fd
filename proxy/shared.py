"""The folder in which the processes of one server add up their metrics."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from indexes.errors import UsageError
from indexes.lock import lives

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_metrics(*, several: bool) -> Iterator[Path | None]:
    """The folder that the environment names, else a private one if there are several processes, else None.

    A folder that is named is made if it is missing, and what dead processes left in it is deleted. Enter it before
    anything imports prometheus_client, which looks at the environment then. Raises UsageError.
    """
    named = os.environ.get(VARIABLE)
    if named:
        yield _prepared(Path(named))
    elif several:
        with TemporaryDirectory(prefix="fairgate-metrics-") as folder:
            os.environ[VARIABLE] = folder
            try:
                yield Path(folder)
            finally:
                os.environ.pop(VARIABLE, None)
    else:
        yield None


def _prepared(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.db"):
            number = file.stem.rpartition("_")[2]
            if number.isdigit() and not lives(int(number)):
                file.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UsageError(f"`{folder}` ({VARIABLE}) cannot be used: {reason}; name a folder of its own") from error
    return folder
