"""Whether the database server is there; while it is away, one asks for all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flextell.store.port import StoreAway

T = TypeVar("T")

# How long others wait for what the one that asks will hear. A server that refuses or answers does
# it sooner; one that is silent must not keep everybody waiting.
HEARING_SECONDS = 0.25


class Reach:
    """Lets everybody ask a server that was there the last time, and one at a time otherwise."""

    def __init__(self) -> None:
        self._away = False
        self._knocking: asyncio.Future[None] | None = None

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """What the question gets. Raises StoreAway, at once if it is known already."""
        if self._away and self._knocking is not None:
            await asyncio.wait([self._knocking], timeout=HEARING_SECONDS)
            if self._away:
                raise StoreAway
        if self._away:
            return await self._knock(question)
        return await self._noting(question)

    async def _knock(self, question: Callable[[], Awaitable[T]]) -> T:
        self._knocking = heard = asyncio.get_running_loop().create_future()
        try:
            return await self._noting(question)
        finally:
            self._knocking = None
            heard.set_result(None)

    async def _noting(self, question: Callable[[], Awaitable[T]]) -> T:
        try:
            answer = await question()
        except StoreAway:
            self._away = True
            raise
        self._away = False
        return answer
