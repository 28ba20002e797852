"""A map that does not grow without end: what was not used for longest makes room."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """At most so many entries. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, which is used by that."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def keep(self, key: K, make: Callable[[], V]) -> V:
        """The value, made now if there is none: for many callers at once there is one."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                found = self._entries[key] = make()
                if len(self._entries) > self._most:
                    self._entries.popitem(last=False)
            return found
