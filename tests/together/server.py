"""Flextell as an operator runs it: the installed command, a data directory, real TLS, signals."""

import json
import os
import select
import sqlite3
import ssl
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import httpx2
import psycopg

from benchmarks.connection import Connection

FLEXTELL = Path(sys.executable).with_name("flextell")
ALICE = "alice@example.com"
PASSWORD = "correct horse battery staple"
CALLBACK = "https://photos.example/callback"
SCOPE = "account:read customers:read"
SECONDS_TO_START = 30
SECONDS_TO_STOP = 30


class ServerEnded(Exception):
    """The server ended before it was ready: its exit code, and what it said."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"exit code {code}: {said}")
        self.code = code
        self.said = said


@dataclass(frozen=True, slots=True)
class App:
    """What an app knows of itself. No secret: a public one."""

    client_id: str
    client_secret: str | None
    redirect_uri: str
    scope: str


class RunningServer:
    """A server of its own data directory, and the command line that shares it.

    `variables` are environment variables of both, without `FLEXTELL_`, in small letters. The log
    is in `log_file`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        issuer: str = "",
        port: int = 0,
        database: str = "",
        **variables: object,
    ) -> None:
        self.data_dir = data_dir
        self.log_file = data_dir.with_name(f"{data_dir.name}.log")
        self.port = port
        self.seconds_to_start = 0.0
        self._issuer = issuer
        self.database = database
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("FLEXTELL_")},
            **{f"FLEXTELL_{name.upper()}": str(value) for name, value in variables.items()},
            "FLEXTELL_DATA_DIR": str(data_dir),
            "FLEXTELL_DATABASE": database,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens; its issuer too, unless it was given another."""
        return f"https://localhost:{self.port}"

    @property
    def ready(self) -> dict[str, Any]:
        """What it says in `ready.json`."""
        said: dict[str, Any] = json.loads((self.data_dir / "ready.json").read_bytes())
        return said

    def start(self) -> "RunningServer":
        """Start it and wait until it is ready. Raises ServerEnded.

        On the port of the time before, if there was one: tokens and sessions belong to an issuer.
        """
        words = ["serve", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        if self._issuer:
            words += ["--issuer", self._issuer]
        began = time.monotonic()
        with self.log_file.open("ab") as log:
            said_before = log.tell()
            self._process = process = subprocess.Popen(
                [FLEXTELL, *words], stdout=subprocess.PIPE, stderr=log, env=self._environment
            )
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], SECONDS_TO_START)
        line = process.stdout.readline() if readable else b""
        if not line.startswith(b"Flextell is ready"):
            # Silent for so long: killed. Else it has said nothing more and is about to end.
            code = self._ended(None if readable else SIGKILL)
            raise ServerEnded(code, self.log_file.read_bytes()[said_before:].decode().strip())
        self.seconds_to_start = time.monotonic() - began
        self.port = self.port or int(self.ready["issuer"].rpartition(":")[2])
        return self

    def stop(self, how: Signals = SIGTERM) -> tuple[int, float]:
        """Send a signal; the exit code, and how many seconds the server took to end."""
        began = time.monotonic()
        return self._ended(how), time.monotonic() - began

    def kill(self) -> None:
        """`kill -9`."""
        self._ended(SIGKILL)

    def _ended(self, how: Signals | None) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if how is not None:
            process.send_signal(how)
        try:
            return process.wait(SECONDS_TO_STOP)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def run(self, *words: object, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a `flextell` command on the same data."""
        return subprocess.run(
            [FLEXTELL, *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environment,
            check=False,
        )

    def command(self, *words: object, stdin: str = "") -> Any:
        """What a command answers as JSON, if it succeeds: its last line, after any progress."""
        done = self.run(*words, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def create_person(self, email: str = ALICE, name: str = "Alice") -> None:
        """Somebody who can sign in with `PASSWORD`."""
        who = ("--email", email, "--name", name)
        self.command(
            *("users", "create", "--data-dir", self.data_dir), *who, "--password-stdin",
            stdin=PASSWORD,
        )  # fmt: skip

    def create_app(
        self, *flags: str, name: str = "Photos", redirect_uri: str = CALLBACK, scope: str = SCOPE
    ) -> App:
        """A registered app; `flags` such as `--public`, `--require-pkce`, `--introspect`."""
        told = self.command(
            *("apps", "create", "--data-dir", self.data_dir, "--name", name),
            *("--redirect-uri", redirect_uri, "--scope", scope, *flags),
        )
        return App(told["client_id"], told["client_secret"], redirect_uri, scope)

    def trust(self) -> ssl.SSLContext:
        """TLS as a strict client speaks it that was told to trust `ca.pem`."""
        context = ssl.create_default_context(cafile=self.data_dir / "ca.pem")
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    def connection(self, context: ssl.SSLContext | None = None) -> Connection:
        """A connection of the least cost; `context` if many share one."""
        return Connection(self.url, context or self.trust())

    def browser(self) -> httpx2.AsyncClient:
        """A client with a cookie jar of its own that does not follow redirects."""
        return httpx2.AsyncClient(base_url=self.url, verify=self.trust())

    def count(self, table: str) -> int:
        """How many rows the table has, read beside the running server."""
        sql = f"SELECT count(*) FROM {table}"
        if self.database:
            with psycopg.connect(self.database) as postgresql:
                row = postgresql.execute(sql).fetchone()
        else:
            file = f"file:{self.data_dir / 'flextell.db'}?mode=ro"
            with closing(sqlite3.connect(file, uri=True)) as sqlite:
                row = sqlite.execute(sql).fetchone()
        assert row is not None
        return int(row[0])
