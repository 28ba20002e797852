"""Compare with other servers: `python -m benchmarks.peers [--seconds N] [--only NAME] [--write]`.

One machine, one run, everybody alike: the server of the moment on core 0; the generator and
PostgreSQL, with every answer durable, on core 1; plain HTTP on loopback; the same requests.
"""

import argparse
import asyncio
import os

from benchmarks.__main__ import GENERATOR_CORE, ROUNDS, SERVER_CORE
from benchmarks.peers.lanes import LANES, started
from benchmarks.peers.table import KINDS, write, written
from benchmarks.peers.turns import measure_all
from benchmarks.postgres import durable_server


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
        results = asyncio.run(
            measure_all(
                servers,
                asked.work or KINDS,
                postgres.cpu_seconds,
                rounds=asked.rounds,
                connections=asked.connections,
                seconds=asked.seconds,
            )
        )
    text = written(results, asked.rounds, asked.connections, asked.seconds)
    print(text)
    if asked.write:
        write(text)


if __name__ == "__main__":
    main()
