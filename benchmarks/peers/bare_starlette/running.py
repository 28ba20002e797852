"""Start the bare API on a database of ours."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.peers.process import ROOT, listening
from benchmarks.server import Paths, Server
from tests.postgres import free_port

PATHS = Paths(authorize="", token="", introspect="")


@contextmanager
def bare_starlette(core: int, database: str) -> Iterator[Server]:
    """It reads what a Flextell keeps in this database."""
    port = free_port()
    environment = {**os.environ, "BENCH_DATABASE": database, "BENCH_PORT": str(port)}
    words = [sys.executable, "-m", "benchmarks.peers.bare_starlette.app"]
    with listening(words, core, environment, port, ROOT) as pid:
        yield Server(f"http://127.0.0.1:{port}", None, "", "", pid, paths=PATHS, our_pages=False)
