"""Rate limits of several workers, which hold for all of them together."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path
from time import time

import pytest

from benchmarks.connection import Connection
from flextell.settings import Settings
from flextell.store.opening import migrate
from tests.figures import Note
from tests.together.conftest import Start

pytestmark = pytest.mark.anyio

WORKERS = 3
LIMIT = 1000
METADATA = "/.well-known/oauth-authorization-server"

Told = tuple[int, int]
"""When the window ends, and the status."""


async def ask_until_refused(connection: Connection) -> Counter[Told]:
    """Ask one worker as fast as it answers; what it answered in each window."""
    answers: Counter[Told] = Counter()
    while True:
        reply = await connection.send(connection.get(METADATA))
        ends = int(reply.header("x-ratelimit-reset"))
        assert 0 <= int(reply.header("x-ratelimit-remaining")) < LIMIT
        answers[ends, reply.status] += 1
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            assert 0 <= ends - time() - int(reply.header("retry-after")) + 1 < 3
            return answers


@pytest.fixture
def settings(fresh_postgres_database: str, tmp_path: Path) -> Settings:
    """Settings that name an empty database."""
    return Settings(data_dir=tmp_path, database=fresh_postgres_database)


async def test_several_workers_let_an_address_through_as_often_as_one_would(
    start: Start, settings: Settings, note: Note
) -> None:
    """RFC 6585 §4. Each counting for itself, they would let through three times the limit."""
    migrate(settings)
    node = start(
        alice=False,
        database=settings.database,
        workers=WORKERS,
        page_requests_per_window=LIMIT,
        rate_limit_exchange_milliseconds=20,
    )
    async with AsyncExitStack() as stack:
        # Opened one after another, they go to one worker after another.
        connections = [
            await stack.enter_async_context(node.connection(node.trust())) for _ in range(WORKERS)
        ]
        each = await asyncio.gather(*map(ask_until_refused, connections))

    answers = sum(each, Counter[Told]())
    newest = max(ends for ends, _ in answers)
    allowed = answers[newest, HTTPStatus.OK]
    assert LIMIT <= allowed < 2 * LIMIT
    note(f"{WORKERS} workers let through {allowed} requests where {LIMIT} are the limit")
