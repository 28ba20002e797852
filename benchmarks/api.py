"""The API beside the same two endpoints in bare Starlette: `python -m benchmarks.api [--write]`.

Reading one customer and listing 50, on the same rows of one PostgreSQL, in turns in one run. The
servers have core 0, of which one is idle; the generator and PostgreSQL share core 1.
"""

import argparse
import asyncio
import os
import platform
import time
from importlib.metadata import version

from benchmarks.__main__ import GENERATOR_CORE, ROUNDS, SERVER_CORE
from benchmarks.peers import table
from benchmarks.peers.lanes import BARE, OURS, started
from benchmarks.peers.turns import Results, check_alike, measure_all
from benchmarks.postgres import DurableServer, durable_server
from benchmarks.server import Server

BEGIN, END = "<!-- api: begin -->", "<!-- api: end -->"
KINDS = ("read a customer", "list 50 customers")
PACKAGES = ("starlette", "uvicorn", "psycopg")


async def run(
    servers: dict[str, Server], postgres: DurableServer, asked: argparse.Namespace
) -> Results:
    """See that the answers are alike, and measure."""
    await check_alike(servers[OURS], servers[BARE])
    return await measure_all(
        servers,
        KINDS,
        postgres.cpu_seconds,
        rounds=asked.rounds,
        connections=asked.connections,
        seconds=asked.seconds,
    )


def written(results: Results, asked: argparse.Namespace) -> str:
    """The tables."""
    with_what = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"{time.strftime('%d %B %Y')}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, {with_what}.",
            f"{asked.connections} connections, medians of {asked.rounds} rounds of "
            f"{asked.seconds:g} seconds, {table.RATE_AND_CPU}.",
            "",
            *table.rates(results),
            "",
            *table.ratios(results),
            "",
            *table.details(results),
        ]
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Compare our API with bare Starlette.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--write", action="store_true", help="put it into the README")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    with durable_server() as postgres, started([OURS, BARE], SERVER_CORE, postgres.url) as servers:
        results = asyncio.run(run(servers, postgres, asked))
    text = written(results, asked)
    print(text)
    if asked.write:
        table.write(text, BEGIN, END)


if __name__ == "__main__":
    main()
