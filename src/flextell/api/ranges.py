"""Which bytes of something a request asks for: all, or one stretch of them (RFC 9110 §14)."""

import re
from dataclasses import dataclass

# bytes=first-last, bytes=first-, bytes=-suffix. Several stretches may be answered by all (§14.2).
_ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*")


class NotSatisfiable(Exception):
    """The stretch lies beyond the end (RFC 9110 §15.5.17)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From the byte `start` up to the one before `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.end - self.start


def stretch(asked: str | None, size: int) -> Stretch | None:
    """The stretch of so many bytes that a Range header names; None: all of them.

    A header that is malformed, of another unit or of several stretches is as good as none. Raises
    NotSatisfiable.
    """
    found = None if asked is None else _ONE_RANGE.fullmatch(asked)
    if found is None:
        return None
    first, last, suffix = found.groups()
    if first is None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < start:
            return None
    if start >= size or start == end:
        raise NotSatisfiable
    return Stretch(start, end)
