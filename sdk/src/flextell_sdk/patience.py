"""How long to go on asking a server that does not answer well, and how long to wait between.

Full jitter on exponential steps, so that many who were refused together do not come back together;
what the server asks for in `Retry-After` is respected (RFC 9110 §10.2.3).
"""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

# Whoever answers so may answer better a little later; nothing else is worth a second try.
PASSING = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """`seconds` from the first try to the start of the last; at most so many `attempts`."""

    seconds: float = 30.0
    attempts: int = 8
    first_seconds: float = 0.25
    longest_seconds: float = 8.0

    def pause(
        self, attempt: int, spent: float, asked_for: float | None, chance: float
    ) -> float | None:
        """Seconds to wait after so many attempts; None if it is enough.

        `spent` in seconds so far; `asked_for` is what the server said; `chance` from 0 to below 1.
        """
        if attempt >= self.attempts:
            return None
        longest = min(self.first_seconds * 2 ** (attempt - 1), self.longest_seconds)
        wait = longest * chance + (asked_for or 0.0)
        return wait if spent + wait <= self.seconds else None


USUAL = Patience()
ONCE = Patience(attempts=1)


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for: a number or a date. None if it says neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
