"""What the store promises, in small protocols. HTTP knows these and nothing of SQL.

A unit of work is a synchronous function over one transaction: `store.write(work)` runs it, off
the event loop unless it is brief, and when it returns, what it changed is durable (it survives
`kill -9`). If it raises, nothing of it is kept. Units are isolated as if they ran one after another
wherever a verb says that it is atomic. The verbs of each part stand in the modules beside this one.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from flextell.store.port.authorization import (
    Clients,
    Codes,
    Consents,
    Grants,
    People,
    RateCount,
    RateCounts,
    RefreshTokens,
    Revocation,
    Revocations,
    Sessions,
    SigningKeys,
    Throttles,
)
from flextell.store.port.messaging import (
    Blacklists,
    Channels,
    Conversations,
    Deliveries,
    Messages,
    Suggestions,
)
from flextell.store.port.problems import (
    Duplicate,
    StoreAway,
    StoreBusy,
    StoreFull,
    StoreUnavailable,
)
from flextell.store.port.tenancy import (
    Customers,
    Files,
    KeptAnswer,
    KeptAnswers,
    LooseContent,
    Members,
    Notes,
    Tags,
    Tenants,
)

__all__ = [
    "Blacklists",
    "Channels",
    "Clients",
    "Codes",
    "Consents",
    "Conversations",
    "Customers",
    "Deliveries",
    "Duplicate",
    "Files",
    "Grants",
    "KeptAnswer",
    "KeptAnswers",
    "LooseContent",
    "Members",
    "Messages",
    "Notes",
    "People",
    "RateCount",
    "RateCounts",
    "RefreshTokens",
    "Revocation",
    "Revocations",
    "Sessions",
    "SigningKeys",
    "Store",
    "StoreAway",
    "StoreBusy",
    "StoreFull",
    "StoreUnavailable",
    "Suggestions",
    "Tags",
    "Tenants",
    "Throttles",
    "Unit",
]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


class Unit(Protocol):
    """One transaction, with every part of the store in it."""

    @property
    def clients(self) -> Clients: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def refresh_tokens(self) -> RefreshTokens: ...
    @property
    def revocations(self) -> Revocations: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def people(self) -> People: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def throttles(self) -> Throttles: ...
    @property
    def rate_counts(self) -> RateCounts: ...
    @property
    def signing_keys(self) -> SigningKeys: ...
    @property
    def tenants(self) -> Tenants: ...
    @property
    def members(self) -> Members: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def tags(self) -> Tags: ...
    @property
    def notes(self) -> Notes: ...
    @property
    def files(self) -> Files: ...
    @property
    def channels(self) -> Channels: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def suggestions(self) -> Suggestions: ...
    @property
    def blacklists(self) -> Blacklists: ...
    @property
    def kept_answers(self) -> KeptAnswers: ...

    def within(self, *tenant_ids: int) -> None:
        """From here to its end this unit sees and changes the rows of these tenants only.

        The second wall, behind the conditions of each statement; it may be drawn closer, never
        wider, which is a bug. SQLite has no such wall.
        """

    def hold(self, name: bytes) -> None:
        """Let no other unit that holds the same name, a digest, pass until this one ends."""

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        """What two functions return that only ask, and do not need each other's answer.

        Where the way to the database is long they ask at the same time.
        """

    def sweep(self, now: int, most: int) -> int:
        """Delete up to `most` rows of each kind that nobody needs after `now`; say how many.

        A unit that sweeps does nothing else: what it did may be undone by a crash.
        """

    def number_news_anew(self, now: int) -> None:
        """After a restore: give the next revocation a number that nobody can have seen."""

    def end_all_access(self, now: int) -> int:
        """After a restore: end every grant, session, code and signing key; how many grants."""


class Store(Protocol):
    """A database, seen from an event loop or from a plain thread.

    `brief` work is asked for by many at once and may share its transaction with others'. It asks
    the store and little else: it may run on the event loop, and neither waits nor computes there.
    """

    async def write(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        """Run a unit of work that may change things. Raises StoreUnavailable."""

    async def read(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        """Run a unit of work that only reads. Raises StoreUnavailable."""

    def at_once(self, work: Callable[[Unit], T]) -> T:
        """The same as `write` in this thread, for the command line. Raises StoreUnavailable."""

    def waiting(self) -> int:
        """How many units of work wait for their turn."""

    def close(self) -> None:
        """Finish what was begun and let go of the database."""
