"""Revocations, known to this node without asking: at once for its own, within a second for others'.

Access tokens are checked locally. The set of what was revoked and has not expired yet is small
(tokens live an hour), so every node holds it, and asks the store for news by sequence number.
When the news is too old, the store is asked about each token instead: never a guess.
"""

import time
from collections.abc import Sequence

from flextell.oauth.access_token import AccessToken
from flextell.store.port import Revocation, Store, StoreUnavailable


class RevocationFeed:
    """The revoked grants and `jti`s that still matter."""

    def __init__(self, store: Store, stale_milliseconds: int) -> None:
        self._store = store
        self._stale_seconds = stale_milliseconds / 1000
        self._ends: dict[str, int] = {}
        self._sequence = 0
        self._read_at = time.monotonic()
        self._fresh_until = 0.0
        self._reached = False

    def apply(self, news: Sequence[Revocation]) -> None:
        """Take in what the store told."""
        for item in news:
            self._ends[item.name] = item.expires_at
            self._sequence = max(self._sequence, item.sequence)

    def apply_own(self, name: str, expires_at: int) -> None:
        """Take in what this very node just made durable."""
        self._ends[name] = expires_at

    async def catch_up(self) -> None:
        """Ask the store once for what is new. Raises StoreUnavailable."""
        asked_at = time.monotonic()
        sequence = self._sequence
        try:
            news = await self._store.read(lambda unit: unit.revocations.since(sequence))
        except StoreUnavailable:
            self._reached = False
            raise
        self.apply(news)
        self._reached = True
        self._read_at = asked_at
        self._fresh_until = asked_at + self._stale_seconds

    def age_seconds(self) -> float:
        """Since the store last told the news; since the start, if it never did."""
        return time.monotonic() - self._read_at

    def size(self) -> int:
        """How many grants and tokens are known to be over."""
        return len(self._ends)

    def checks(self) -> dict[str, bool]:
        """Whether the store answered the last time, and whether that was not too long ago."""
        return {"store": self._reached, "revocations": time.monotonic() < self._fresh_until}

    async def revoked(self, token: AccessToken) -> bool:
        """Whether the token or its grant is over. Raises StoreUnavailable if nobody can tell."""
        if token.grant_id in self._ends or token.jti in self._ends:
            return True
        if time.monotonic() < self._fresh_until:
            return False
        names = (token.grant_id, token.jti)
        return await self._store.read(lambda unit: unit.revocations.any_of(names))

    def forget(self, now: int) -> None:
        """Drop what has expired: its tokens are refused for that."""
        self._ends = {name: end for name, end in self._ends.items() if end > now}
