"""Count the calls that a piece of work makes, of Python and of C, in every thread.

The same work makes the same calls on a busy machine as on a quiet one. A count sees a statement, a
signature or a layer more; it does not see one call that takes longer.
"""

import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

CALLS = ("call", "c_call")


class CallCounter:
    """Counts while `counting`. Threads that were started before it was made are not seen."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def so_far(self) -> int:
        """How many calls there were. Asking is one itself."""
        return next(self._numbers)

    def _see(self, _frame: FrameType, event: str, _argument: Any) -> None:
        if event in CALLS:
            next(self._numbers)  # not `+= 1`: two threads could count one call then

    @contextmanager
    def counting(self) -> Iterator[None]:
        """See this thread and all that are started from now on."""
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
