"""Refreshes while people sign in: `python -m benchmarks.storm [--database postgresql]`.

Refreshes run on 16 connections all the time, and meanwhile, every other turn, people sign in on
four more as fast as the server hashes passwords (Argon2id). The server has one core for both.
"""

import argparse
import asyncio
import os
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from benchmarks import work
from benchmarks.__main__ import GENERATOR_CORE, OURS_HAS, ROUNDS, SERVER_CORE, own_database
from benchmarks.connection import Connection
from benchmarks.measuring import Bench, Measured, opened
from benchmarks.server import PLAIN_HTTP, Server, running

CONNECTIONS = 16
# More than the server hashes at once, so that there is always one that waits.
PEOPLE = 4


class Crowd:
    """People who sign in again and again, each time with a new browser."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.signed_in = 0

    async def storm(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as people:
            for _ in range(PEOPLE):
                people.create_task(self._person())

    async def _person(self) -> None:
        async with Connection(self._server.issuer, None) as connection:
            while True:
                await work.sign_in(connection, self._server)
                self.signed_in += 1


async def run(server: Server, seconds: float) -> dict[str, Measured]:
    """Refreshes without and with the storm, in turns; prints how many signed in."""
    results = {"quiet": Measured(), "sign-in storm": Measured()}
    crowd = Crowd(server)
    async with AsyncExitStack() as stack:
        bench = await stack.enter_async_context(opened(server, CONNECTIONS))
        for _ in range(ROUNDS):
            await bench.measure(results["quiet"], bench.refresh, seconds)
            await _measure_in_storm(bench, results["sign-in storm"], crowd, seconds)
    print(f"sign-ins: {crowd.signed_in / seconds / ROUNDS:.1f} a second")
    return results


async def _measure_in_storm(bench: Bench, into: Measured, crowd: Crowd, seconds: float) -> None:
    storm = asyncio.create_task(crowd.storm())
    try:
        await bench.measure(into, bench.refresh, seconds)
    finally:
        storm.cancel()
        with suppress(asyncio.CancelledError):
            await storm


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure refreshes while people sign in.")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn")
    parser.add_argument("--database", choices=OURS_HAS, default="sqlite")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    with (
        tempfile.TemporaryDirectory() as name,
        own_database(asked.database, Path(name)) as (url, _),
        running(Path(name), SERVER_CORE, url, PLAIN_HTTP) as server,
    ):
        results = asyncio.run(run(server, asked.seconds))
    print(f"\n{CONNECTIONS} connections, {OURS_HAS[asked.database]}\n")
    print("| refreshes | per second | per CPU second | p50 ms | p99 ms |")
    print("| --- | --: | --: | --: | --: |")
    for name, measured in results.items():
        print(measured.line(name))
    quiet, storm = (measured.percentile(99) for measured in results.values())
    print(f"\nThe p99 in the storm is {storm / quiet:.2f} times the quiet one.")


if __name__ == "__main__":
    main()
