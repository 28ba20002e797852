"""The clock, the dice and the pause: the only place that touches them, replaceable in tests."""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sources:
    """Where time and chance come from.

    `now` in seconds since 1970; `monotonic` in seconds since any moment; `secret` makes so many
    random bytes; `fraction` a number from 0 to below 1 that need not be secret; `pause` waits so
    many seconds.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    secret: Callable[[int], bytes] = secrets.token_bytes
    fraction: Callable[[], float] = random.random
    pause: Callable[[float], None] = time.sleep


SYSTEM = Sources()
