"""Start a WSGI application in gunicorn, one worker with 16 threads, in the peers' environment."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.peers.process import ROOT, listening
from benchmarks.server import CALLBACK, SCOPE, Paths, Server
from tests.postgres import free_port

PYTHON = ROOT / ".venv-bench" / "bin" / "python"
THREADS = 16
CLIENT_ID, SECRET = "photos", "a secret that only Photos and its server know"
OPTIONS = (
    *("--workers", "1", "--worker-class", "gthread", "--threads", str(THREADS)),
    # Our generator's connections stay; gunicorn's own 2 seconds are for those of browsers.
    *("--keep-alive", "75"),
    *("--log-level", "error"),
)


@contextmanager
def in_gunicorn(
    core: int,
    database: str,
    prepare: str,
    application: str,
    paths: Paths,
    own_client_id: str = CLIENT_ID,
) -> Iterator[Server]:
    """Run the module `prepare` once, and then the application, as MODULE:NAME."""
    app = {
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
    }
    environment = {
        **os.environ,
        "BENCH_APP": json.dumps(app),
        "BENCH_DATABASE": database,
        # Everybody is measured over plain HTTP on loopback.
        "AUTHLIB_INSECURE_TRANSPORT": "1",
    }
    subprocess.run([PYTHON, "-m", prepare], cwd=ROOT, env=environment, check=True)
    port = free_port()
    command = [str(PYTHON), "-m", "gunicorn", *OPTIONS, "--bind", f"127.0.0.1:{port}", application]
    with listening(command, core, environment, port, ROOT) as pid:
        yield Server(
            f"http://127.0.0.1:{port}",
            None,
            CLIENT_ID,
            SECRET,
            pid,
            paths=paths,
            own_client_id=own_client_id,
            our_pages=False,
        )
