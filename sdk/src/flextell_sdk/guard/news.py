"""One thing that the server says: kept while it is good, asked for by one on behalf of all.

Asking runs in a thread of its own, so that threads and the tasks of any event loop can wait for
the same answer, and nobody who stops waiting stops it.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, Generic, ParamSpec, TypeVar

import httpx2

from flextell_sdk.errors import FlextellError

T = TypeVar("T")
P = ParamSpec("P")
# Begin something in a thread; None if the program is about to end and starts none.
Submit = Callable[[Callable[[], None]], "Future[None] | None"]

# After a failure nobody asks again for so long, unless there is a longer pause anyway.
QUIET_SECONDS = 1.0

# Why there may be no answer: the network, the server, its addresses, a certificate file.
_TROUBLE = (FlextellError, httpx2.HTTPError, httpx2.InvalidURL, OSError)

_log = logging.getLogger("flextell_sdk")


@dataclass(frozen=True, slots=True)
class News(Generic[T]):
    """What the server said. From `stale_at` it is asked again; from `dead_at` that is waited for.

    Both by the monotonic clock.
    """

    said: T
    stale_at: float
    dead_at: float


class Quiet:
    """A pause after a failure, which several sources of news may share."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self._until = float("-inf")

    def is_over(self) -> bool:
        """Whether somebody may ask again."""
        return self.monotonic() >= self._until

    def begin(self, seconds: float) -> None:
        """It went wrong."""
        self._until = self.monotonic() + seconds


class Source(Generic[P, T]):
    """Where news comes from. `ask` makes it, from what was said before and what is given each time.

    It is not asked again sooner than `pause_seconds` after the last time.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[Concatenate[T | None, P], News[T]],
        submit: Submit,
        quiet: Quiet,
        pause_seconds: float,
    ) -> None:
        self.news: News[T] | None = None
        self.failed = False
        self._name = name
        self._ask = ask
        self._submit = submit
        self._quiet = quiet
        self._monotonic = quiet.monotonic
        self._pause_seconds = pause_seconds
        self._next_at = float("-inf")
        self.start_anew()

    def start_anew(self) -> None:
        """Forget threads and locks: in the child of a fork they are the parent's."""
        self._lock = threading.Lock()
        self._flight: Future[None] | None = None

    def needed(self, *given: P.args, **named: P.kwargs) -> "Future[None] | None":
        """What to wait for before the news is used; None if it is good, or none is to be had."""
        now = self._monotonic()
        news = self.news
        if news is not None and now < news.stale_at:
            return None
        flight = self.renewal(*given, **named)
        return None if news is not None and now < news.dead_at else flight

    def renewal(self, *given: P.args, **named: P.kwargs) -> "Future[None] | None":
        """The question under way, or a new one; None while it is too soon for another."""
        with self._lock:
            if self._flight is None or self._flight.done():
                if self._monotonic() < self._next_at or not self._quiet.is_over():
                    return None
                self._flight = self._submit(partial(self._renew, *given, **named))
            return self._flight

    def good(self) -> T | None:
        """What was said, unless that was too long ago."""
        news = self.news
        return news.said if news is not None and self._monotonic() < news.dead_at else None

    def _renew(self, *given: P.args, **named: P.kwargs) -> None:
        began = self._monotonic()
        before = self.news
        try:
            self.news = self._ask(before.said if before else None, *given, **named)
            self.failed = False
        except _TROUBLE as problem:
            self.failed = True
            self._quiet.begin(QUIET_SECONDS)
            _log.warning("the guard has no news of %s: %r", self._name, problem)
        if self.news is not None:
            self._next_at = began + self._pause_seconds
