"""Threads for what must not be stopped half-way: made when there is work, gone when there is none.

Not an executor: that one is joined at the interpreter's end before our work could learn of it.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Runs work in at most so many threads at once; the rest waits for its turn."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._running: set[threading.Thread] = set()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """What will be the result of `work`."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.append(lambda: _run(work, future))
            enough = len(self._running) >= self._most or self._start_another()
        if not enough:
            # The interpreter is about to end and starts no more threads: here, then.
            self._work()
        return future

    def join(self) -> None:
        """Wait until there is nothing more to do."""
        for thread in list(self._running):
            thread.join()

    def _start_another(self) -> bool:
        thread = threading.Thread(target=self._work, name="flextell-sdk")
        try:
            thread.start()
        except RuntimeError:
            return False
        self._running.add(thread)
        return True

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running.discard(threading.current_thread())
                    return
                work = self._waiting.popleft()
            work()


def _run(work: Callable[[], T], future: "Future[T]") -> None:
    try:
        future.set_result(work())
    except BaseException as problem:  # noqa: BLE001 - it is handed to whoever waits
        future.set_exception(problem)
