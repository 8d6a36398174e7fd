"""What requests are judged by at one moment: an index and policies, opened whole."""

from dataclasses import dataclass

from indexes.base import TextIndex
from proxy.auth import Doorkeeper


@dataclass(frozen=True, slots=True)
class World:
    """Immutable: a request picks the world that is in force when it comes, and keeps it to its end."""

    index: TextIndex
    doorkeeper: Doorkeeper
