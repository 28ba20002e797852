"""Turns: of the threads of one process, one at a time for each grant."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from flextell_sdk.errors import StoreBusy


class Turns:
    """A lock for each grant that somebody holds or waits for, and none for the others."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[int, str], threading.Lock] = WeakValueDictionary()
        self._looking = threading.Lock()

    @contextmanager
    def turn(self, key: str, wait_seconds: float) -> Iterator[None]:
        """Be the only thread with this key. Raises StoreBusy."""
        with self._looking:
            # In the child of a fork nobody would ever let go of the parent's locks.
            lock = self._locks.setdefault((os.getpid(), key), threading.Lock())
        if not lock.acquire(timeout=wait_seconds):
            raise StoreBusy("Another thread holds these tokens and does not let go.")
        try:
            yield
        finally:
            lock.release()
