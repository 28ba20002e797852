"""A Flextell server of its own for a run: a fresh folder, one core, one person, one app."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FLEXTELL = Path(sys.executable).with_name("flextell")
PASSWORD = "correct horse battery staple"
CALLBACK = "https://photos.example/callback"
SCOPE = "account:read customers:read"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and what it takes to use it."""

    issuer: str
    ca_file: str | None
    client_id: str
    client_secret: str
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time the server has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def running(folder: Path, core: int, database: str = "") -> Iterator[Server]:
    """Set up and start a server on one core; stop it at the end. `database`: a migrated one."""
    data = ["--data-dir", str(folder), "--database", database]
    person = [*data, "--email", "alice@example.com", "--name", "Alice", "--password-stdin"]
    _command(["users", "create", *person, "--json"], stdin=PASSWORD)
    app = [*data, "--name", "Photos", "--redirect-uri", CALLBACK, "--scope", SCOPE]
    registered = json.loads(_command(["apps", "create", *app, "--introspect", "--json"]))
    # A run is far above any limit meant for people and apps.
    limits = {f"FLEXTELL_{kind}_REQUESTS_PER_WINDOW": "1000000000" for kind in ("API", "OAUTH")}
    process = subprocess.Popen(
        ["taskset", "-c", str(core), FLEXTELL, "serve", *data, "--port", "0"],
        env={**os.environ, **limits, "FLEXTELL_LOG_LEVEL": "warning"},
        stdout=subprocess.DEVNULL,
    )
    try:
        ready = _ready(folder / "ready.json", process)
        yield Server(
            ready["issuer"],
            ready["ca_file"],
            registered["client_id"],
            registered["client_secret"],
            process.pid,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def _command(words: list[str], stdin: str = "") -> str:
    return subprocess.run(
        [FLEXTELL, *words], input=stdin, capture_output=True, text=True, check=True
    ).stdout


def _ready(path: Path, process: "subprocess.Popen[bytes]") -> dict[str, str]:
    for _ in range(1000):
        if process.poll() is not None:
            raise RuntimeError("the server ended before it was ready")
        if path.exists():
            found: dict[str, str] = json.loads(path.read_text())
            return found
        time.sleep(0.01)
    raise RuntimeError("the server was not ready within ten seconds")
