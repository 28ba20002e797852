"""Servers for tests: one that all share, and as many of their own as a test wants to start."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import fresh_database
from tests.together.server import App, RunningServer

Start = Callable[..., RunningServer]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server that knows Alice. Shared: do not stop it or revoke others' tokens."""
    shared = RunningServer(tmp_path_factory.mktemp("together") / "data")
    shared.create_person()
    shared.start()
    yield shared
    shared.stop()


@pytest.fixture(scope="session")
def photos(server: RunningServer) -> App:
    """An app of the shared server that keeps a secret."""
    return server.create_app()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server of this test's own, the first one knowing Alice; killed at the end.

    Takes what `RunningServer` takes; the data directory is `data` unless it is given.
    """
    with ExitStack() as stack:

        def start(
            data_dir: Path = tmp_path / "data", alice: bool = True, **options: Any
        ) -> RunningServer:
            own = RunningServer(data_dir, **options)
            stack.callback(own.kill)
            if alice:
                own.command("migrate")
                own.create_person()
            return own.start()

        yield start


@pytest.fixture(scope="module")
def module_postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that the tests of a module share."""
    with fresh_database(postgres_url) as url:
        yield url
