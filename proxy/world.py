"""What requests are judged by at one moment: an index and policies, opened whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from indexes.base import TextIndex
from proxy.auth import Caller, Doorkeeper
from proxy.retelling import Retelling


@dataclass(frozen=True, slots=True)
class World:
    """Immutable: a request picks the world that is in force when it comes, and keeps it to its end."""

    index: TextIndex
    doorkeeper: Doorkeeper
    retelling: Retelling | None = None
    _views: Mapping[frozenset[str], TextIndex] = field(init=False)

    def __post_init__(self) -> None:
        """Take the private works of others out for each tenant, so that no request has to wait for that."""
        known = {caller.reader.names: caller.reader for caller in self.doorkeeper.callers}
        hides = self.doorkeeper.settings.index.private_works == "own"
        views = {names: self.index.known_to(reader.knows) for names, reader in known.items()} if hides else {}
        object.__setattr__(self, "_views", views)

    def index_for(self, caller: Caller) -> TextIndex:
        """What answers to a caller are judged against: without works private to others, unless the settings say so."""
        return self._views.get(caller.reader.names, self.index)

    def retelling_for(self, caller: Caller) -> Retelling | None:
        """What finds passages in other words, of the works that answers to a caller are judged against."""
        if self.retelling is None or self.doorkeeper.settings.index.private_works == "all":
            return self.retelling
        return self.retelling.for_those_who(caller.reader.knows)
