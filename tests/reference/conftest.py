"""A node whose reference has an app of its own to sign in with."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.world import World, running_world

DOCS_APP = "0198c0de-0000-7000-8000-00000000d0c5"


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A node for all tests of a module."""
    folder = tmp_path_factory.mktemp("reference")
    async with running_world(folder, docs_client_id=DOCS_APP) as running:
        yield running


@pytest.fixture
async def browser(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of somebody who is not signed in."""
    async with world.browser() as opened:
        yield opened
