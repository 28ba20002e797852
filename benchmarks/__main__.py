"""Measure one server core: `python -m benchmarks [--seconds N] [--connections N]`.

The server runs on core 0, this generator on core 1. Everything is durable and every feature
is on. The floors are measured in the same run, because machines differ and are noisy: read the
ratios. Each kind of work is measured three times, interleaved; the median is shown.
"""

import argparse
import asyncio
import os
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import floors, work
from benchmarks.connection import Connection
from benchmarks.server import Server, running

SERVER_CORE, GENERATOR_CORE = 0, 1
ROUNDS = 3
CODES_AT_A_TIME = 400

Loop = Callable[[Connection, int, float], Awaitable[list[float]]]


@dataclass
class Measured:
    """What a kind of work came to, round by round."""

    per_second: list[float] = field(default_factory=list)
    per_cpu_second: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """One row of the table."""
        p50, p99 = (statistics.quantiles(self.milliseconds, n=100)[i] for i in (49, 98))
        return (
            f"| {name} | {statistics.median(self.per_second):,.0f} "
            f"| {statistics.median(self.per_cpu_second):,.0f} | {p50:.2f} | {p99:.2f} |"
        )


class Bench:
    """A server, its connections, and one chain of tokens for each."""

    def __init__(self, server: Server, connections: list[Connection], cookie: str) -> None:
        self.server, self.connections, self.cookie = server, connections, cookie
        self.tokens: list[dict[str, str]] = []

    async def begin(self) -> None:
        """A grant for each connection."""
        for connection in self.connections:
            code = await work.new_code(connection, self.server, self.cookie)
            self.tokens.append(await work.exchange(connection, self.server, code))

    async def refresh(self, connection: Connection, index: int) -> None:
        """One step of a chain of rotations."""
        token = self.tokens[index]["refresh_token"]
        self.tokens[index] = await work.refresh(connection, self.server, token)

    async def introspect(self, connection: Connection, index: int) -> None:
        """Ask about the chain's access token."""
        await work.introspect(connection, self.server, self.tokens[index]["access_token"])

    async def call_api(self, connection: Connection, index: int) -> None:
        """Call the API with it."""
        await work.call_api(connection, self.tokens[index]["access_token"])

    async def full_flow(self, connection: Connection, index: int) -> None:
        """A code by a session and remembered consent, exchanged at once."""
        code = await work.new_code(connection, self.server, self.cookie)
        await work.exchange(connection, self.server, code)

    async def measure(
        self, into: Measured, step: Callable[[Connection, int], Awaitable[None]], seconds: float
    ) -> None:
        """Run a step on every connection for some seconds."""
        cpu, began = self.server.cpu_seconds(), time.perf_counter()

        async def loop(connection: Connection, index: int) -> int:
            count = 0
            while (start := time.perf_counter()) - began < seconds:
                await step(connection, index)
                into.milliseconds.append((time.perf_counter() - start) * 1000)
                count += 1
            return count

        counts = await asyncio.gather(*map(loop, self.connections, range(len(self.connections))))
        self._note(into, sum(counts), began, cpu)

    async def measure_exchanges(self, into: Measured, seconds: float) -> None:
        """Exchange codes that were made before the clock ran."""
        spent, count, cpu_spent = 0.0, 0, 0.0
        while spent < seconds:
            codes = await self._codes()
            cpu, began = self.server.cpu_seconds(), time.perf_counter()

            async def loop(connection: Connection, codes: list[str] = codes) -> None:
                while codes:
                    start = time.perf_counter()
                    await work.exchange(connection, self.server, codes.pop())
                    into.milliseconds.append((time.perf_counter() - start) * 1000)

            count += len(codes)
            await asyncio.gather(*map(loop, self.connections))
            spent += time.perf_counter() - began
            cpu_spent += self.server.cpu_seconds() - cpu
        into.per_second.append(count / spent)
        into.per_cpu_second.append(count / cpu_spent)

    async def _codes(self) -> list[str]:
        codes: list[str] = []

        async def loop(connection: Connection) -> None:
            while len(codes) < CODES_AT_A_TIME:
                codes.append(await work.new_code(connection, self.server, self.cookie))

        await asyncio.gather(*map(loop, self.connections))
        return codes

    def _note(self, into: Measured, count: int, began: float, cpu: float) -> None:
        into.per_second.append(count / (time.perf_counter() - began))
        into.per_cpu_second.append(count / (self.server.cpu_seconds() - cpu))


async def run(server: Server, connections: int, seconds: float) -> dict[str, Measured]:
    """Measure every kind of work, in turns."""
    context = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else None
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(Connection(server.issuer, context))
            for _ in range(connections)
        ]
        bench = Bench(server, opened, await work.sign_in(opened[0], server))
        await bench.begin()
        steps = {
            "refresh with rotation": bench.refresh,
            "full code flow (2 requests)": bench.full_flow,
            "introspection": bench.introspect,
            "API call": bench.call_api,
        }
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
    asked = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), SERVER_CORE) as server:
        idle = server.memory_mib()
        print(f"floor: {floors.signatures_per_second():,.0f} ES256 signatures/s")
        for rows in (1, 16):
            rate = floors.commits_per_second(Path(folder), rows)
            print(f"floor: {rate:,.0f} rows/s into SQLite FULL, {rows} a commit")
        results = asyncio.run(run(server, asked.connections, asked.seconds))
        print(f"memory: {idle:.0f} MiB at start, {server.memory_mib():.0f} MiB after")
    print(f"\n{asked.connections} connections over TLS, median of {ROUNDS} rounds\n")
    print("| work | per second | per CPU second | p50 ms | p99 ms |")
    print("| --- | --: | --: | --: | --: |")
    for name, measured in results.items():
        print(measured.line(name))


if __name__ == "__main__":
    main()
