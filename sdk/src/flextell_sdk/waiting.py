"""Wait for a thread's result on an event loop, without being able to stop the thread."""

import asyncio
import contextlib
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def arrival(future: Future[T]) -> T:
    """The future's result. Cancelled, only the waiting ends: what the thread does, it does.

    (`asyncio.wrap_future` would pass the cancellation on to all who wait for the same result.)
    """
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()

    def wake(_: Future[T]) -> None:
        # A loop that was closed meanwhile waits for nothing any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(arrived.set)

    future.add_done_callback(wake)
    await arrived.wait()
    return future.result()
