"""Rate limits in fixed windows, told on every answer (X-RateLimit-*)."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Network

from flextell.sources import Sources

# A flood of keys never seen before must neither fill the memory nor reset the counts of others:
# those beyond this number are not counted in their first window.
MOST_KEYS = 200_000


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
    """Counts the requests of each key in the current window of this node."""

    def __init__(self, limit: int, window_seconds: int, sources: Sources) -> None:
        self._limit = limit
        self._window = window_seconds
        self._sources = sources
        self._began = -1
        self._counts: dict[str, int] = {}

    def count(self, key: str) -> Standing:
        """Count one request of this key."""
        window = self._sources.now() // self._window
        if window != self._began:
            self._began = window
            self._counts = {}
        used = self._counts.get(key, 0) + 1
        if used > 1 or len(self._counts) < MOST_KEYS:
            self._counts[key] = used
        return Standing(
            limit=self._limit,
            remaining=max(self._limit - used, 0),
            reset_at=(window + 1) * self._window,
            exceeded=used > self._limit,
        )
