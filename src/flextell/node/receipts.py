"""Which answers are known to have arrived: noted in memory at once, stored in batches.

Seeing the access token of a refresh proves that the client got the answer, and closes the
retry of the refresh token that bought it. The request path only adds to a set.
"""

from functools import partial

from flextell.oauth.access_token import AccessToken
from flextell.sources import Sources
from flextell.store.port import Store, StoreUnavailable, Unit

Seen = tuple[str, int]

# How many (grant, generation) pairs a node remembers to have noted already: at least half as many,
# for they are forgotten by halves. A dictionary that loses its oldest with each new one grows all
# the same, by 11 MiB, when it has seen 175,000.
REMEMBERED = 100_000
# So many are stored by one unit of work, which may run in the event loop: 2 ms there.
AT_ONCE = 100


class Receipts:
    """Pairs of grant and generation whose access token was seen."""

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources
        self._pending: set[Seen] = set()
        self._noted: set[Seen] = set()
        self._noted_before: set[Seen] = set()

    def saw(self, token: AccessToken) -> None:
        """Note that this token was presented somewhere. Generation 0 answers no refresh."""
        seen = (token.grant_id, token.generation)
        if seen[1] == 0 or self.has(*seen):
            return
        if len(self._noted) >= REMEMBERED // 2:
            self._noted_before, self._noted = self._noted, set()
        self._noted.add(seen)
        self._pending.add(seen)

    def has(self, grant_id: str, generation: int) -> bool:
        """Whether this node has seen it, stored or not yet."""
        seen = (grant_id, generation)
        return seen in self._noted or seen in self._noted_before

    async def flush(self) -> None:
        """Store what is pending; kept for the next time if that fails. Raises StoreUnavailable."""
        pending, self._pending = list(self._pending), set()
        try:
            while pending:
                await self._store.write(
                    partial(_note, seen=pending[:AT_ONCE], now=self._sources.now()), brief=True
                )
                del pending[:AT_ONCE]
        except StoreUnavailable:
            self._pending.update(pending)
            raise


def _note(unit: Unit, seen: list[Seen], now: int) -> None:
    unit.refresh_tokens.note_received(seen, now)
