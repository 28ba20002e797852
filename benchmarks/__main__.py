"""Measure one server core: `python -m benchmarks [--database postgresql] [--seconds N]`.

The server runs on core 0, this generator on core 1, and PostgreSQL, if it is asked for, beside the
generator. Everything is durable and every feature is on. The floors are measured in the same run,
because machines differ and are noisy: read the ratios. Each kind of work is measured three times,
interleaved; the median is shown.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import floors
from benchmarks.measuring import DatabaseClock, Measured, no_database, opened
from benchmarks.postgres import durable_server
from benchmarks.server import Server, running
from flextell.settings import Settings
from flextell.store.opening import migrate
from tests.postgres import fresh_database

SERVER_CORE, GENERATOR_CORE = 0, 1
ROUNDS = 3
OURS_HAS = {"sqlite": "SQLite with synchronous=FULL", "postgresql": "PostgreSQL"}


@contextmanager
def own_database(kind: str, folder: Path) -> Iterator[tuple[str, DatabaseClock]]:
    """The URL of an empty, migrated database, "" for the embedded one, and its CPU clock."""
    if kind == "sqlite":
        yield "", no_database
        return
    with durable_server() as server, fresh_database(server.url) as url:
        migrate(Settings(data_dir=folder, database=url))
        yield url, server.cpu_seconds


async def run(
    server: Server, database: DatabaseClock, connections: int, seconds: float
) -> dict[str, Measured]:
    """Measure every kind of work, in turns."""
    async with opened(server, connections, database) as bench:
        steps = bench.steps()
        results = {name: Measured() for name in [*steps, "code exchange"]}
        for _ in range(ROUNDS):
            for name, step in steps.items():
                await bench.measure(results[name], step, seconds)
            await bench.measure_exchanges(results["code exchange"], seconds)
        return results


def main() -> None:
    """Print the floors and the table."""
    parser = argparse.ArgumentParser(description="Measure Flextell on one core.")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--database", choices=OURS_HAS, default="sqlite")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    with (
        tempfile.TemporaryDirectory() as name,
        own_database(asked.database, Path(name)) as (url, database),
        running(Path(name), SERVER_CORE, url) as server,
    ):
        idle = server.memory_mib()
        print(f"floor: {floors.signatures_per_second():,.0f} ES256 signatures/s")
        for rows in (1, 16):
            rate = floors.commits_per_second(Path(name), rows)
            print(f"floor: {rate:,.0f} rows/s into SQLite FULL, {rows} a commit")
        results = asyncio.run(run(server, database, asked.connections, asked.seconds))
        print(f"memory: {idle:.0f} MiB at start, {server.memory_mib():.0f} MiB after")
    print(
        f"\n{asked.connections} connections over TLS, {OURS_HAS[asked.database]}, "
        f"median of {ROUNDS} rounds\n"
    )
    print("| work | per second | per CPU second | p50 ms | p99 ms |")
    print("| --- | --: | --: | --: | --: |")
    for name, measured in results.items():
        print(measured.line(name))


if __name__ == "__main__":
    main()
