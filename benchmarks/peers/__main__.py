"""Compare with other servers: `python -m benchmarks.peers [--seconds N] [--only NAME] [--write]`.

One machine, one run, everybody alike: the server of the moment on core 0; the generator and
PostgreSQL, with every answer durable, on core 1; plain HTTP on loopback; the same requests.
"""

import argparse
import asyncio
import os
from collections.abc import Mapping

from benchmarks.__main__ import GENERATOR_CORE, ROUNDS, SERVER_CORE
from benchmarks.measuring import DatabaseClock
from benchmarks.peers.lanes import BARE, LANES, OURS, started
from benchmarks.peers.table import KINDS, write, written
from benchmarks.peers.turns import Results, check_alike, measure_all
from benchmarks.postgres import durable_server
from benchmarks.server import Server


async def run(
    servers: Mapping[str, Server], database: DatabaseClock, asked: argparse.Namespace
) -> Results:
    """See that what is compared is alike, and measure."""
    if OURS in servers and BARE in servers:
        await check_alike(servers[OURS], servers[BARE])
    return await measure_all(
        servers,
        asked.work or KINDS,
        database,
        rounds=asked.rounds,
        connections=asked.connections,
        seconds=asked.seconds,
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Compare Flextell with other servers.")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", action="append", choices=LANES, help="this server; repeatable")
    parser.add_argument("--work", action="append", choices=KINDS, help="this work; repeatable")
    parser.add_argument("--write", action="store_true", help="put it into the README")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    with (
        durable_server() as postgres,
        started(asked.only or list(LANES), SERVER_CORE, postgres.url) as servers,
    ):
        results = asyncio.run(run(servers, postgres.cpu_seconds, asked))
    text = written(results, asked.rounds, asked.connections, asked.seconds)
    print(text)
    if asked.write:
        write(text)


if __name__ == "__main__":
    main()
