"""Paths that stay where they belong."""

from pathlib import Path, PurePosixPath


def climbs(said: str) -> bool:
    """Whether a path of an archive leaves it: absolute, of another drive, or upwards."""
    path = said.replace("\\", "/")
    parts = PurePosixPath(path).parts
    return path.startswith("/") or ".." in parts or path[1:2] == ":" or "\0" in path


def below(root: Path, said: str) -> Path | None:
    """The regular file under a folder that a path names, with no symbolic link on the way; None if it is none such."""
    if not said or climbs(said):
        return None
    parts = PurePosixPath(said).parts
    steps = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    if any(step.is_symlink() for step in steps) or not steps[-1].is_file():
        return None
    return steps[-1]
