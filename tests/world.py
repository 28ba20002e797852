"""A small world for tests: a clock that is turned by hand, a node in memory, Alice and her apps."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp

from flextell import app as wiring
from flextell.accounts import passwords
from flextell.metrics import Metrics, StoreWatch
from flextell.node import file_sweeping
from flextell.oauth import scopes
from flextell.oauth.model import Client, digest_of
from flextell.parts import Parts
from flextell.settings import Settings
from flextell.sources import SYSTEM, Sources
from flextell.store.opening import migrate, open_store
from flextell.store.port import Unit

ISSUER = "https://localhost:8443"
NOON = 1_795_435_200
"""A Monday in November 2026, in seconds since the epoch."""

PASSWORD = "correct horse battery staple"
PASSWORD_HASH = passwords.new_hash(PASSWORD)
SECRET = "s3cret" * 7

PHOTOS = Client(
    client_id="0198c0de-0000-7000-8000-000000000001",
    name="Photos",
    publisher="Picture People Ltd",
    homepage_url="https://photos.example",
    redirect_uris=("https://photos.example/callback", "http://127.0.0.1/callback"),
    scopes=scopes.parse("openid account:read customers:read customers:write"),
    default_scopes=scopes.parse("account:read customers:read"),
    secret_digest=digest_of(SECRET),
    created_at=NOON - 86_400,
)
PHONE = Client(
    client_id="0198c0de-0000-7000-8000-000000000002",
    name="Phone",
    redirect_uris=("com.example.flutter_application_flextell_case://oauth-callback",),
    scopes=scopes.parse("openid profile email offline_access customers:read"),
    default_scopes=scopes.parse("customers:read"),
    secret_digest=None,
    created_at=NOON - 86_400,
)
GATEWAY = Client(
    client_id="0198c0de-0000-7000-8000-000000000003",
    name="Gateway",
    redirect_uris=("https://gateway.example/callback",),
    scopes=scopes.parse("account:read"),
    default_scopes=scopes.parse("account:read"),
    secret_digest=digest_of(SECRET),
    may_introspect=True,
    created_at=NOON - 86_400,
)
ALICE = "alice@example.com"
BOB = "bob@example.com"


@dataclass
class Clock:
    """Time as a test wants it."""

    now: int = NOON

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds

    def sources(self) -> Sources:
        """This clock with real dice."""
        return Sources(now=lambda: self.now, random=SYSTEM.random)


@dataclass
class World:
    """A node on a database of its own, and the clock it runs by."""

    parts: Parts
    app: ASGIApp
    clock: Clock

    async def remove_files(self) -> None:
        """Remove the bytes that no file needs by now, as a node does again and again."""
        await file_sweeping.remove_due(
            self.parts.store, self.parts.file_room, self.parts.sources.now()
        )

    def browser(self, **options: Any) -> httpx2.AsyncClient:
        """A client with a cookie jar of its own that does not follow redirects."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app), base_url=ISSUER, **options
        )


def seed(unit: Unit) -> None:
    """Alice, Bob, and three apps: Photos keeps a secret, Phone cannot, Gateway may introspect."""
    for client in (PHOTOS, PHONE, GATEWAY):
        unit.clients.add(client)
    for subject, email, name in (("sub-alice", ALICE, "Alice"), ("sub-bob", BOB, "Bob")):
        unit.people.add(
            subject=subject, email=email, name=name, password_hash=PASSWORD_HASH, now=NOON
        )


def build_world(folder: Path, database: str = "", **changed: Any) -> World:
    """A node on a new database, seeded; not yet running (see `running_world`)."""
    settings = Settings(
        data_dir=folder, issuer=ISSUER, database=database, log_level="error", **changed
    )
    clock = Clock()
    sources = clock.sources()
    migrate(settings)
    numbers = Metrics()
    store = open_store(settings, StoreWatch(numbers))
    store.at_once(seed)
    master_key = wiring.open_master_key(settings, sources, store)
    parts = wiring.build_parts(settings, sources, store, master_key, numbers)
    return World(parts, wiring.application(parts), clock)


@asynccontextmanager
async def running_world(
    folder: Path, database: str = "", prepare: Callable[[Unit], None] | None = None, **changed: Any
) -> AsyncIterator[World]:
    """A node with its background tasks, closed at the end."""
    world = build_world(folder, database, **changed)
    if prepare is not None:
        world.parts.store.at_once(prepare)
    async with wiring.running(world.parts):
        yield world
