"""A clock that moves only when a test moves it, and dice of which a test knows how they fall."""

import hashlib
import threading
from itertools import count

from flextell_sdk.sources import Sources

NOON = 1_750_000_000.0


class Clock:
    """The true time. `pauses` are those that anyone took; each moved the clock, and took no time.

    `jumped` is how far the clocks of programs were set wrong since they started, in seconds.
    """

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.jumped = 0.0
        self._passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since 1970."""
        return NOON + self._passed

    def move(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._passed += seconds

    def pause(self, seconds: float) -> None:
        """Wait without waiting."""
        self.pauses.append(seconds)
        self.move(seconds)

    async def sleep(self, seconds: float) -> None:
        """As `pause`, for tasks."""
        self.pause(seconds)

    def sources(self, *, wrong_by: float = 0.0, chance: float = 0.5) -> Sources:
        """What a program is given whose own clock is wrong by so many seconds."""
        numbers = count()
        return Sources(
            now=lambda: self.now() + wrong_by + self.jumped,
            monotonic=lambda: self._passed,
            secret=lambda length: hashlib.shake_128(b"%d" % next(numbers)).digest(length),
            fraction=lambda: chance,
            pause=self.pause,
        )
