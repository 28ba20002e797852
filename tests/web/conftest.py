"""One world a module; in each test Alice and Bob are new, and call from an address of their own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from argon2 import PasswordHasher

from flextell.oauth.model import Client, digest_of
from tests.web.flows import App
from tests.world import GATEWAY, ISSUER, PASSWORD, PHONE, PHOTOS, SECRET, World, running_world

Browsers = Callable[..., httpx2.AsyncClient]
OwnWorld = Callable[..., AbstractAsyncContextManager[World]]

PHOTOS_APP = App(PHOTOS.client_id, PHOTOS.redirect_uris[0], SECRET)
PHONE_APP = App(PHONE.client_id, PHONE.redirect_uris[0])
GATEWAY_APP = App(GATEWAY.client_id, GATEWAY.redirect_uris[0], SECRET)

# With parameters of long ago: a wrong password is told so at once, the right one is hashed anew.
OUTDATED_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Someone:
    """A person who was added for one test."""

    person_id: int
    subject: str
    email: str
    name: str


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A node for all tests of a module. Its clock only ever goes on."""
    async with running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def own_world(tmp_path_factory: pytest.TempPathFactory) -> OwnWorld:
    """Start a node of the test's own: `async with own_world(require_pkce=True) as world`."""
    return partial(running_world, tmp_path_factory.mktemp("own"))


@pytest.fixture
async def new_browser(world: World) -> AsyncIterator[Browsers]:
    """Open browsers on the module's world, or on another; each test has its own address."""
    opened = []
    usual = f"2001:db8:{next(_numbers):x}::1"  # a /64 each: that is what is counted

    def open_browser(on: World = world, address: str = usual) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(on.app, client=(address, 4711))
        opened.append(httpx2.AsyncClient(transport=transport, base_url=ISSUER))
        return opened[-1]

    yield open_browser
    for browser in opened:
        await browser.aclose()


@pytest.fixture
def browser(new_browser: Browsers) -> httpx2.AsyncClient:
    """A browser with no cookies."""
    return new_browser()


@pytest.fixture
def alice(world: World) -> Someone:
    """Alice, who has agreed to nothing yet."""
    return add_person(world, "Alice")


@pytest.fixture
def bob(world: World) -> Someone:
    """Bob, who has agreed to nothing yet."""
    return add_person(world, "Bob")


def add_person(world: World, name: str) -> Someone:
    """Add somebody whose password is `world.PASSWORD`."""
    number = next(_numbers)
    subject, email = f"sub-{name.lower()}-{number}", f"{name.lower()}-{number}@example.com"
    person = world.parts.store.at_once(
        lambda unit: unit.people.add(
            subject=subject,
            email=email,
            name=name,
            password_hash=OUTDATED_HASH,
            now=world.clock.now,
        )
    )
    return Someone(person.person_id, subject, email, name)


def add_app(
    world: World, like: Client = PHOTOS, secret: str | None = SECRET, **changed: Any
) -> App:
    """Register an app that differs from another in what is given."""
    client = replace(
        like,
        client_id=changed.pop("client_id", str(uuid4())),
        secret_digest=digest_of(secret) if secret is not None else None,
        **changed,
    )
    world.parts.store.at_once(lambda unit: unit.clients.add(client))
    return App(client.client_id, client.redirect_uris[0], secret)
