"""What a store tells of its own work, to whoever watches it."""

from typing import Protocol


class Watch(Protocol):
    """Each verb is called by one thread at a time."""

    def waited(self, seconds: float) -> None:
        """A unit of work waited so long for the writer or for a connection."""

    def committed(self, units: int, seconds: float) -> None:
        """One transaction kept so many units of work; it took so long, its commit included."""

    def unavailable(self) -> None:
        """A unit of work could not be done: StoreUnavailable was raised."""


class Unwatched:
    """Nobody looks: the command line and most tests."""

    def waited(self, seconds: float) -> None:
        """Nothing."""

    def committed(self, units: int, seconds: float) -> None:
        """Nothing."""

    def unavailable(self) -> None:
        """Nothing."""


UNWATCHED = Unwatched()
