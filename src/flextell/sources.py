"""The clock and the dice: the only two things that make one run differ from another.

Everything else receives the time and the chance it needs as values, so that a rule can be
tested with a literal and a whole server can be run on a clock that a test turns.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sources:
    """Where time and chance come from.

    `now()` gives whole seconds since the epoch (UTC); `random(n)` gives n unpredictable bytes.
    """

    now: Callable[[], int]
    random: Callable[[int], bytes]


def system_now() -> int:
    """Whole seconds since the epoch, UTC."""
    return int(time.time())


SYSTEM = Sources(now=system_now, random=secrets.token_bytes)
