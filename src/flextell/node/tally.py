"""What one process knows of how often each caller asked in one window: values in, counts out.

Its own counts it knows exactly. Those of all other processes it has heard of when it told its own
(see `rate_exchange`), which it does for a key each time that it has counted a whole step of it. So
what is known is never more than the truth, and less by a bounded number.
"""

from collections.abc import Iterable
from itertools import islice

# A flood of keys never seen before must neither fill the memory nor reset the counts of others:
# those beyond this number are not counted in their first window.
MOST_KEYS = 200_000
# A step that is never counted whole: nobody else is there to be told.
ALONE = 2**62


class Tally:
    """The counts of one window. `number` is how many such windows ended before it, since 1970."""

    __slots__ = ("_others", "_own", "_step", "_untold", "number")

    def __init__(self, number: int, step: int) -> None:
        self.number = number
        self._step = step
        self._own: dict[str, int] = {}
        self._others: dict[str, int] = {}
        # In the order in which they came, so that each has its turn.
        self._untold: dict[str, None] = {}

    def count(self, key: str) -> int:
        """Count one more request; say how many there were, as far as it is known."""
        own = self._own.get(key, 0) + 1
        if own > 1 or len(self._own) < MOST_KEYS:
            self._own[key] = own
            if own % self._step == 0:
                self._untold[key] = None
        return own + self._others.get(key, 0)

    def tell(self, most: int) -> dict[str, int]:
        """What others should hear, no more than `most` keys, each with its whole own count."""
        keys = list(islice(self._untold, most))
        for key in keys:
            del self._untold[key]
        return {key: self._own[key] for key in keys}

    def tell_again(self, keys: Iterable[str]) -> None:
        """It is not certain that anybody heard of these."""
        self._untold.update(dict.fromkeys(keys))

    def hear(self, key: str, others: int) -> None:
        """All others told so many. A database that lost its counts makes nobody forget."""
        self._others[key] = max(others, self._others.get(key, 0))
