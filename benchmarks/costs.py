"""What the hot operations cost: calls for each, and CPU time as multiples of a fixed piece of work.

CPU time is measured in turns with that piece in the same process, and the least of many rounds
counts: other work on the machine can only make it more. It does so by half where this process
must share its core, so the part of a core that it was given is told, too.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.calibration import Yardstick
from benchmarks.counting import CallCounter
from benchmarks.operations import Operation, operations, run_together
from tests.postgres import fresh_database, running_postgres

SECONDS_A_TURN = 0.06
OPERATIONS_COUNTED = 50


@dataclass
class Costs:
    """By operation: calls, and CPU time in pieces of work. `share`: of a core, for the latter."""

    calls: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    share: float = 1.0


# Whether these costs need no further round.
Enough = Callable[[Costs], bool]


def measure_all(enough: Enough) -> Costs:
    """The costs on both databases; each is measured round by round until it is enough."""
    costs = Costs()
    for engine in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory() as name, _database(engine) as url:
            one, other = Path(name) / "calls", Path(name) / "cpu"
            one.mkdir()
            other.mkdir()
            costs.calls |= _named(engine, asyncio.run(_calls(one, url())))
            asyncio.run(_cpu(other, url(), engine, costs, enough))
    return costs


@contextmanager
def _database(engine: str) -> Iterator[Callable[[], str]]:
    """What makes the URL of a new database each time."""
    if engine == "SQLite":
        yield lambda: ""
        return
    with running_postgres() as server, fresh_database(server) as one, fresh_database(server) as two:
        yield iter((one, two)).__next__


def _named(engine: str, costs: Mapping[str, float]) -> dict[str, float]:
    return {f"{engine}: {name}": cost for name, cost in costs.items()}


async def _calls(folder: Path, database: str) -> dict[str, float]:
    """Calls of every operation, one after the other: so no two share a commit."""
    counter, found = CallCounter(), dict[str, float]()
    with counter.counting():
        async with operations(folder, database) as made:
            for name, operation in made.table().items():
                await operation(0)
                before = counter.so_far()
                for _ in range(OPERATIONS_COUNTED):
                    await operation(0)
                found[name] = round((counter.so_far() - before) / OPERATIONS_COUNTED)
    return found


async def _cpu(folder: Path, database: str, engine: str, costs: Costs, enough: Enough) -> None:
    """CPU time of every operation, on all chains at once."""
    yardstick, least = Yardstick(), dict[str, float]()
    async with operations(folder, database) as made:
        table = made.table()
        turns = {name: await _turn(operation) for name, operation in table.items()}
        piece = yardstick.microseconds()
        while not least or not enough(costs):
            for name, operation in table.items():
                piece = min(piece, yardstick.microseconds())
                cost = await _microseconds(operation, turns[name])
                least[name] = min(least.get(name, cost), cost)
            ratios = {name: round(cost / piece, 3) for name, cost in least.items()}
            costs.cpu |= _named(engine, ratios)
            costs.share = min(costs.share, yardstick.share())


async def _turn(operation: Operation) -> int:
    """How many times on every chain make a turn; warms up by the way."""
    await run_together(operation, 2)
    began = time.process_time()
    await run_together(operation, 2)
    return max(1, round(2 * SECONDS_A_TURN / (time.process_time() - began)))


async def _microseconds(operation: Operation, each: int) -> float:
    began = time.process_time()
    count = await run_together(operation, each)
    return (time.process_time() - began) / count * 1e6
