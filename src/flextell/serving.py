"""The life of the server process: its data directory, its address, its transport, its end."""

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from flextell import asgi_server
from flextell.data_dir import finish_change
from flextell.exits import ExitCode, ExitError, data_dir_errors
from flextell.files import PUBLIC, write_atomically
from flextell.http_protocol import Bounds
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.tls import local_certificate, server_context
from flextell.transport import is_loopback, parse_networks

log = logging.getLogger(__name__)

LOCK_FILE = "server.lock"
READY_FILE = "ready.json"
LOCAL_ISSUER = (
    "The host is open to other machines, but the issuer is https://localhost: set FLEXTELL_ISSUER,"
    " and have a certificate of that name."
)
# Beyond the longest wait for the database, so that a request in flight gets its answer.
ANSWER_MARGIN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Transport:
    """How we speak: TLS with `context`, else plain HTTP. `ca_file`: what clients must trust."""

    context: ssl.SSLContext | None = None
    ca_file: Path | None = None


def serve(settings: Settings, build: Callable[[Settings], ASGIApp]) -> None:
    """Serve the app that `build` makes until SIGINT or SIGTERM; blocks, and returns after a stop.

    `build` gets the settings with the issuer completed. Prints one line and writes `ready.json`
    in the data directory when requests are answered. Raises ExitError when the operator must
    mend something, and whatever `build` or the app's lifespan raises.
    """
    check_transport(settings)
    with locked(settings.data_dir), _bound(settings.host, settings.port) as listener:
        transport = choose_transport(settings, SYSTEM.now())
        settings = _with_issuer(settings, listener)
        app = build(settings)
        ready_file = settings.data_dir / READY_FILE
        try:
            asgi_server.run(
                app,
                listener,
                transport.context,
                settings.database_wait_seconds + ANSWER_MARGIN_SECONDS,
                lambda: _announce(ready_file, settings.issuer, transport.ca_file),
                Bounds(settings.head_bytes, settings.head_seconds, settings.body_seconds),
            )
        finally:
            ready_file.unlink(missing_ok=True)


def check_transport(settings: Settings) -> None:
    """Refuse settings that contradict each other: ExitError (USAGE)."""
    certificate = settings.tls_certificate_file
    plain = settings.development_plain_http_on_loopback
    if (certificate is None) != (settings.tls_key_file is None):
        _usage("Set both FLEXTELL_TLS_CERTIFICATE_FILE and FLEXTELL_TLS_KEY_FILE, or neither.")
    if plain and certificate is not None:
        _usage(
            "FLEXTELL_DEVELOPMENT_PLAIN_HTTP_ON_LOOPBACK and a certificate contradict each"
            " other; unset one."
        )
    if plain and not is_loopback(settings.host):
        _usage(
            "FLEXTELL_DEVELOPMENT_PLAIN_HTTP_ON_LOOPBACK is for a loopback address only;"
            " set the host to 127.0.0.1 or unset it."
        )
    if settings.issuer.startswith("http:") and not plain:
        _usage(
            "An http issuer needs FLEXTELL_DEVELOPMENT_PLAIN_HTTP_ON_LOOPBACK=true;"
            " give an https issuer instead."
        )
    try:
        parse_networks(settings.trusted_proxies)
    except ValueError:
        _usage(
            "FLEXTELL_TRUSTED_PROXIES must be IP addresses or CIDR ranges such as 10.0.0.0/8,"
            " with commas between them; correct it."
        )


def choose_transport(settings: Settings, now: int) -> Transport:
    """The operator's certificate, or plain HTTP where the settings say so, or our own authority.

    Raises ExitError (KEY_FILE, DATA_DIR).
    """
    if not settings.issuer and not is_loopback(settings.host):
        log.warning(LOCAL_ISSUER)
    if settings.tls_certificate_file and settings.tls_key_file:
        return Transport(server_context(settings.tls_certificate_file, settings.tls_key_file))
    if settings.trusted_proxies or settings.development_plain_http_on_loopback:
        return Transport()
    if settings.issuer and not is_loopback(urlsplit(settings.issuer).hostname or ""):
        log.warning(
            "The local certificate is for localhost only; clients of the issuer need"
            " FLEXTELL_TLS_CERTIFICATE_FILE and FLEXTELL_TLS_KEY_FILE, or a trusted proxy."
        )
    with data_dir_errors(settings.data_dir):
        local = local_certificate(settings.data_dir.absolute(), now)
    return Transport(server_context(local.certificate_file, local.key_file), local.ca_file)


def _usage(sentence: str) -> NoReturn:
    raise ExitError(sentence, ExitCode.USAGE)


def _with_issuer(settings: Settings, listener: socket.socket) -> Settings:
    if settings.issuer:
        return settings
    scheme = "http" if settings.development_plain_http_on_loopback else "https"
    port = listener.getsockname()[1]
    return settings.model_copy(update={"issuer": f"{scheme}://localhost:{port}"})


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data directory, made if missing, as its only server. The lock dies with us.

    A change of its files that was cut short is finished first. Raises ExitError.
    """
    with data_dir_errors(data_dir):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(data_dir))
        lock = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExitError(
                f"Another server uses the data directory {data_dir}; stop it, or name another"
                " directory with --data-dir.",
                ExitCode.ALREADY_RUNNING,
            ) from error
        with data_dir_errors(data_dir):
            # Left behind by a server, or a restore, that was killed.
            (data_dir / READY_FILE).unlink(missing_ok=True)
            finish_change(data_dir)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens on the address; early clients wait in its queue until we are ready."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _address_error(host, port, error) from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # Two sockets may be bound to one port until one listens: take it now.
            listener.listen(asgi_server.BACKLOG)
        except OSError as error:
            raise _address_error(host, port, error) from error
        yield listener


ADDRESS_REMEDIES = {
    errno.EADDRINUSE: "Port {port} on {host} is in use; stop what uses it, or choose another"
    " with --port (0 picks a free one).",
    errno.EACCES: "Port {port} on {host} needs more rights than this user has; choose one above"
    " 1023 with --port.",
    errno.EADDRNOTAVAIL: "{host} is not an address of this machine; choose another with --host.",
}
UNKNOWN_HOST = "{host} cannot be listened on; give --host an IP address of this machine."


def _address_error(host: str, port: int, error: OSError) -> ExitError:
    sentence = UNKNOWN_HOST
    if not isinstance(error, socket.gaierror):
        sentence = ADDRESS_REMEDIES.get(error.errno or 0, UNKNOWN_HOST)
    return ExitError(sentence.format(host=host, port=port), ExitCode.PORT_IN_USE)


def _announce(ready_file: Path, issuer: str, ca_file: Path | None) -> None:
    path = str(ca_file) if ca_file else None
    content = json.dumps({"issuer": issuer, "ca_file": path, "pid": os.getpid()}) + "\n"
    with data_dir_errors(ready_file.parent):
        write_atomically(ready_file, content.encode(), PUBLIC)
    suffix = f" (CA file: {path})" if path else ""
    # The file has told it already: a reader who has left is no reason to stop.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"Flextell is ready at {issuer}{suffix}\n")
        sys.stdout.flush()
