"""Password hashing beside the event loop, bounded so that a storm of sign-ins starves nobody.

A hash takes about 22 ms of one core and 19 MiB. A few run at once, a bounded number waits, and
one more is turned away: refreshes and API calls keep the rest of the machine.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class TooManySignIns(Exception):
    """So many people are signing in that waiting would take too long."""


class PasswordHashing:
    """A few threads that hash, and a queue with an end."""

    def __init__(self, workers: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="hash")
        self._most = workers + queue
        self._inside = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Run something that hashes. Raises TooManySignIns at once if the queue is full."""
        if self._inside >= self._most:
            raise TooManySignIns
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside -= 1

    def inside(self) -> int:
        """How many hashes run or wait."""
        return self._inside

    def close(self) -> None:
        """Stop the threads once the running hashes are done."""
        self._threads.shutdown(wait=False, cancel_futures=True)
