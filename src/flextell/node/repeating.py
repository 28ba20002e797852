"""Work that a node does again and again: it outlives a bad minute of the database, and a bug."""

import asyncio
from collections.abc import Awaitable, Callable

from flextell import log
from flextell.sources import Sources
from flextell.store.port import StoreUnavailable


async def repeat(
    work: Callable[[], Awaitable[object]], every_seconds: float, sources: Sources
) -> None:
    """Do the work, rest, and so on until cancelled.

    When the store is unavailable the next time will do. A bug is logged with its trace, and the
    work goes on: a node that silently stopped hearing of revocations would be worse.
    """
    while True:
        await asyncio.sleep(every_seconds)
        try:
            await work()
        except StoreUnavailable as reason:
            log.operational("store_unavailable", reason=str(reason))
        except Exception as problem:  # noqa: BLE001 - see above
            log.bug(problem, sources, task=getattr(work, "__qualname__", ""))
