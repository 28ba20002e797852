"""What comes over a raw socket to a real process is refused or answered; it never harms others.

RFC 9112 says what is malformed; the sizes and times are ours.
"""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.transport.real_server import PLAIN, Running, process, ready

HOST = b"Host: localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST /body HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
MEBIBYTE = 2**20
LARGE_BYTES = 48 * MEBIBYTE  # what /large answers with
# Far below what is sent, far above what other clients' buffers and the allocator may add.
MEMORY_MARGIN_BYTES = 16 * MEBIBYTE
PATIENCE = {"FLEXTELL_HEAD_SECONDS": "1", "FLEXTELL_BODY_SECONDS": "2"}


@pytest.fixture(scope="module", params=["plain", "tls"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """One server for the whole table: whatever a row does, the next must be answered."""
    data_dir = tmp_path_factory.mktemp("hostile")
    with process(data_dir, **(PLAIN if request.param == "plain" else {})) as child:
        yield ready(child, data_dir)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir = tmp_path_factory.mktemp("impatient")
    with process(data_dir, **PATIENCE) as child:
        yield ready(child, data_dir)


def statuses(got: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(got)]


def send(connection: socket.socket, sent: bytes) -> None:
    """Send as much as the server takes: it may have hung up in the middle."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        connection.sendall(sent)


def read(connection: socket.socket, answers: int | None = None) -> bytes:
    """What comes until the server closes, or until so many answers have begun."""
    got = b""
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        while answers is None or len(statuses(got)) < answers:
            more = connection.recv(65536)
            if not more:
                break
            got += more
    return got


def memory_bytes(server: Running) -> int:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


# What is sent, and the statuses of the answers.
ROWS: dict[str, tuple[bytes, list[int]]] = {
    "a request": (GET + b"\r\n", [200]),
    "a body": (POST + b"Content-Length: 3\r\n\r\nabc", [200]),
    "chunks": (CHUNKED + b"\r\n" + chunks(b"abc", b"de") + LAST_CHUNK, [200]),
    "trailers": (CHUNKED + b"\r\n" + chunks(b"abc") + b"0\r\nHost: evil\r\n\r\n", [200]),
    # §6.3
    "the same Content-Length twice": (POST + b"Content-Length: 3\r\n" * 2 + b"\r\nabc", [400]),
    "two Content-Lengths": (
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        [400],
    ),
    "a list of Content-Lengths": (POST + b"Content-Length: 3, 3\r\n\r\nabc", [400]),
    "a negative Content-Length": (POST + b"Content-Length: -3\r\n\r\nabc", [400]),
    "a Content-Length with a plus": (POST + b"Content-Length: +3\r\n\r\nabc", [400]),
    "a Content-Length beyond 64 bits": (POST + b"Content-Length: 1%022d\r\n\r\n" % 0, [400]),
    "Content-Length and chunks": (CHUNKED + b"Content-Length: 3\r\n\r\n" + LAST_CHUNK, [400]),
    "chunks and Content-Length": (
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST_CHUNK,
        [400],
    ),
    # §6.1
    "gzip, chunked": (
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + LAST_CHUNK,
        [501],
    ),
    "chunked twice": (CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n" + LAST_CHUNK, [400]),
    "gzip, then chunked": (
        POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST_CHUNK,
        [501],
    ),
    "gzip alone": (POST + b"Transfer-Encoding: gzip\r\n\r\n", [501]),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\nabc", [501]),
    "chunks in HTTP/1.0": (
        b"POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST_CHUNK,
        [400],
    ),
    # §7.1
    "a chunk size that is no number": (CHUNKED + b"\r\nzz\r\nabc\r\n", [400]),
    "a negative chunk size": (CHUNKED + b"\r\n-1\r\nabc\r\n", [400]),
    "a chunk size beyond 64 bits": (CHUNKED + b"\r\n" + b"f" * 18 + b"\r\nabc", [400]),
    "a chunk longer than it says": (CHUNKED + b"\r\n1\r\nabc\r\n" + LAST_CHUNK, [400]),
    "an endless chunk extension": (CHUNKED + b"\r\n3;" + b"a" * MEBIBYTE, [400]),
    "an endless trailer": (CHUNKED + b"\r\n0\r\nX: " + b"a" * MEBIBYTE, [400]),
    "countless trailers": (CHUNKED + b"\r\n0\r\n" + b"X: a\r\n" * MEBIBYTE, [400]),
    # §3.2
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", [400]),
    "no Host in HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", [200]),
    "two Hosts": (GET + HOST + b"\r\n", [400]),
    "a Host with a user": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", [400]),
    "a Host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", [400]),
    "absolute form": (b"GET https://localhost/ HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    "absolute form of another": (b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "TRACE": (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    "OPTIONS": (b"OPTIONS / HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    "an unknown method": (b"STEAL / HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "no target": (b"GET  HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "a target that is no text": (b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    # §2.2, §5
    "a NUL in a header": (GET + b"X: a\0b\r\n\r\n", [400]),
    "a NUL in the target": (b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "NULs": (b"\0" * 1000, [400]),
    "a space before the colon": (GET + b"Transfer-Encoding : chunked\r\n\r\n", [400]),
    "a folded header": (GET + b"X: a\r\n b\r\n\r\n", [400]),
    "lines without a return": (b"GET / HTTP/1.1\nHost: localhost\n\n", [400]),
    "HTTP/0.9": (b"GET /\r\n\r\n", [400]),
    "HTTP/0.9 by name": (b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", [400]),
    "HTTP/2 by name": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", [400]),
    "HTTP/3.7": (b"GET / HTTP/3.7\r\n" + HOST + b"\r\n", [400]),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "an upgrade to HTTP/2": (
        GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + GET + b"\r\n",
        [200],
    ),
    "an upgrade to a websocket": (
        GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        [200],
    ),
    # §9.3.2
    "pipelined requests": ((GET + b"\r\n") * 5, [200] * 5),
    "garbage after a request": (GET + b"\r\n\0\0\0\0", [200]),
    "a bad request after a good one": (GET + b"\r\n" + GET + HOST + b"\r\n", [200]),
    # RFC 9110 §15.5.15, RFC 6585 §5
    "an endless request line": (b"GET /" + b"a" * MEBIBYTE, [414]),
    "a huge target": (b"GET /?" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", [414]),
    "an endless header": (GET + b"Cookie: " + b"a" * MEBIBYTE, [431]),
    "a huge header": (GET + b"Cookie: " + b"a" * 100_000 + b"\r\n\r\n", [431]),
    "countless headers": (GET + b"X: a\r\n" * MEBIBYTE, [431]),
    "countless empty lines": (b"\r\n" * MEBIBYTE, [431]),
    "a head within the bounds": (GET + b"Cookie: " + b"a" * 60_000 + b"\r\n\r\n", [200]),
    "a large body": (POST + b"Content-Length: 1048576\r\n\r\n" + b"a" * MEBIBYTE, [200]),
    "a large body in chunks": (CHUNKED + b"\r\n" + chunks(b"a" * MEBIBYTE) + LAST_CHUNK, [200]),
}


@pytest.mark.parametrize("row", ROWS)
def test_whatever_a_client_sends_gets_the_answer_it_deserves(server: Running, row: str) -> None:
    sent, expected = ROWS[row]

    with server.connect() as connection, server.connect() as bystander:
        send(connection, sent)
        got = read(connection, len(expected))
        refused = expected[-1] >= 400
        rest = read(connection) if refused else b""
        bystander.sendall(GET + b"\r\n")
        answered = read(bystander, 1)

    assert statuses(got + rest) == expected
    if refused:
        head, _, body = (got + rest).partition(b"\r\n\r\n")
        assert b"connection: close" in head
        assert json.loads(body).keys() == {"error", "message"}
    assert statuses(answered) == [200]


@pytest.mark.parametrize("bad", [b"\0\0\0\0", GET + HOST + b"\r\n"])
def test_the_answer_before_a_refusal_is_the_last_and_is_whole(server: Running, bad: bytes) -> None:
    """RFC 9112 §9.3.2: answers come in order, so a refusal may not overtake one."""
    with server.connect() as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n" + bad)
        assert server.output.readline() == "asked\n"
        server.let_go()
        got = read(connection)

    assert statuses(got) == [200]
    assert b"connection: close" in got
    assert got.endswith(b"from 127.0.0.1")


@pytest.mark.parametrize(
    "begin",
    [
        GET + b"X: ",
        b"GET /",
        CHUNKED + b"\r\n0\r\nX: ",
        CHUNKED + b"\r\n3;",
    ],
    ids=["header", "request line", "trailer", "chunk extension"],
)
def test_what_has_no_end_costs_no_memory(server: Running, begin: bytes) -> None:
    before = memory_bytes(server)

    with server.connect() as connection:
        send(connection, begin)
        for _ in range(64):
            send(connection, b"a" * MEBIBYTE)
        while_sending = memory_bytes(server)

    assert while_sending - before < MEMORY_MARGIN_BYTES


def test_more_pipelined_requests_than_can_wait_cost_no_memory(server: Running) -> None:
    """RFC 9112 §9.3.2: a client must be ready to send again what was not answered."""
    before = memory_bytes(server)

    with server.connect() as connection:
        send(connection, (GET + b"\r\n") * 50_000)
        after = memory_bytes(server)
        got = read(connection)

    answered = statuses(got)
    assert set(answered) == {200}
    assert 1 <= len(answered) < 50_000
    assert got.count(b"connection: close") == 1
    assert after - before < MEMORY_MARGIN_BYTES


def test_a_trailer_never_becomes_a_header(server: Running) -> None:
    """RFC 9110 §6.5.1: so nothing is smuggled past who checked the headers."""
    with server.connect() as connection:
        send(connection, CHUNKED + b"Connection: close\r\n\r\n0\r\nX-Late: yes\r\n\r\n")
        got = read(connection)

    assert statuses(got) == [200]
    assert got.endswith(b"host transfer-encoding connection")


def nothing(_: socket.socket) -> None:
    """The handshake was all."""


def half_a_head(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: local")


def half_a_body(connection: socket.socket) -> None:
    connection.sendall(POST + b"Content-Length: 9\r\n\r\nabc")


def half_a_body_that_nobody_reads(connection: socket.socket) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc")


def half_a_second_head(connection: socket.socket) -> None:
    connection.sendall(GET + b"\r\n")
    read(connection, 1)
    connection.sendall(b"GET")


def an_empty_line_after_an_answer(connection: socket.socket) -> None:
    connection.sendall(GET + b"\r\n")
    read(connection, 1)
    connection.sendall(b"\r\n")


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (nothing, []),
        (half_a_head, [408]),
        (half_a_body, [408]),
        (half_a_body_that_nobody_reads, [200]),
        (half_a_second_head, [408]),
        (an_empty_line_after_an_answer, [408]),
    ],
)
def test_a_client_that_stops_in_the_middle_is_told_to_leave(
    impatient: Running, begin: Callable[[socket.socket], None], expected: list[int]
) -> None:
    """RFC 9110 §15.5.9."""
    with impatient.connect() as connection:
        begin(connection)
        got = read(connection)

    assert statuses(got) == expected


def test_a_client_that_sends_byte_by_byte_gets_no_more_time(impatient: Running) -> None:
    began = time.monotonic()
    with impatient.connect() as connection:
        connection.settimeout(0.1)
        got = b""
        for byte in GET + b"X: " + b"a" * 100:
            send(connection, bytes([byte]))
            with contextlib.suppress(TimeoutError):
                got += connection.recv(1000)
            if got:
                break
    seconds = time.monotonic() - began

    assert statuses(got) == [408]
    assert seconds < 5


def test_a_client_that_sends_a_lot_slowly_gets_the_time_that_it_takes(impatient: Running) -> None:
    """Two seconds and one more for every 16 KiB: an upload over a poor line is no attack."""
    part = b"x" * 65_536
    with impatient.connect() as connection:
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % (2 * len(part)))
        connection.sendall(part)
        time.sleep(3.3)  # nothing tells when the two seconds are over
        connection.sendall(part)
        got = read(connection, 1)

    assert statuses(got) == [200]


def test_a_client_that_takes_a_lot_slowly_gets_all_of_it(impatient: Running) -> None:
    """It has two seconds for each bufferful, not for the whole."""
    got = 0
    with impatient.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
        for _ in range(4):
            for _ in range(64):
                got += len(connection.recv(65_536))
            time.sleep(0.9)  # all that is on its way fills up, and the server waits
        while more := connection.recv(65_536):
            got += len(more)
            if got > LARGE_BYTES:
                break

    assert got > LARGE_BYTES


def test_a_request_that_is_being_answered_is_in_no_hurry(impatient: Running) -> None:
    with impatient.connect() as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        assert impatient.output.readline() == "asked\n"
        with impatient.connect() as other:
            half_a_body(other)
            assert statuses(read(other)) == [408]
        impatient.let_go()
        got = read(connection, 1)

    assert statuses(got) == [200]


def test_a_shortage_of_file_descriptors_is_told_and_idle_clients_make_room(tmp_path: Path) -> None:
    with process(tmp_path, FLEXTELL_HEAD_SECONDS="600", **PLAIN) as child:
        server = ready(child, tmp_path)
        limit = len(list(Path(f"/proc/{child.pid}/fd").iterdir())) + 20
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (limit, limit))
        with contextlib.ExitStack() as idle:
            for _ in range(60):
                with contextlib.suppress(ConnectionError):
                    idle.enter_context(server.connect())
            got = b""
            deadline = time.monotonic() + 10
            while not got and time.monotonic() < deadline:
                with server.connect() as newcomer:
                    send(newcomer, GET + b"\r\n")
                    got = read(newcomer, 1)
        child.send_signal(signal.SIGTERM)
        said = "".join(child.communicate(timeout=10))

    assert statuses(got) == [200]
    assert said.count("out_of_file_descriptors") == 1
