"""The one way in which the ledger fails its callers."""

from indexes.errors import FairgateError


class LedgerUnavailableError(FairgateError):
    """A decision could not be written or read: what was asked for is not known to be committed."""
