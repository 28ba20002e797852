"""Does a refresh cost more among more grants? `python -m benchmarks.growth [--grants N ...]`.

A server and a database for each number of living grants, on one machine. Random grants are
refreshed, 16 at a time, on one database after the other in turns, so that a noisy machine is noisy
to all; the median of the rounds is shown. `--sqlite` measures that in place of PostgreSQL.
"""

import argparse
import asyncio
import os
import random
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from hashlib import md5, sha256
from pathlib import Path

from sqlalchemy import Connection as Database
from sqlalchemy import text

from benchmarks import work
from benchmarks.connection import Connection
from benchmarks.postgres import durable_postgres
from benchmarks.server import SCOPE, Server, running
from flextell.settings import DAY, Settings
from flextell.store.opening import database_url, engine, migrate
from tests.postgres import fresh_database

SERVER_CORE, GENERATOR_CORE = 0, 1
CONNECTIONS = 16
ROWS_AT_A_TIME = 50_000  # SQLite's server waits for each of them
WARM_UP_SECONDS = 2.0
WITHIN = 0.15
TOKEN = "flx_refresh_of_grant_"

# How each database counts, digests a token, and makes a name that is like a random one.
SERIES = {
    "postgresql": "generate_series(CAST(:first AS BIGINT), CAST(:last AS BIGINT)) n(i)",
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n "
    "WHERE i < :last) SELECT i FROM n)",
}
DIGEST = {
    "postgresql": f"sha256(convert_to('{TOKEN}' || i, 'UTF8'))",
    "sqlite": "token_digest(i)",
}
NAME = {"postgresql": "substr(md5(i::text), 1, 22)", "sqlite": "grant_name(i)"}
BYTES = {
    "postgresql": "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}


def fill(settings: Settings, client_id: str, rows: int) -> None:
    """So many grants of the client, each of another person, with one refresh token each."""
    now = int(time.time())
    values = {"client_id": client_id, "now": now, "ended": now + 30 * DAY}
    with engine(database_url(settings)).connect() as connection:
        name = connection.dialect.name
        if name == "sqlite":
            _teach(connection)
        for first in range(0, rows, ROWS_AT_A_TIME):
            ends = {"first": first, "last": min(first + ROWS_AT_A_TIME, rows) - 1}
            with connection.begin():
                if name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                for statement in _statements(name):
                    asked = {k: v for k, v in (values | ends).items() if f":{k}" in statement}
                    connection.execute(text(statement), asked)
    if name == "postgresql":
        options = {"isolation_level": "AUTOCOMMIT"}
        with engine(database_url(settings)).connect().execution_options(**options) as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")


def _statements(name: str) -> tuple[str, str]:
    return (
        "INSERT INTO grants (grant_id, client_id, subject, scopes, created_at) "
        f"SELECT {NAME[name]}, :client_id, 'sub-' || i, '{SCOPE}', :now FROM {SERIES[name]}",
        "INSERT INTO refresh_tokens (digest, grant_id, generation, issued_at, expires_at, "
        f"access_scopes, access_expires_at) SELECT {DIGEST[name]}, {NAME[name]}, 0, :now, "
        # Not all at once: as if they had been refreshed over the last weeks.
        f":ended - i % {20 * DAY}, '{SCOPE}', :now FROM {SERIES[name]}",
    )


def _teach(connection: Database) -> None:
    """Give SQLite the functions that it lacks."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.create_function("token_digest", 1, lambda i: sha256(f"{TOKEN}{i}".encode()).digest())
    driver.create_function("grant_name", 1, lambda i: md5(b"%d" % i).hexdigest()[:22])


@dataclass
class Size:
    """A server among so many grants, and what its rounds came to."""

    grants: int
    server: Server
    connections: list[Connection]
    bytes: int
    bought: dict[int, str] = field(default_factory=dict)
    per_second: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    async def measure(self, seconds: float) -> None:
        """Refresh random grants on every connection."""
        began = time.perf_counter()
        busy: set[int] = set()

        async def loop(connection: Connection) -> int:
            done = 0
            while (start := time.perf_counter()) - began < seconds:
                grant = random.choice(range(self.grants))
                if grant in busy:
                    continue
                busy.add(grant)
                token = self.bought.get(grant, f"{TOKEN}{grant}")
                tokens = await work.refresh(connection, self.server, token)
                self.bought[grant] = tokens["refresh_token"]
                busy.remove(grant)
                self.milliseconds.append((time.perf_counter() - start) * 1000)
                done += 1
            return done

        done = sum(await asyncio.gather(*map(loop, self.connections)))
        self.per_second.append(done / (time.perf_counter() - began))

    def forget(self) -> None:
        """The first round is to get warm."""
        self.per_second.clear()
        self.milliseconds.clear()

    def line(self, first: float) -> str:
        """A row of the table."""
        rate = statistics.median(self.per_second)
        cuts = statistics.quantiles(self.milliseconds, n=100)
        return (
            f"| {self.grants:,} | {self.bytes / 2**20:,.0f} | {rate:,.0f} | {rate / first:.2f} "
            f"| {cuts[49]:.1f} | {cuts[98]:.1f} |"
        )


async def run(servers: dict[int, tuple[Server, int]], seconds: float, rounds: int) -> list[Size]:
    """Every size in turns."""
    async with AsyncExitStack() as stack:
        sizes = []
        for grants, (server, taken) in servers.items():
            file = server.ca_file
            context = ssl.create_default_context(cafile=file) if file else None
            connections = [
                await stack.enter_async_context(Connection(server.issuer, context))
                for _ in range(CONNECTIONS)
            ]
            sizes.append(Size(grants, server, connections, taken))
        for size in sizes:
            await size.measure(WARM_UP_SECONDS)
            size.forget()
        for _ in range(rounds):
            for size in sizes:
                await size.measure(seconds)
        return sizes


def filled(stack: ExitStack, grants: int, new_database: Callable[[], str]) -> tuple[Server, int]:
    """A running server among so many grants, and how many bytes they take."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    settings = Settings(data_dir=folder, database=new_database())
    migrate(settings)
    server = stack.enter_context(running(folder, SERVER_CORE, settings.database))
    began = time.perf_counter()
    fill(settings, server.client_id, grants)
    with engine(database_url(settings)).connect() as connection:
        size = int(connection.execute(text(BYTES[connection.dialect.name])).scalar_one())
    print(f"{grants:,} grants made in {time.perf_counter() - began:.0f} s", flush=True)
    return server, size


def main() -> None:
    """Print the table and what it says."""
    parser = argparse.ArgumentParser(description="Refresh among few and among many grants.")
    parser.add_argument("--grants", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
    asked = parser.parse_args()
    with ExitStack() as stack:
        url = "" if asked.sqlite else stack.enter_context(durable_postgres())
        servers = {
            grants: filled(stack, grants, lambda: url and stack.enter_context(fresh_database(url)))
            for grants in asked.grants
        }
        os.sched_setaffinity(0, {GENERATOR_CORE})
        sizes = asyncio.run(run(servers, asked.seconds, asked.rounds))
    first = statistics.median(sizes[0].per_second)
    print(
        f"\n{'SQLite' if asked.sqlite else 'PostgreSQL'}, {CONNECTIONS} in flight, median of "
        f"{asked.rounds} rounds of {asked.seconds:g} s in turns\n"
    )
    print("| living grants | MiB | refreshes/s | of the first | p50 ms | p99 ms |")
    print("| --: | --: | --: | --: | --: | --: |")
    for size in sizes:
        print(size.line(first))
    least = min(statistics.median(size.per_second) for size in sizes) / first
    print(f"\n{'Within' if least >= 1 - WITHIN else 'NOT within'} {WITHIN:.0%}.")


if __name__ == "__main__":
    main()
