"""What is to be delivered to a webhook, and when it is tried again.

A delivery is tried until it is answered 2xx. So it comes at least once, perhaps twice, always with
the same id; deliveries that had to be tried again may overtake each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import orjson

GONE = 410
# After the first try, and each one after it; then it has failed.
RETRY_AFTER_SECONDS = (5, 30, 120, 600, 3600, 21_600)
# So much longer at the most: what failed together does not come back together.
JITTER = 0.25

KEPT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery that a node has taken on. `attempts` counts the try that it is for."""

    delivery_id: int
    tenant_id: int
    channel_id: int
    kind: str
    body: str
    attempts: int
    created_at: int

    @property
    def webhook_id(self) -> str:
        """The same for every try. The time keeps it unique if a restored database counts anew."""
        return f"msg_{self.delivery_id}_{self.created_at}"


class End(Enum):
    """What a try comes to."""

    DONE = "done"
    AGAIN = "again"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try; `after_seconds` is for `AGAIN`."""

    end: End
    after_seconds: int = 0


def outcome(status: int | None, attempts: int, chance: float) -> Outcome:
    """What a status, or no answer (None), means after so many tries; `chance` is in [0, 1)."""
    if status is not None and 200 <= status < 300:
        return Outcome(End.DONE)
    if status == GONE:
        return Outcome(End.GONE)
    if attempts > len(RETRY_AFTER_SECONDS):
        return Outcome(End.FAILED)
    wait = RETRY_AFTER_SECONDS[attempts - 1]
    return Outcome(End.AGAIN, wait + int(wait * JITTER * chance))


def body_of(kind: str, data: Mapping[str, Any], now: int) -> str:
    """The body of a webhook as Standard Webhooks recommends it."""
    moment = datetime.fromtimestamp(now, UTC)
    content = {"type": kind, "timestamp": moment, "data": dict(data)}
    return orjson.dumps(content, option=orjson.OPT_UTC_Z).decode()
