"""Keep one person's connection alive: refresh early, one refresh at a time, store before use."""

from collections.abc import Callable
from threading import Lock

from .oauth import OAuthClient, Tokens
from .problems import Problem
from .token_store import TokenStore

REFRESH_BEFORE_EXPIRY_SECONDS = 60
# Owners share these locks, so that their number is bounded; sharing one only costs a short wait.
LOCKS = 64


class Connections:
    """The only way to the tokens: what it returns is fresh and on disk."""

    def __init__(self, oauth: OAuthClient, store: TokenStore, now: Callable[[], int]) -> None:
        self._oauth = oauth
        self._store = store
        self._now = now
        self._locks = tuple(Lock() for _ in range(LOCKS))

    def open(self, owner: str, tokens: Tokens, *, instead_of: str) -> None:
        """Keep the tokens of a new connection and forget those of `instead_of`, if any."""
        self._store.put(owner, tokens)
        if self._store.get(instead_of):
            self._store.remove(instead_of)

    def get(self, owner: str) -> Tokens | None:
        """Tokens to use now, refreshed if they are about to expire; None if not connected.

        Raises Problem: ended, token or unreachable.
        """
        tokens = self._store.get(owner)
        if tokens and tokens.expires_at - self._now() <= REFRESH_BEFORE_EXPIRY_SECONDS:
            return self.refresh(owner, tokens)
        return tokens

    def refresh(self, owner: str, seen: Tokens) -> Tokens | None:
        """The tokens after `seen`. Of many callers one refreshes; the others get what it got.

        The new pair is on disk before anyone can use it, and the old refresh token is gone with
        the same write. If the answer gets lost, the old one is still there to ask again with.
        """
        with self._lock(owner):
            current = self._store.get(owner)
            if current is None or current != seen:
                return current
            try:
                fresh = self._oauth.refresh(current)
            except Problem as problem:
                if problem.kind == "ended":
                    self._store.remove(owner)
                raise
            self._store.put(owner, fresh)
            return fresh

    def close(self, owner: str) -> Tokens | None:
        """Revoke and forget; returns the tokens that are now worthless.

        Raises Problem: revocation or unreachable, and then keeps them for another try.
        """
        with self._lock(owner):
            tokens = self._store.get(owner)
            if tokens:
                self._oauth.revoke(tokens)
                self._store.remove(owner)
            return tokens

    def _lock(self, owner: str) -> Lock:
        return self._locks[hash(owner) % LOCKS]
