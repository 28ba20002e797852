"""Where a server process is between its start and its end."""

import math
import time


class Life:
    """It starts, it serves, it drains, it is over.

    While it drains it still takes requests, but says that it is not ready, so that whoever sends
    them looks for another node in time.
    """

    def __init__(self, drain_seconds: float) -> None:
        self.started = False
        self.draining = False
        self._drain_seconds = drain_seconds
        self._over_at = math.inf

    def leave(self) -> None:
        """Drain, then be over. Asked again, it takes no longer."""
        self._leave_in(self._drain_seconds)

    def end(self) -> None:
        """Be over: take no more requests, answer those that came."""
        self._leave_in(0)

    def is_over(self) -> bool:
        """Whether no more requests are taken."""
        return time.monotonic() >= self._over_at

    def failed(self) -> list[str]:
        """Why no requests should come now; empty if they may."""
        return ["started"] * (not self.started) + ["accepting"] * self.draining

    def _leave_in(self, seconds: float) -> None:
        self.draining = True
        self._over_at = min(self._over_at, time.monotonic() + seconds)
