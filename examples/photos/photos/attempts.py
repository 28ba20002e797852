"""Remember what was asked in which browser, for ten minutes and one answer."""

from collections.abc import Callable
from typing import NamedTuple

from flextell_sdk import Remembered
from flextell_sdk.errors import SignInMismatch

TEN_MINUTES = 600
MOST_AT_ONCE = 10_000  # the oldest make room, so that nobody can fill the memory


class _Asked(NamedTuple):
    owner: str
    remembered: Remembered
    until: float


class Attempts:
    """Sign-ins under way, by `state`. In memory: after a restart the person presses Connect again.

    What is remembered holds the PKCE verifier, so it stays on the server.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._asked: dict[str, _Asked] = {}

    def add(self, owner: str, remembered: Remembered) -> None:
        """Expect an answer in the browser of `owner`."""
        if len(self._asked) >= MOST_AT_ONCE:
            del self._asked[next(iter(self._asked))]
        self._asked[remembered.state] = _Asked(owner, remembered, self._now() + TEN_MINUTES)

    def claim(self, owner: str, state: str) -> Remembered:
        """What was remembered for this answer, once. Raises SignInMismatch."""
        asked = self._asked.get(state)
        if asked is None or asked.owner != owner or asked.until < self._now():
            raise SignInMismatch("No sign-in with this state was begun in this browser.")
        del self._asked[state]
        return asked.remembered
