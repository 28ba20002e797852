"""What befalls nodes and their database while clients go on, and what the clients noticed of it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from statistics import quantiles
from time import monotonic

from flextell.exits import ExitCode
from tests.postgres import PostgresServer
from tests.together.client import seconds_until
from tests.together.cluster import Cluster
from tests.together.load import Load
from tests.together.server import RunningServer

# For how long what was killed or stopped stays away.
AWAY_SECONDS = 0.4
# After each fault everybody goes so many steps before the next.
STEPS = 5
SECONDS_TO_RECOVER = 20

# A fault: it has begun when the context is entered, and what it hit is back when it is left.
Fault = Callable[[Cluster], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def node_killed(cluster: Cluster) -> AsyncIterator[None]:
    """`kill -9` of one of the nodes."""
    node = random.choice(cluster.nodes)
    node.kill()
    try:
        yield
    finally:
        await asyncio.to_thread(node.start)


@asynccontextmanager
async def two_nodes_killed(cluster: Cluster) -> AsyncIterator[None]:
    """`kill -9` of all but one at once."""
    nodes = random.sample(cluster.nodes, 2)
    for node in nodes:
        node.kill()
    try:
        yield
    finally:
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))


@asynccontextmanager
async def node_drained(cluster: Cluster) -> AsyncIterator[None]:
    """SIGTERM, and the end of the process; then it joins again."""
    node = random.choice(cluster.nodes)
    code, _ = await asyncio.to_thread(RunningServer.stop, node)
    assert code == ExitCode.OK
    try:
        yield
    finally:
        await asyncio.to_thread(node.start)


@asynccontextmanager
async def database_stopped(cluster: Cluster) -> AsyncIterator[None]:
    """PostgreSQL cuts everybody off and stops in good order."""
    await cluster.keep(PostgresServer.stop)
    try:
        yield
    finally:
        await cluster.keep(PostgresServer.start)


@asynccontextmanager
async def database_crashed(cluster: Cluster) -> AsyncIterator[None]:
    """PostgreSQL ends at once, and recovers from its log when it starts again."""
    await cluster.keep(PostgresServer.crash)
    try:
        yield
    finally:
        await cluster.keep(PostgresServer.start)


@asynccontextmanager
async def both_crashed(cluster: Cluster) -> AsyncIterator[None]:
    """PostgreSQL ends at once, and with it a node."""
    node = random.choice(cluster.nodes)
    node.kill()
    try:
        async with database_crashed(cluster):
            yield
    finally:
        await asyncio.to_thread(node.start)


FAULTS: dict[str, Fault] = {
    "kill -9 of a node": node_killed,
    "kill -9 of two nodes": two_nodes_killed,
    "SIGTERM to a node": node_drained,
    "PostgreSQL stopped": database_stopped,
    "PostgreSQL crashed": database_crashed,
    "PostgreSQL and a node crashed": both_crashed,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A fault and what clients noticed.

    `recovery_seconds`: from the fault to the last failure; for the database, since it was back.
    """

    fault: str
    asked: int
    failed: Counter[str]
    away_seconds: float
    recovery_seconds: float


async def turn(cluster: Cluster, load: Load, fault: str) -> Turn:
    """Let it happen, mend it, and wait until everybody goes on."""
    began, asked_before = monotonic(), len(load.asked)
    async with FAULTS[fault](cluster):
        await asyncio.sleep(AWAY_SECONDS)
    back = monotonic()
    enough = {name: steps + STEPS for name, steps in load.steps.items()}

    async def all_go_on() -> bool:
        return all(load.steps[name] >= steps for name, steps in enough.items())

    await seconds_until(all_go_on, SECONDS_TO_RECOVER)
    asked = load.asked[asked_before:]
    failed = [each for each in asked if each.failed]
    since = cluster.postgres.started_at if fault.startswith("PostgreSQL") else began
    return Turn(
        fault,
        len(asked),
        Counter(f"{each.what} {each.status or 'cut'}" for each in failed),
        back - began,
        max([0.0, *(each.at - since for each in failed)]),
    )


def table(turns: Iterable[Turn]) -> Iterable[str]:
    """A line for each kind of fault."""
    by_fault = groupby(sorted(turns, key=lambda each: each.fault), lambda each: each.fault)
    for fault, some in by_fault:
        same = list(some)
        asked, failed = sum(one.asked for one in same), sum((one.failed for one in same), Counter())
        yield (
            f"  {fault} ({len(same)}): {failed.total()} of {asked} requests failed "
            f"({', '.join(f'{name}: {count}' for name, count in failed.most_common()) or '-'}), "
            f"away {max(one.away_seconds for one in same):.2f} s, "
            f"the last failure {max(one.recovery_seconds for one in same):.2f} s "
            + ("after PostgreSQL was back" if fault.startswith("PostgreSQL") else "after it")
        )


def summary(load: Load, seconds: float) -> str:
    """What was asked in all, and how long a refresh took with all its repetitions."""
    answered = Counter(each.what for each in load.asked if not each.failed)
    cuts = quantiles(load.waits, n=1000, method="inclusive")
    return (
        f"{seconds:.0f} s: {', '.join(f'{count} {what}' for what, count in answered.items())}; "
        f"{len(load.failed())} failed ({len(load.failed()) / len(load.asked):.2%}); a refresh, "
        f"repeated until answered: median {cuts[499] * 1000:.0f} ms, 99.9 % {cuts[998]:.2f} s, "
        f"longest {max(load.waits):.2f} s; all {len(load.handed_out)} tokens work, "
        "nobody was signed out"
    )
