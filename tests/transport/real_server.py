"""A tiny server as a process of its own, and how a client speaks with it over a real socket."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SERVER = Path(__file__).with_name("tiny_server.py")
PLAIN = {"FLEXTELL_DEVELOPMENT_PLAIN_HTTP_ON_LOOPBACK": "true"}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that said it is ready: its process, its one line and its `ready.json`."""

    process: subprocess.Popen[str]
    data_dir: Path
    line: str
    ready: dict[str, Any]

    @property
    def port(self) -> int:
        return int(self.ready["issuer"].rsplit(":", 1)[1])

    @property
    def output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def let_go(self) -> None:
        """Let the request to `/wait` be answered."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def connect(self) -> socket.socket:
        """A connection as a strict client makes it."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        if self.ready["ca_file"] is None:
            return plain
        context = ssl.create_default_context(cafile=self.ready["ca_file"])
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context.wrap_socket(plain, server_hostname="localhost")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send the signal; how many seconds the process then took to end."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(10)
        return time.monotonic() - began


@contextmanager
def process(data_dir: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FLEXTELL_")}
    with subprocess.Popen(
        [sys.executable, SERVER, data_dir],
        env={**inherited, "FLEXTELL_PORT": "0", **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def ready(child: subprocess.Popen[str], data_dir: Path) -> Running:
    """Wait until the process says that it answers."""
    assert child.stdout is not None
    assert child.stdout.readline() == "app started\n", child.communicate()[1]
    line = child.stdout.readline()
    return Running(child, data_dir, line, json.loads((data_dir / "ready.json").read_bytes()))
