"""Upgrade a database under load: `python -m benchmarks.upgrade [--rows N] [--sqlite]`.

Fills a table of refresh tokens, refreshes on 16 connections all the time, and meanwhile runs the
migration of `tests/store/versions/next`: a column more, filled in every row, and an index over it.
The server has core 0; generator and migrator share core 1, and PostgreSQL takes what is left.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy import text

from benchmarks.__main__ import GENERATOR_CORE, SERVER_CORE
from benchmarks.connection import Connection
from benchmarks.measuring import Bench, opened
from benchmarks.postgres import durable_postgres
from benchmarks.server import Server, running
from flextell.progress import Progress
from flextell.settings import Settings
from flextell.store import standing
from flextell.store.migrating import VERSIONS
from flextell.store.opening import database_url, engine, migrate
from tests.postgres import fresh_database

NEXT = Path(__file__).parents[1] / "tests" / "store" / "versions" / "next"
NEXT_HEAD = "9998_since_0003"
CONNECTIONS = 16
QUIET_SECONDS = 10.0
TOKENS_A_GRANT = 10
ROWS_AT_A_TIME = 200_000
LATER = 2_000_000_000

GRANTS = {
    "postgresql": "INSERT INTO grants (grant_id, client_id, subject, scopes, created_at) "
    "SELECT 'grant-' || i, 'photos', 'sub-alice', 'account:read customers:read', 1 "
    "FROM generate_series(CAST(:first AS BIGINT), CAST(:last AS BIGINT)) i",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
    "INSERT INTO grants (grant_id, client_id, subject, scopes, created_at) "
    "SELECT 'grant-' || i, 'photos', 'sub-alice', 'account:read customers:read', 1 FROM n",
}
_TOKENS = (
    "INSERT INTO refresh_tokens (digest, grant_id, generation, issued_at, expires_at, "
    "access_scopes, access_expires_at, sealed) "
)
TOKENS = {
    "postgresql": _TOKENS + "SELECT sha256(CAST('a' || i AS BYTEA)), "
    f"'grant-' || (i / {TOKENS_A_GRANT}), i % {TOKENS_A_GRANT}, 1, {LATER}, "
    "'account:read customers:read', 1, sha256(CAST('b' || i AS BYTEA)) "
    "|| sha256(CAST('c' || i AS BYTEA)) || substr(sha256(CAST('d' || i AS BYTEA)), 1, 19) "
    "FROM generate_series(CAST(:first AS BIGINT), CAST(:last AS BIGINT)) i",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
    + _TOKENS
    + f"SELECT randomblob(32), 'grant-' || (i / {TOKENS_A_GRANT}), i % {TOKENS_A_GRANT}, "
    f"1, {LATER}, 'account:read customers:read', 1, randomblob(83) FROM n",
}


@dataclass
class Load:
    """Refreshes on every connection, and how long each took, by when it ended."""

    latencies: list[tuple[float, float]] = field(default_factory=list)
    stopping: bool = False

    async def refresh(self, bench: Bench) -> None:
        """Until it is stopped."""

        async def loop(connection: Connection, index: int) -> None:
            while not self.stopping:
                began = time.perf_counter()
                await bench.refresh(connection, index)
                self.latencies.append((time.perf_counter(), time.perf_counter() - began))

        await asyncio.gather(*map(loop, bench.connections, range(len(bench.connections))))

    def line(self, name: str, begin: float, end: float) -> str:
        """A row of the table: what happened between two moments."""
        taken = [1000 * took for at, took in self.latencies if begin <= at < end]
        cuts = statistics.quantiles(taken, n=1000)
        return (
            f"| {name} | {end - begin:.1f} | {len(taken) / (end - begin):,.0f} "
            f"| {cuts[499]:.1f} | {cuts[989]:.1f} | {cuts[998]:.1f} | {max(taken):.0f} |"
        )


def fill(settings: Settings, rows: int) -> None:
    """So many refresh tokens of grants that nobody uses."""
    with engine(database_url(settings)).connect() as connection:
        name = connection.dialect.name
        for first in range(0, rows, ROWS_AT_A_TIME):
            last = min(first + ROWS_AT_A_TIME, rows) - 1
            with connection.begin():
                if name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                grants = {"first": first // TOKENS_A_GRANT, "last": last // TOKENS_A_GRANT}
                connection.execute(text(GRANTS[name]), grants)
                connection.execute(text(TOKENS[name]), {"first": first, "last": last})
    if name == "postgresql":
        options = {"isolation_level": "AUTOCOMMIT"}
        with engine(database_url(settings)).connect().execution_options(**options) as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def migrate_next(data_dir: str, database: str) -> None:
    """The migrator's process."""
    standing.HEAD = NEXT_HEAD
    told: dict[str, float] = {}

    def report(progress: Progress) -> None:
        if progress.step not in told:
            told[progress.step] = time.perf_counter()

    began = time.perf_counter()
    settings = Settings(data_dir=Path(data_dir), database=database)
    migrate(settings, report, (*VERSIONS, NEXT))
    print(f"the first step began after {next(iter(told.values())) - began:.2f} s")
    moments = pairwise((*told.values(), time.perf_counter()))
    for step, (begin, end) in zip(told, moments, strict=True):
        print(f"{step}: {end - begin:.1f} s")


async def run(server: Server, data_dir: Path, database: str) -> None:
    """Measure before, during and after."""
    async with opened(server, CONNECTIONS) as bench:
        load = Load()
        task = asyncio.create_task(load.refresh(bench))
        moments = [time.perf_counter()]
        await asyncio.sleep(QUIET_SECONDS)
        moments.append(time.perf_counter())
        migrator = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.upgrade", "--migrate", data_dir, database)
        )
        if await migrator.wait() != 0:
            raise RuntimeError("the migration failed")
        moments.append(time.perf_counter())
        await asyncio.sleep(QUIET_SECONDS)
        moments.append(time.perf_counter())
        load.stopping = True
        await task
    print("\n| | seconds | refreshes/s | p50 ms | p99 ms | p99.9 ms | longest ms |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for name, (begin, end) in zip(
        ("before", "meanwhile", "afterwards"), pairwise(moments), strict=True
    ):
        print(load.line(name, begin, end))


@contextmanager
def database_of(kind: str) -> Iterator[str]:
    """The URL of an empty database, "" for the embedded one."""
    with ExitStack() as stack:
        if kind == "sqlite":
            yield ""
        else:
            yield stack.enter_context(fresh_database(stack.enter_context(durable_postgres())))


def main() -> None:
    """Print how long it took and what the others noticed."""
    parser = argparse.ArgumentParser(description="Upgrade a database under load.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
    parser.add_argument("--migrate", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.migrate:
        return migrate_next(*asked.migrate)
    kind = "sqlite" if asked.sqlite else "postgresql"
    with tempfile.TemporaryDirectory() as name, database_of(kind) as database:
        folder = Path(name)
        settings = Settings(data_dir=folder, database=database)
        migrate(settings)
        began = time.perf_counter()
        fill(settings, asked.rows)
        print(
            f"{asked.rows:,} refresh tokens on {kind}, made in {time.perf_counter() - began:.0f} s"
        )
        os.sched_setaffinity(0, {GENERATOR_CORE})
        with running(folder, SERVER_CORE, database) as server:
            asyncio.run(run(server, folder, database))
    return None


if __name__ == "__main__":
    main()
