"""The listener: small, patient with browsers, and held up by nobody (RFC 9112)."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell_sdk.listener import (
    MOST_AT_ONCE,
    MOST_BYTES,
    SECONDS_EACH,
    Listener,
    Page,
    Request,
    Verdict,
    read_request,
)
from sdk.tests.browsers import SECONDS, visit
from sdk.tests.clock import Clock

HELLO = Page("200 OK", "<Hello>", "You & I.")
OTHER = Page("404 Not Found", "Not found", "Elsewhere.")


def judge(request: Request) -> Verdict[str]:
    """Waits for `/yes`."""
    return Verdict(HELLO, request.host) if request.target == "/yes" else Verdict(OTHER)


class Waiting:
    """A listener that is waited at, in a thread of its own, by a clock that tests move."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.clock = Clock()
        self.listener = Listener("127.0.0.1", 0, self.clock.sources().monotonic)
        self.host = f"127.0.0.1:{self.listener.port}"
        self.found: Future[str | None] = pool.submit(self._wait)

    def _wait(self) -> str | None:
        with self.listener:
            return self.listener.wait(judge, 60)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.listener.port), SECONDS)

    def say(self, *pieces: bytes) -> bytes:
        """The whole answer to what was said piece by piece."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return connection.makefile("rb").read()

    def come(self) -> int:
        return visit(f"http://{self.host}/yes").status


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with ThreadPoolExecutor(1) as pool:
        started = Waiting(pool)
        yield started
        # Whoever still waits is met; who ends just now need not be.
        with suppress(OSError):
            started.come()


def test_what_is_waited_for_is_found_and_its_page_is_shown(waiting: Waiting) -> None:
    shown = visit(f"http://{waiting.host}/yes")

    assert waiting.found.result(SECONDS) == waiting.host
    assert shown.status == 200
    assert "<h1>&lt;Hello&gt;</h1><p>You &amp; I.</p>" in shown.text


def test_a_page_runs_nothing_loads_nothing_and_is_kept_nowhere(waiting: Waiting) -> None:
    headers = visit(f"http://{waiting.host}/no").headers

    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"] == "text/html; charset=utf-8"


def test_other_requests_are_answered_and_waiting_goes_on(waiting: Waiting) -> None:
    statuses = [visit(f"http://{waiting.host}/{path}").status for path in ("", "a", "yes/no")]

    assert statuses == [404, 404, 404]
    assert not waiting.found.done()
    assert waiting.come() == 200


def test_a_request_may_come_byte_by_byte(waiting: Waiting) -> None:
    request = f"GET /yes HTTP/1.1\r\nHost: {waiting.host}\r\n\r\n".encode()

    assert waiting.say(*(bytes([byte]) for byte in request)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "said",
    [
        b"GET /yes HTTP/1.1\r\n\r\n",
        b"GET /yes HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        b"GET /yes\r\nHost: a\r\n\r\n",
        b"GET  /yes HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_what_is_no_request_is_not_judged(waiting: Waiting, said: bytes) -> None:
    """RFC 9112 §3, §3.2: a request names its host, once."""
    assert waiting.say(said).startswith(b"HTTP/1.1 400 ")
    assert not waiting.found.done()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_none(said: bytes) -> None:
    request = read_request(said)

    assert request is None or f"{request.method} {request.target} ".encode() in said


def test_cookies_of_other_programs_are_no_hindrance(waiting: Waiting) -> None:
    """A browser sends the cookies of every port of a host (RFC 6265 §8.5)."""
    many = "; ".join(f"c{number}={'x' * 1000}" for number in range(50))

    assert visit(f"http://{waiting.host}/yes", cookie=many).status == 200


def test_who_says_too_much_is_stopped(waiting: Waiting) -> None:
    assert waiting.say(b"GET /" + b"y" * MOST_BYTES).startswith(b"HTTP/1.1 431 ")
    assert not waiting.found.done()


def test_who_is_silent_holds_up_nobody_and_is_shown_out(waiting: Waiting) -> None:
    with waiting.connect() as silent:
        silent.sendall(b"GET /yes HT")
        assert visit(f"http://{waiting.host}/no").status == 404
        waiting.clock.move(SECONDS_EACH)

        assert silent.recv(1) == b""
    assert not waiting.found.done()


def test_many_who_are_silent_leave_room_for_one_who_speaks(waiting: Waiting) -> None:
    silent = [waiting.connect() for _ in range(3 * MOST_AT_ONCE)]

    assert waiting.come() == 200
    for connection in silent:
        connection.close()


def test_who_leaves_early_is_not_missed(waiting: Waiting) -> None:
    waiting.connect().close()
    with waiting.connect() as early:
        early.sendall(b"GET /yes HTTP/1.1\r\n")

    assert not waiting.found.done()
    assert waiting.come() == 200


def test_waiting_has_an_end(waiting: Waiting) -> None:
    waiting.clock.move(60)

    assert waiting.found.result(SECONDS) is None


@pytest.mark.parametrize("ends", [lambda clock, come: clock.move(60), lambda clock, come: come()])
def test_at_the_end_nobody_listens(
    waiting: Waiting, ends: Callable[[Clock, Callable[[], int]], object]
) -> None:
    ends(waiting.clock, waiting.come)
    waiting.found.result(SECONDS)

    with pytest.raises(ConnectionRefusedError):
        waiting.connect()


def test_a_judge_who_fails_leaves_nobody_listening() -> None:
    def fails(request: Request) -> Verdict[str]:
        raise KeyError

    def wait(listener: Listener) -> None:
        with listener:
            listener.wait(fails, 60)

    listener = Listener("127.0.0.1", 0, Clock().sources().monotonic)
    with socket.create_connection(("127.0.0.1", listener.port), SECONDS) as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises(KeyError):
            wait(listener)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), SECONDS)


def test_a_port_that_is_taken_is_not_shared(waiting: Waiting) -> None:
    with pytest.raises(OSError, match="in use"):
        Listener("127.0.0.1", waiting.listener.port, Clock().sources().monotonic)
