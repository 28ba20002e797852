"""The small world of every test, without the work that only a real network needs."""

from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flextell_sdk import client as client_module
from flextell_sdk.app import App
from flextell_sdk.client import AsyncClient, Client
from flextell_sdk.grant import Grant
from flextell_sdk.wire import Wire
from sdk.tests.world import World, some_trust


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice's world, before she signs in."""
    monkeypatch.setattr(App, "trust", some_trust)
    world = World()
    yield world
    world.settle()


@pytest.fixture
def wire(world: World) -> Iterator[Wire]:
    """A way to the server without a grant."""
    wire = world.wire()
    yield wire
    wire.close()


@pytest.fixture(params=["threads", "tasks"])
def call(
    request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Awaitable[Any]]:
    """`call(grant, method, path, …)`: each test runs with both clients."""
    monkeypatch.setattr(client_module, "asyncio", SimpleNamespace(sleep=world.clock.sleep))

    async def in_threads(grant: Grant, method: str, path: str, **how: Any) -> Any:
        return Client(grant).call(method, path, **how)

    async def in_tasks(grant: Grant, method: str, path: str, **how: Any) -> Any:
        return await AsyncClient(grant).call(method, path, **how)

    return in_threads if request.param == "threads" else in_tasks
