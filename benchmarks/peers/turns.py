"""Measure every server at every kind of work, in turns: what the machine does hits all of them."""

import re
from collections.abc import Mapping, Sequence

from benchmarks import work
from benchmarks.measuring import DatabaseClock, Measured, Step, opened
from benchmarks.server import CUSTOMERS, LISTED, Server

_CURSOR = re.compile(rb'"cursor":"[^"]*"')
# Outside the clock: connections, caches and prepared statements are there when it runs.
WARM_UP_SECONDS = 0.3

# By server and kind of work; absent where a server has no such work.
Results = dict[tuple[str, str], Measured]


async def measure_all(
    servers: Mapping[str, Server],
    kinds: Sequence[str],
    database: DatabaseClock,
    *,
    rounds: int,
    connections: int,
    seconds: float,
) -> Results:
    """Round by round, kind by kind, one server after the other.

    Each turn has connections, sessions and chains of its own. Raises Unexpected at the first
    answer that is wrong.
    """
    results: Results = {}
    for number in range(rounds):
        for kind in kinds:
            for name in _order(servers, number):
                async with opened(servers[name], connections, database) as bench:
                    step: Step | None = bench.steps().get(kind)
                    if step is None:
                        continue
                    await bench.measure(Measured(), step, WARM_UP_SECONDS)
                    into = results.setdefault((name, kind), Measured())
                    await bench.measure(into, step, seconds)
    return results


async def check_alike(one: Server, other: Server) -> None:
    """Raises Unexpected unless both APIs give the same answers, but for their own addresses and
    the cursor, which only one has."""
    async with opened(one, 1) as bench, opened(other, 1) as others:
        read = [one.paths.customer.format(id=number) for number in range(1, CUSTOMERS + 1)]
        for path in (one.paths.api, one.paths.customers.format(size=LISTED), *read):
            token = bench.tokens[0]["access_token"]
            answer = await work.call_api(bench.connections[0], path, token)
            theirs = await work.call_api(others.connections[0], path, "")
            answer = _CURSOR.sub(b'"cursor":null', answer)
            if answer.replace(one.issuer.encode(), other.issuer.encode()) != theirs:
                raise work.Unexpected(f"{path} has two answers")


def _order(servers: Mapping[str, Server], number: int) -> list[str]:
    """Every other round the other way round, so that nobody is always after the same one."""
    names = list(servers)
    return names if number % 2 == 0 else names[::-1]
