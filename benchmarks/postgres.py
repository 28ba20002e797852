"""A PostgreSQL of a run's own, in which every answer is durable and vacuum is at work."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.postgres import running_postgres

# As PostgreSQL comes, but for what every operator gives it: memory, and room for its log.
DURABLE = {
    "autovacuum": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "max_wal_size": "4GB",
    "shared_buffers": "512MB",
    "synchronous_commit": "on",
}


@contextmanager
def durable_postgres(**options: str) -> Iterator[str]:
    """Its URL, by its maintenance database."""
    with running_postgres({**DURABLE, **options}) as url:
        yield url
