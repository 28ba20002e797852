"""Who is measured: every server of the comparison, by name, each with a database of its own."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.authlib_flask.running import authlib_flask
from benchmarks.peers.bare_starlette.running import bare_starlette
from benchmarks.peers.django_oauth_toolkit.running import django_oauth_toolkit
from benchmarks.peers.oidc_provider.running import oidc_provider
from benchmarks.server import PLAIN_HTTP, Server, running
from flextell.settings import Settings
from flextell.store.opening import migrate
from tests.postgres import fresh_database

Start = Callable[[int, str], AbstractContextManager[Server]]

RS256 = {"FLEXTELL_ACCESS_TOKEN_ALGORITHM": "RS256"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A server to be: how it starts on a core and a database, and what it keeps things in.

    `beside`: it uses the database of another one.
    """

    start: Start
    on_postgresql: bool = True
    beside: str = ""


def flextell(**environment: str) -> Start:
    """Ours, with these settings."""

    @contextmanager
    def start(core: int, database: str) -> Iterator[Server]:
        with tempfile.TemporaryDirectory() as name:
            migrate(Settings(data_dir=Path(name), database=database))
            with running(Path(name), core, database, environment) as server:
                yield server

    return start


def oidc(algorithm: str) -> Start:
    """npm's oidc-provider, whose access tokens have this signature."""
    return lambda core, database: oidc_provider(core, database, algorithm)


OURS = "Flextell, PostgreSQL"
OURS_EMBEDDED = "Flextell, SQLite FULL"
OURS_RS256 = "Flextell, PostgreSQL, RS256"
OIDC = "oidc-provider, PostgreSQL"
OIDC_MEMORY = "oidc-provider, its memory"
OIDC_RS256 = "oidc-provider, PostgreSQL, RS256"
BARE = "bare Starlette, PostgreSQL"

LANES: Mapping[str, Kind] = {
    OURS: Kind(flextell(**PLAIN_HTTP)),
    "Flextell, PostgreSQL, TLS": Kind(flextell()),
    OURS_EMBEDDED: Kind(flextell(**PLAIN_HTTP), on_postgresql=False),
    OIDC: Kind(oidc("ES256")),
    OIDC_MEMORY: Kind(oidc("ES256"), on_postgresql=False),
    OURS_RS256: Kind(flextell(**PLAIN_HTTP, **RS256)),
    OIDC_RS256: Kind(oidc("RS256")),
    "Authlib + Flask, PostgreSQL": Kind(authlib_flask),
    "django-oauth-toolkit, PostgreSQL": Kind(django_oauth_toolkit),
    BARE: Kind(bare_starlette, beside=OURS),
}


@contextmanager
def started(names: list[str], core: int, postgres_url: str) -> Iterator[dict[str, Server]]:
    """Start these, in the order of the table; all of them run at once, and all but one idle."""
    databases: dict[str, str] = {}
    servers: dict[str, Server] = {}
    with ExitStack() as stack:
        for name in names:
            kind = LANES[name]
            databases[name] = databases.get(kind.beside, "")
            if kind.on_postgresql and not kind.beside:
                databases[name] = stack.enter_context(fresh_database(postgres_url))
            servers[name] = stack.enter_context(kind.start(core, databases[name]))
        yield servers
