"""The server process from start to stop: real processes, real sockets, real TLS."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flextell.exits import ExitCode, ExitError
from flextell.serving import check_transport, choose_transport
from flextell.settings import Settings
from flextell.tls import local_certificate
from tests.transport.real_server import PLAIN, Running, process, ready

NOW = 1_800_000_000
NOBODY = 65534

Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(data_dir: Path = tmp_path / "data", **variables: str) -> Running:
            child = stack.enter_context(process(data_dir, **variables))
            return ready(child, data_dir)

        yield start


def refusal(data_dir: Path, **variables: str) -> tuple[str, int]:
    """The sentence and the exit code of a server that cannot start."""
    with process(data_dir, **variables) as child:
        output, errors = child.communicate(timeout=20)

    assert output == ""
    return errors, child.returncode


def ask(connection: socket.socket, path: str = "/", headers: str = "") -> bytes:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    return answer(connection)


def answer(connection: socket.socket) -> bytes:
    """One whole answer, which has a Content-Length."""
    head, body = b"", b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1) or pytest.fail(f"the connection ended after {head!r}")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(length - len(body)) or pytest.fail("the connection ended early")
    return head + body


def test_a_ready_server_says_so_in_one_line_and_in_a_file(start: Start) -> None:
    server = start()

    issuer = f"https://localhost:{server.port}"
    ca_file = server.data_dir / "ca.pem"
    assert server.port != 0
    assert server.line == f"Flextell is ready at {issuer} (CA file: {ca_file})\n"
    assert server.ready == {
        "issuer": issuer,
        "ca_file": str(ca_file),
        "pid": server.process.pid,
        "management": None,
    }
    with server.connect() as connection:
        assert ask(connection).endswith(b"https from 127.0.0.1")


def test_a_new_data_directory_is_private(start: Start) -> None:
    server = start()

    modes = {file.name: file.stat().st_mode & 0o777 for file in server.data_dir.iterdir()}
    assert server.data_dir.stat().st_mode & 0o777 == 0o700
    assert modes == {
        "ca.pem": 0o644,
        "ca-key.pem": 0o600,
        "leaf.pem": 0o644,
        "leaf-key.pem": 0o600,
        "ready.json": 0o644,
        "server.lock": 0o600,
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_within_a_second_and_is_a_success(
    start: Start, number: signal.Signals
) -> None:
    server = start()

    seconds = server.stop(number)

    assert seconds < 1
    assert server.process.returncode == ExitCode.OK
    assert server.output.read() == "app stopped\n"
    assert not (server.data_dir / "ready.json").exists()


def test_a_request_in_flight_gets_its_answer_before_the_end(start: Start) -> None:
    server = start()

    with server.connect() as asking, server.connect() as idle:
        ask(idle)
        asking.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert server.output.readline() == "asked\n"
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b"", "an idle connection is closed when the stop begins"
        assert server.process.poll() is None
        began = time.monotonic()
        server.let_go()
        got = answer(asking)
        server.process.wait(10)
        seconds = time.monotonic() - began

    assert got.endswith(b"https from 127.0.0.1")
    assert b"connection: close" in got
    assert seconds < 1
    assert server.process.returncode == ExitCode.OK


def test_a_client_in_conversation_is_told_to_leave_and_never_cut_off(start: Start) -> None:
    """RFC 9112 §9.6: the last answer on a connection says that it is the last."""
    server = start()

    with server.connect() as connection:
        got = ask(connection)
        server.process.send_signal(signal.SIGTERM)
        while b"connection: close" not in got:
            got = ask(connection)
        server.process.wait(10)

    assert got.endswith(b"https from 127.0.0.1")
    assert server.process.returncode == ExitCode.OK


def no_handshake(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port))


def no_request(server: Running) -> socket.socket:
    return server.connect()


def nothing_more(server: Running) -> socket.socket:
    connection = server.connect()
    ask(connection)
    return connection


def half_a_head(server: Running) -> socket.socket:
    connection = server.connect()
    connection.sendall(b"POST /body HTTP/1.1\r\nHost: local")
    return connection


def half_a_body(server: Running) -> socket.socket:
    connection = server.connect()
    connection.sendall(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
    return connection


@pytest.mark.parametrize(
    "leave_open", [no_handshake, no_request, nothing_more, half_a_head, half_a_body]
)
def test_a_silent_client_does_not_delay_the_end(
    start: Start, leave_open: Callable[[Running], socket.socket]
) -> None:
    server = start()

    with leave_open(server):
        seconds = server.stop()

    assert seconds < 1
    assert server.process.returncode == ExitCode.OK


def test_plain_http_to_the_tls_port_gets_no_answer(start: Start) -> None:
    """RFC 6749 §3.2: the endpoints require TLS."""
    server = start()

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = plain.recv(1000)

    assert b"HTTP" not in got
    assert b"from 127.0.0.1" not in got


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_curl_trusts_the_server_by_its_ca_file_alone(start: Start, host: str) -> None:
    server = start()
    curl = ["curl", "--silent", "--show-error", "--noproxy", "*", f"https://{host}:{server.port}/"]

    trusting = subprocess.run([*curl, "--cacert", server.ready["ca_file"]], capture_output=True)
    doubting = subprocess.run(curl, capture_output=True)

    assert trusting.stdout == b"https from 127.0.0.1"
    assert doubting.returncode == 60, "curl's code for an unknown authority"


def test_the_development_switch_serves_plain_http(start: Start) -> None:
    server = start(**PLAIN)

    assert server.ready["ca_file"] is None
    assert server.line == f"Flextell is ready at http://localhost:{server.port}\n"
    with server.connect() as connection:
        assert ask(connection).endswith(b"http from 127.0.0.1")


def test_behind_a_trusted_proxy_only_its_word_opens_plain_http(start: Start) -> None:
    """RFC 9700 §4.13."""
    server = start(FLEXTELL_TRUSTED_PROXIES="127.0.0.1")
    said = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 198.51.100.7\r\n"

    with server.connect() as proxied, server.connect() as direct:
        through_proxy = ask(proxied, headers=said)
        past_proxy = ask(direct)

    assert through_proxy.endswith(b"https from 198.51.100.7")
    assert past_proxy.startswith(b"HTTP/1.1 403 ")


def test_uvicorn_itself_believes_no_forwarded_header(start: Start) -> None:
    """RFC 9700 §4.13: whoever is not named as a proxy cannot choose its own address."""
    server = start()

    with server.connect() as connection:
        got = ask(connection, headers="X-Forwarded-For: 198.51.100.7\r\n")

    assert got.endswith(b"https from 127.0.0.1")


def test_the_operators_own_certificate_is_served(start: Start, tmp_path: Path) -> None:
    files = local_certificate(tmp_path, int(time.time()))
    server = start(
        FLEXTELL_TLS_CERTIFICATE_FILE=str(files.certificate_file),
        FLEXTELL_TLS_KEY_FILE=str(files.key_file),
        FLEXTELL_ISSUER="https://login.example.com",
    )

    assert server.line == "Flextell is ready at https://login.example.com\n"
    assert not (server.data_dir / "ca.pem").exists()


def test_a_second_server_on_one_data_directory_is_refused(start: Start) -> None:
    first = start()

    sentence, code = refusal(first.data_dir)

    assert code == ExitCode.ALREADY_RUNNING
    assert sentence == (
        f"Another server uses the data directory {first.data_dir};"
        " stop it, or name another directory with --data-dir.\n"
    )
    with first.connect() as connection:
        assert ask(connection).endswith(b"https from 127.0.0.1")
    assert (first.data_dir / "ready.json").exists()


def test_a_killed_server_leaves_nothing_that_stops_the_next(start: Start) -> None:
    killed = start()
    killed.stop(signal.SIGKILL)

    next_one = start()

    assert next_one.ready["pid"] == next_one.process.pid
    assert next_one.process.pid != killed.process.pid


def test_a_port_in_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence, code = refusal(tmp_path, FLEXTELL_PORT=str(port))

    assert code == ExitCode.PORT_IN_USE
    assert sentence == (
        f"Port {port} on 127.0.0.1 is in use;"
        " stop what uses it, or choose another with --port (0 picks a free one).\n"
    )


def test_an_address_of_another_machine_is_told_in_one_sentence(tmp_path: Path) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    sentence, code = refusal(tmp_path, FLEXTELL_HOST="192.0.2.1")

    assert code == ExitCode.PORT_IN_USE
    assert sentence == (
        "192.0.2.1 is not an address of this machine; choose another with --host.\n"
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that also a user without rights can enter."""
    with tempfile.TemporaryDirectory(prefix="flextell-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize("mode", [0o500, 0o000], ids=["read-only", "unreadable"])
def test_a_data_directory_without_rights_is_told_in_one_sentence(folder: Path, mode: int) -> None:
    data_dir = folder / "data"
    data_dir.mkdir()
    variables = {}
    if os.getuid() == 0:
        os.chown(data_dir, NOBODY, NOBODY)
        variables["RUN_AS"] = str(NOBODY)
    data_dir.chmod(mode)

    sentence, code = refusal(data_dir, **variables)

    assert code == ExitCode.DATA_DIR
    assert sentence == (
        f"The data directory {data_dir} cannot be used:"
        " this user may not read and write it; give it to this user or name another.\n"
    )
    assert list(data_dir.iterdir()) == []


def test_a_file_where_the_data_directory_should_be_is_told_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("a letter")

    sentence, code = refusal(file)

    assert code == ExitCode.DATA_DIR
    assert sentence == (
        f"The data directory {file} cannot be used: it is not a directory; name another.\n"
    )
    assert file.read_text() == "a letter"


def test_a_bad_certificate_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    nonsense = tmp_path / "certificate.pem"
    nonsense.write_text("nonsense")

    sentence, code = refusal(
        tmp_path / "data",
        FLEXTELL_TLS_CERTIFICATE_FILE=str(nonsense),
        FLEXTELL_TLS_KEY_FILE=str(tmp_path / "missing.pem"),
    )

    assert code == ExitCode.KEY_FILE
    assert sentence == (
        f"The file {tmp_path}/missing.pem cannot be read (no such file or directory);"
        " correct its path or permissions.\n"
    )


def test_an_app_that_cannot_start_ends_the_server_with_its_own_error(tmp_path: Path) -> None:
    sentence, code = refusal(tmp_path, BROKEN="yes")

    assert sentence == "bug: the app could not start\n"
    assert code == ExitCode.BUG
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"tls_certificate_file": "chain.pem"}, "FLEXTELL_TLS_KEY_FILE"),
        ({"tls_key_file": "key.pem"}, "FLEXTELL_TLS_CERTIFICATE_FILE"),
        ({"development_plain_http_on_loopback": True, "host": "0.0.0.0"}, "loopback address only"),
        (
            {
                "development_plain_http_on_loopback": True,
                "tls_certificate_file": "chain.pem",
                "tls_key_file": "key.pem",
            },
            "contradict",
        ),
        ({"issuer": "http://localhost:8443"}, "http issuer"),
        ({"trusted_proxies": "10.0.0.1, proxy.example.com"}, "FLEXTELL_TRUSTED_PROXIES"),
    ],
)
def test_settings_that_would_weaken_the_transport_are_refused(
    settings: dict[str, Any], word: str
) -> None:
    with pytest.raises(ExitError, match=word) as refused:
        check_transport(Settings(**settings))

    assert refused.value.code == ExitCode.USAGE


def test_a_full_disk_is_told_in_one_sentence_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(ExitError) as refused:
        choose_transport(Settings(data_dir=tmp_path), NOW)

    assert refused.value.code == ExitCode.DATA_DIR
    assert refused.value.sentence == (
        f"The data directory {tmp_path} cannot be used:"
        " its disk is full; free some space and start again."
    )
    assert list(tmp_path.iterdir()) == []
