"""A server that was told to stop: load balancers notice in time, and nobody is cut off."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flextell.exits import ExitCode
from flextell.life import Life
from tests.transport.real_server import Running, process, ready
from tests.transport.test_management import ask, management_port
from tests.transport.test_serving import answer
from tests.transport.test_serving import ask as ask_app

Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A server that drains for so many seconds."""
    with ExitStack() as stack:

        def start(seconds: int) -> Running:
            data_dir = tmp_path / "data"
            variables = {
                "FLEXTELL_MANAGEMENT_PORT": "0",
                "FLEXTELL_DRAIN_SECONDS": str(seconds),
            }
            return ready(stack.enter_context(process(data_dir, **variables)), data_dir)

        yield start


def test_a_draining_server_is_not_ready_and_still_serves(start: Start) -> None:
    server = start(seconds=2)

    with server.connect() as before:
        ask_app(before)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        while (told := ask(management_port(server), "/health/ready")).status == 200:
            pass
        noticed = time.monotonic() - began
        with server.connect() as newcomer:
            late = ask_app(newcomer)
            while b"connection: close" not in late:  # of the tick that the signal came in
                late = ask_app(newcomer)
        early = ask_app(before)
        server.process.wait(10)
        seconds = time.monotonic() - began

    assert told.json == {"status": "unavailable", "failed": ["accepting"]}
    assert noticed < 0.5
    assert late.endswith(b"https from 127.0.0.1")
    assert b"connection: close" in early, "whoever is connected is told to leave"
    assert 2 <= seconds < 3
    assert server.process.returncode == ExitCode.OK


def connect_on_and_on(port: int) -> None:
    """Until it is refused."""
    while True:
        socket.create_connection(("127.0.0.1", port)).close()


def test_after_draining_nobody_new_is_let_in_and_the_rest_is_answered(start: Start) -> None:
    server = start(seconds=1)

    with server.connect() as asking:
        asking.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert server.output.readline() == "asked\n"
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            connect_on_and_on(server.port)
        assert ask(management_port(server), "/health/ready").json["failed"] == ["accepting"]
        assert ask(management_port(server), "/health/live").status == 200
        server.let_go()
        got = answer(asking)
        server.process.wait(10)

    assert got.endswith(b"https from 127.0.0.1")
    assert server.process.returncode == ExitCode.OK


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(start: Start, second: signal.Signals) -> None:
    server = start(seconds=600)

    server.process.send_signal(signal.SIGTERM)
    while ask(management_port(server), "/health/ready").status == 200:
        pass
    seconds = server.stop(second)

    assert seconds < 1
    assert server.process.returncode == -second, "it did not end: it was ended"


def test_asked_again_a_life_takes_no_longer_and_its_end_does_not_wait() -> None:
    drained, ended = Life(drain_seconds=0), Life(drain_seconds=600)

    drained.leave()
    ended.leave()
    assert drained.is_over()
    assert not ended.is_over()
    ended.end()
    ended.leave()

    assert ended.is_over()
    assert ended.failed() == ["started", "accepting"]
