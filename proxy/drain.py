"""The end of a server: nothing new begins, what runs may finish, and what does not finish in time is halted in words.

Halted is not cut: each answer that still runs ends with an error its client can read, and the ledger hears of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

from indexes.errors import FairgateError

_GLANCE = 0.05
_LAST_WORDS = 5.0
"""Seconds for what was halted to tell its client and the ledger."""


class StoppingError(FairgateError):
    """The server stops: it takes nothing new, or could not wait for an answer any longer."""

    status = 503
    code = "stopping"
    headers = {"retry-after": "1", "connection": "close"}  # noqa: RUF012 (constant)


class Drain:
    """Whether a server ends. `draining`: nothing new begins. `halted`: nothing goes on."""

    def __init__(self) -> None:
        self.draining = False
        self.halted = False
        self._scopes: set[anyio.CancelScope] = set()

    def refuse(self) -> None:
        """Raise StoppingError if nothing new may begin."""
        if self.draining:
            raise StoppingError("this server is stopping: ask again, another will answer")

    @contextmanager
    def running(self) -> Iterator[None]:
        """What is awaited inside is cancelled when the time to drain is over; raises StoppingError then."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                if self.halted:
                    scope.cancel()
                yield
            finally:
                self._scopes.discard(scope)
        if scope.cancelled_caught:
            raise StoppingError("this server stopped before the answer was complete")

    def halt(self) -> None:
        """End what still runs, now."""
        self.draining = self.halted = True
        for scope in self._scopes:
            scope.cancel()

    async def finish(self, busy: Callable[[], bool], seconds: float) -> bool:
        """Begin nothing new and wait until nothing runs; what still does after `seconds` is halted.

        Returns whether all could finish by itself. `busy` says whether something runs that is outside of `running`.
        """
        self.draining = True
        with anyio.move_on_after(seconds):
            await self._until_idle(busy)
        if not (self._scopes or busy()):
            return not self.halted
        self.halt()
        with anyio.move_on_after(_LAST_WORDS):
            await self._until_idle(busy)
        return False

    async def _until_idle(self, busy: Callable[[], bool]) -> None:
        while self._scopes or busy():  # noqa: ASYNC110 (asked in passing, in the last seconds of a server's life)
            await anyio.sleep(_GLANCE)
