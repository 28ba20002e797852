"""What a guard knows of its server, and how it comes to know it: the only part that does I/O."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx2

from flextell_sdk.guard import asking
from flextell_sdk.guard.keys import KeySet
from flextell_sdk.guard.news import News, Quiet, Source
from flextell_sdk.guard.remembered import Remembered
from flextell_sdk.guard.resource import Resource
from flextell_sdk.guard.revocations import Revocations, caught_up
from flextell_sdk.server import Server
from flextell_sdk.sources import Sources
from flextell_sdk.wire import Wire

# A revoked token works for so long at the most; then what is known of it is too old to be used.
BELIEVED_SECONDS = 3.0
FOR_EVER = float("inf")
# How often the feed is read while there are requests.
FEED_SECONDS = 1.0
# Tokens that name a key nobody knows make the guard ask for keys no more often than this.
KEYS_PAUSE_SECONDS = 10.0
# The key set is fetched again before it must not be used any more, so that nobody waits for it.
AHEAD_SHARE = 0.8
# How many questions may be under way at once; each takes a thread for as long as the server does.
QUESTIONS_AT_ONCE = 16
REMEMBERED_STANDINGS = 20_000


@dataclass(frozen=True, slots=True)
class Published:
    """What the server tells everybody: where its endpoints are, and its keys."""

    server: Server
    keys: KeySet


class Knowledge:
    """News of the server for one guard. Safe to use from many threads, and after a fork."""

    def __init__(
        self, resource: Resource, sources: Sources, transport: httpx2.BaseTransport | None
    ) -> None:
        self._sources = sources
        self._wire = Wire(resource.as_client(), sources, transport)
        quiet = partial(Quiet, sources.monotonic)
        self.published = Source(
            "keys", self._ask_published, self._submit, quiet(), KEYS_PAUSE_SECONDS
        )
        self.feed = Source("revocations", self._ask_feed, self._submit, quiet(), FEED_SECONDS)
        # One failure speaks for all tokens: the server is asked about none of them for a moment.
        self._quiet_about_tokens = quiet()
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._standings: Remembered[bytes, Source[[str], bool]] = Remembered(REMEMBERED_STANDINGS)

    def start_anew(self) -> None:
        """Forget threads, locks and connections: in the child of a fork they are the parent's."""
        self._start_anew()
        self._wire.start_anew()
        if self.published.news is not None:
            self.published.news.said.keys.start_anew()
        self.published.start_anew()
        self.feed.start_anew()

    def close(self) -> None:
        """Wait for questions under way and close the connections. Whoever goes on, may."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
        self._wire.close()

    def standing(self, digest: bytes) -> Source[[str], bool]:
        """Whether the server would still take the token of this digest, which it is given."""
        return self._standings.keep(digest, self._new_standing)

    def _new_standing(self) -> Source[[str], bool]:
        return Source("a token", self._ask_standing, self._submit, self._quiet_about_tokens, 0.0)

    def _server(self) -> Server:
        if self.published.news is None:
            raise RuntimeError("the metadata is read before anything else is asked")
        return self.published.news.said.server

    def _ask_published(self, before: Published | None) -> News[Published]:
        began = self._sources.monotonic()
        server = asking.metadata(self._wire)
        document, seconds = asking.key_set(self._wire, server)
        keys = KeySet(document)
        if before is not None and before.keys.listed == keys.listed:
            keys = before.keys  # with the tokens that they have verified
        return News(Published(server, keys), began + AHEAD_SHARE * seconds, began + seconds)

    def _ask_feed(self, before: Revocations | None) -> News[Revocations]:
        began = self._sources.monotonic()
        pages = partial(asking.feed_page, self._wire, self._server())
        said = caught_up(before or Revocations(), pages, self._sources.now(), began)
        return News(said, began + FEED_SECONDS, began + BELIEVED_SECONDS)

    def _ask_standing(self, _: bool | None, token: str) -> News[bool]:
        began = self._sources.monotonic()
        if not asking.is_active(self._wire, self._server(), token):
            # What is over stays so: nobody has to ask again.
            return News(False, FOR_EVER, FOR_EVER)
        return News(True, began + BELIEVED_SECONDS, began + BELIEVED_SECONDS)

    def _submit(self, work: Callable[[], None]) -> "Future[None] | None":
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(QUESTIONS_AT_ONCE, "flextell-guard")
            pool = self._pool
        try:
            return pool.submit(work)
        except RuntimeError:
            return None
