"""The errors fairgate raises on purpose; every foreign error is mapped to one of these at its seam."""


class FairgateError(Exception):
    """A fault said in one lower-case line that names the thing at fault and what to do."""


class UsageError(FairgateError):
    """The caller asked for something that cannot be: wrong option, unreadable input, wrong file."""


class IndexUnavailableError(FairgateError):
    """We could not look: the index is missing, damaged or of another format."""
