"""What a transaction that units share sees, and what to send so that it sees something else."""

from collections.abc import Collection

from flextell.store.line import Call
from flextell.store.wall import written

_SEE = "SELECT set_config('flextell.tenants', $1, true)"


class Sight:
    """What a shared transaction sees: everything, or the rows of its members' tenants.

    Where units meet that have said whose rows they need and some that have not, each statement is
    sent while what it may see is set.
    """

    def __init__(self) -> None:
        self._members: frozenset[int] = frozenset()
        self._seen: frozenset[int] | None = None

    @property
    def is_walled(self) -> bool:
        """Whether it sees the rows of its members' tenants only."""
        return self._seen is not None

    def admit(self, tenants: Collection[int]) -> None:
        """A unit needs the rows of these tenants."""
        self._members = self._members.union(tenants)

    def before(self, *, walled: bool) -> list[Call]:
        """What to send before a statement that is to see all, or is walled: mostly nothing."""
        wanted = self._members if walled else None
        if wanted == self._seen:
            return []
        self._seen = wanted
        return [(_SEE, (b"" if wanted is None else written(wanted).encode(),))]

    def end(self) -> None:
        """The transaction has ended, and with it what was set."""
        self._seen = None
