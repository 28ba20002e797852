"""Tell the other processes on this database what was counted, and hear what they counted.

Beside the requests, in one statement for all keys that grew by a step. Nothing here can refuse a
request or keep it waiting: while the database is away every process goes on with what it knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from flextell.node.rate_limits import RateLimit
from flextell.node.tally import Tally
from flextell.store.port import RateCount, Store, StoreUnavailable

# Of each limit in one statement; what is beyond waits for the next.
MOST_TOLD = 1000


@dataclass(frozen=True, slots=True)
class Telling:
    """One key that is being told: where it was counted, and what the others are to hear."""

    tally: Tally
    key: str
    count: RateCount


class RateExchange:
    """This process among those that count together. Built once; `exchange` is called by turns."""

    def __init__(
        self, store: Store, limits: Sequence[RateLimit], process: bytes, secret: bytes
    ) -> None:
        """`process` is random; `secret` hides, from who reads the database, whom a key is about."""
        self._store = store
        self._limits = limits
        self._process = process
        self._secret = secret

    async def exchange(self) -> None:
        """Tell and hear once. What nobody heard is told the next time. Raises StoreUnavailable."""
        tellings = [telling for limit in self._limits for telling in self._of(limit)]
        if not tellings:
            return
        counts = [telling.count for telling in tellings]
        try:
            heard = await self._store.write(
                lambda unit: unit.rate_counts.exchange(self._process, counts)
            )
        except StoreUnavailable:
            for telling in tellings:
                telling.tally.tell_again([telling.key])
            raise
        for telling in tellings:
            telling.tally.hear(telling.key, heard.get(telling.count.key, 0))

    def _of(self, limit: RateLimit) -> list[Telling]:
        tally = limit.tally()
        ends = limit.ends_at(tally)
        # Windows are numbered by their length: that of a server set otherwise is another one.
        about = f"{limit.name} {limit.window_seconds} {tally.number} "
        return [
            Telling(tally, key, RateCount(self._digest(about + key), own, ends))
            for key, own in tally.tell(MOST_TOLD).items()
        ]

    def _digest(self, text: str) -> bytes:
        return blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret
        ).digest()
