"""The management port: alive, started, ready, measured; and nothing else."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flextell.exits import ExitCode
from tests.postgres import free_port
from tests.transport.real_server import Running, process, ready
from tests.transport.test_serving import ask as ask_app

PROBES = ("/health/live", "/health/started", "/health/ready")

Start = Callable[..., Running]


class Told(NamedTuple):
    """What the management port answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(port: int, path: str, method: str = "GET") -> Told:
    """One question over plain HTTP, on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return Told(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def management_port(server: Running) -> int:
    """The port that `ready.json` names."""
    return int(server.ready["management"].rpartition(":")[2])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(data_dir: Path = tmp_path / "data", **variables: str) -> Running:
            managed = {"FLEXTELL_MANAGEMENT_PORT": "0", **variables}
            return ready(stack.enter_context(process(data_dir, **managed)), data_dir)

        yield start


def test_a_server_has_no_management_port_unless_it_is_told_to(tmp_path: Path) -> None:
    with process(tmp_path / "data") as child:
        assert ready(child, tmp_path / "data").ready["management"] is None


def test_a_server_that_answers_is_alive_started_and_ready(start: Start) -> None:
    server = start()

    told = {path: ask(management_port(server), path) for path in PROBES}

    assert {path: answer.status for path, answer in told.items()} == dict.fromkeys(PROBES, 200)
    assert told["/health/ready"].json == {"status": "ok", "failed": []}
    assert told["/health/ready"].headers["cache-control"] == "no-store"
    assert server.ready["management"] == f"http://127.0.0.1:{management_port(server)}"


def test_a_server_that_starts_is_alive_and_not_ready(tmp_path: Path) -> None:
    port = free_port()
    with process(tmp_path / "data", SLOW="yes", FLEXTELL_MANAGEMENT_PORT=str(port)) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "app starting\n"

        alive, started, may_ask = (ask(port, path) for path in PROBES)

        child.stdin.write("go\n")
        child.stdin.flush()
        server = ready(child, tmp_path / "data")
        assert (alive.status, started.status, may_ask.status) == (200, 503, 503)
        assert may_ask.json == {"status": "unavailable", "failed": ["started"]}
        assert ask(management_port(server), "/health/ready").status == 200


def test_a_failed_check_is_named_and_kills_nobody(start: Start) -> None:
    server = start(WELL="false")

    alive, started, may_ask = (ask(management_port(server), path) for path in PROBES)

    assert (alive.status, started.status, may_ask.status) == (200, 200, 503)
    assert may_ask.json == {"status": "unavailable", "failed": ["part"]}


def test_prometheus_reads_what_it_is_given(start: Start) -> None:
    server = start()

    answer = ask(management_port(server), "/metrics")

    families = {f.name: f for f in text_string_to_metric_families(answer.body.decode())}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert {"process_start_time_seconds", "process_resident_memory_bytes"} <= families.keys()


def test_only_its_own_paths_are_answered_and_only_to_be_read(start: Start) -> None:
    port = management_port(start())

    assert ask(port, "/").status == 404
    assert ask(port, "/oauth/token", "POST").status == 404
    assert ask(port, "/metrics", "POST").status == 405
    assert ask(port, "/health/live", "HEAD").body == b""


def test_the_main_port_knows_nothing_of_it(start: Start) -> None:
    server = start()

    with server.connect() as connection:
        assert ask_app(connection, "/metrics").endswith(b"https from 127.0.0.1"), "the app's answer"


def test_garbage_on_the_management_port_is_refused_and_bounded(start: Start) -> None:
    port = management_port(start(FLEXTELL_HEAD_SECONDS="1"))

    with socket.create_connection(("127.0.0.1", port), timeout=10) as garbage:
        garbage.sendall(b"\x16\x03\x01\x00\xa5\x01\r\n\r\n")
        assert garbage.recv(1000).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(b"GET /metr")
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_management_port_in_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with process(tmp_path / "data", FLEXTELL_MANAGEMENT_PORT=str(port)) as child:
            _, said = child.communicate(timeout=20)

    assert child.returncode == ExitCode.PORT_IN_USE
    assert said == (
        f"Port {port} on 127.0.0.1 is in use; stop what uses it, or choose another with"
        " --management-port (0 picks a free one).\n"
    )


def test_the_end_of_the_server_is_the_end_of_the_port(start: Start) -> None:
    server = start()
    port = management_port(server)

    with socket.create_connection(("127.0.0.1", port)):  # somebody who never asks
        seconds = server.stop(signal.SIGTERM)

    assert seconds < 1
    assert server.process.returncode == ExitCode.OK
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/health/live")
