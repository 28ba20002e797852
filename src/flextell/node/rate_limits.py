"""Rate limits in fixed windows, told on every answer (X-RateLimit-*)."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Network

from flextell.node.tally import ALONE, Tally
from flextell.sources import Sources

# Others hear of a key each time that it has used such a part of its limit: what is seldom asks
# them nothing, and what they do not know of is little.
STEPS = 1000


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Whom an address stands for: itself, or in IPv6 the /64 that one customer is given."""
    if ":" not in address:
        return address
    try:
        return str(IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands: requests allowed in a window, left in this one, and when it ends."""

    limit: int
    remaining: int
    reset_at: int
    exceeded: bool

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The three headers of every answer."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset_at),
        ]

    def retry_after(self, now: int) -> int:
        """Seconds until the window ends."""
        return max(self.reset_at - now, 1)


class RateLimit:
    """Counts the requests of each key in windows that begin and end at the same time everywhere."""

    def __init__(
        self, name: str, limit: int, window_seconds: int, sources: Sources, *, shared: bool
    ) -> None:
        """`name` tells limits apart; `shared` if other processes count the same callers."""
        self.name = name
        self.window_seconds = window_seconds
        self._limit = limit
        self._sources = sources
        self._step = max(limit // STEPS, 1) if shared else ALONE
        self._tally = Tally(-1, self._step)

    def tally(self) -> Tally:
        """The counts of the window that is now."""
        number = self._sources.now() // self.window_seconds
        if number != self._tally.number:
            self._tally = Tally(number, self._step)
        return self._tally

    def ends_at(self, tally: Tally) -> int:
        """When the window of these counts ends."""
        return (tally.number + 1) * self.window_seconds

    def count(self, key: str) -> Standing:
        """Count one request of this key."""
        tally = self.tally()
        used = tally.count(key)
        return Standing(
            limit=self._limit,
            remaining=max(self._limit - used, 0),
            reset_at=self.ends_at(tally),
            exceeded=used > self._limit,
        )
