"""Sweep as fast as rows expire, in bites so small that nobody waits for long behind one.

A batch that was full is followed by another one after a short rest. Who is still behind after many
of them takes bigger bites; a batch that was not full ends it. So the rate follows the rate at
which rows were written, whatever it was.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import repeat

from flextell.metrics import SWEPT, Metrics
from flextell.store.port import Store, Unit

EVERY_SECONDS = 1.0
# On SQLite everybody who writes waits for a batch: a few milliseconds.
LEAST_ROWS, MOST_ROWS = 100, 800
BATCHES_OF_A_SIZE = 64
REST_SECONDS = 0.01


async def sweep(store: Store, now: int, numbers: Metrics) -> None:
    """Delete what has expired at `now`; what another node deletes meanwhile is left to it."""
    for rows in bites():
        swept = await store.write(partial(_sweep, now=now, most=rows))
        numbers.count(SWEPT, by=swept)
        if swept < rows:
            return
        await asyncio.sleep(REST_SECONDS)


def _sweep(unit: Unit, now: int, most: int) -> int:
    return unit.sweep(now, most)


def bites() -> Iterator[int]:
    """How many rows to delete at once: more when it takes long."""
    rows = LEAST_ROWS
    while rows < MOST_ROWS:
        yield from repeat(rows, BATCHES_OF_A_SIZE)
        rows *= 2
    yield from repeat(MOST_ROWS)
