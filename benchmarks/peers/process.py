"""A peer's process: on one core, waited for until it listens, ended with the run."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgres import ends_with_us

ROOT = Path(__file__).parents[2]
SECONDS_TO_START = 20.0
SECONDS_TO_END = 10


@contextmanager
def listening(
    words: Sequence[str], core: int, environment: Mapping[str, str], port: int, folder: Path
) -> Iterator[int]:
    """Start it in a folder; its process, once the port is open."""
    command = [*ends_with_us(), "taskset", "-c", str(core), *words]
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            _wait(process, port)
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=SECONDS_TO_END)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    give_up = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < give_up and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("the peer did not start")
