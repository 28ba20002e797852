"""Remember which question was asked in which browser, for ten minutes and one answer."""

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from .oauth import Attempt
from .problems import Problem

TEN_MINUTES = 600
MOST_AT_ONCE = 10_000  # the oldest make room, so that nobody can fill the memory


class _Asked(NamedTuple):
    owner: str
    attempt: Attempt
    until: int


class Attempts:
    """Open attempts by `state`. In memory: after a restart the person presses Connect again."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._asked: dict[str, _Asked] = {}
        self._lock = Lock()

    def add(self, owner: str, attempt: Attempt) -> None:
        """Expect an answer to `attempt` in the browser of `owner`."""
        with self._lock:
            if len(self._asked) >= MOST_AT_ONCE:
                del self._asked[next(iter(self._asked))]
            self._asked[attempt.state] = _Asked(owner, attempt, self._now() + TEN_MINUTES)

    def claim(self, owner: str, state: str) -> Attempt:
        """The attempt this answer belongs to, once. Raises Problem: state."""
        with self._lock:
            asked = self._asked.get(state)
            if asked is None or asked.owner != owner or asked.until < self._now():
                raise Problem("state")
            del self._asked[state]
            return asked.attempt
