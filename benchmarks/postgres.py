"""A PostgreSQL of a run's own, in which every answer is durable and vacuum is at work."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import processes
from tests.postgres import own_server

# As PostgreSQL comes, but for what every operator gives it: memory, and room for its log.
DURABLE = {
    "autovacuum": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "shared_buffers": "512MB",
    "synchronous_commit": "on",
}


@dataclass(frozen=True, slots=True)
class DurableServer:
    """Its URL, by its maintenance database, and its process."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time that it has used so far, with all its connections."""
        return processes.cpu_seconds(self.pid)


@contextmanager
def durable_server(**options: str) -> Iterator[DurableServer]:
    """It runs on the cores of whoever starts it."""
    with own_server({**DURABLE, **options}) as server:
        yield DurableServer(server.url, server.pid)


@contextmanager
def durable_postgres(**options: str) -> Iterator[str]:
    """Its URL alone."""
    with durable_server(**options) as server:
        yield server.url
