"""What may be wrong with a store, for those who ask it."""


class StoreUnavailable(Exception):
    """The database cannot be used now; the text is one sentence saying what to do."""


class StoreBusy(StoreUnavailable):
    """Somebody else holds the database for too long; trying again helps."""


class StoreAway(StoreUnavailable):
    """Nobody answers where the database should be."""

    def __init__(self) -> None:
        super().__init__(
            "The database cannot be reached; check that it runs and that its URL is right."
        )


class StoreFull(StoreUnavailable):
    """There is no room left to write."""


class Duplicate(Exception):
    """A value that must be unique is taken; the text names it."""
