"""A node of a few workers, and how its clients and its operator speak with it."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import pytest

NODE = Path(__file__).with_name("tiny_node.py")
WORKERS = 3
SECONDS_TO_WAIT = 30


@dataclass(frozen=True, slots=True)
class Node:
    """A parent that said it is ready."""

    process: "subprocess.Popen[str]"
    data_dir: Path
    ready: dict[str, Any]
    closing: ExitStack

    @property
    def port(self) -> int:
        return int(self.ready["issuer"].rpartition(":")[2])

    def connect(self) -> HTTPSConnection:
        """A connection that is open when this returns, until the test ends."""
        context = ssl.create_default_context(cafile=self.ready["ca_file"])
        connection = HTTPSConnection("localhost", self.port, context=context, timeout=20)
        self.closing.callback(connection.close)
        connection.connect()
        return connection

    def pids(self) -> list[int]:
        """The processes of its workers."""
        return children_of(self.process.pid)

    def managed(self, path: str) -> tuple[int, str]:
        """What the management port answers."""
        host = self.ready["management"].removeprefix("http://")
        connection = HTTPConnection(host, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def health(self) -> Any:
        """What `/health/ready` says."""
        return json.loads(self.managed("/health/ready")[1])

    def let_go(self) -> None:
        """Let the requests to `/wait` be answered."""
        (self.data_dir / "go").touch()

    def stop(self, how: Signals = SIGTERM) -> float:
        """Send a signal; how many seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(SECONDS_TO_WAIT)
        return time.monotonic() - began


Start = Callable[..., Node]


def ask(connection: HTTPSConnection, path: str = "/") -> int:
    """Which process answers."""
    connection.request("GET", path)
    return int(connection.getresponse().read())


def children_of(pid: int) -> list[int]:
    """The processes that a process has started; none once it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextmanager
def process(data_dir: Path, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """A parent, in a session of its own as in a terminal."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FLEXTELL_")}
    ours = {
        "FLEXTELL_PORT": "0",
        "FLEXTELL_MANAGEMENT_PORT": "0",
        "FLEXTELL_WORKERS": str(WORKERS),
    }
    with subprocess.Popen(
        [sys.executable, NODE, data_dir],
        env={**inherited, **ours, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        try:
            yield started
        finally:
            # A worker that a test has stopped would not notice that its parent is gone.
            for pid in children_of(started.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGKILL)
            started.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a node; killed at the end, and its workers with it."""
    with ExitStack() as stack:

        def start(**variables: str) -> Node:
            data_dir = tmp_path / "data"
            child = stack.enter_context(process(data_dir, **variables))
            assert child.stdout is not None
            assert child.stdout.readline().startswith("Flextell is ready"), child.communicate()[1]
            ready = json.loads((data_dir / "ready.json").read_bytes())
            return Node(child, data_dir, ready, stack)

        yield start


def eventually(check: Callable[[], bool], seconds: float = SECONDS_TO_WAIT) -> float:
    """Ask until it is so; how long that took."""
    began = time.monotonic()
    while not check():
        assert time.monotonic() - began < seconds, f"not so within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - began


def is_gone(pid: int) -> bool:
    """Whether there is no such process, or only its remains."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def refuses(port: int) -> bool:
    """Whether nobody listens any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
