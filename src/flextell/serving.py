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
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from flextell import asgi_server
from flextell.accepting import Terms, accept_from, beside
from flextell.data_dir import finish_change
from flextell.exits import ExitCode, ExitError, data_dir_errors
from flextell.files import PUBLIC, write_atomically
from flextell.http_protocol import Bounds
from flextell.life import Life
from flextell.listening import Address, bound
from flextell.management import OneProcess, Service, Subject, management
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


@dataclass(frozen=True, slots=True)
class Place:
    """What a server holds while it runs: its sockets, and settings that name its issuer."""

    settings: Settings
    transport: Transport
    listener: socket.socket
    management: socket.socket | None

    @contextlib.asynccontextmanager
    async def managed(self, subject: Subject) -> AsyncIterator[None]:
        """Answer on the management port, if there is one, while the body runs."""
        if self.management is None:
            yield
            return
        terms = terms_of(self.settings, None)
        async with beside(management(subject), self.management, terms):
            yield

    @contextlib.contextmanager
    def announced(self) -> Iterator[Callable[[], None]]:
        """What to call when requests are answered; what it wrote is gone when the body ends."""
        ready_file = self.settings.data_dir / READY_FILE
        try:
            yield lambda: _announce(ready_file, self)
        finally:
            ready_file.unlink(missing_ok=True)


def serve(settings: Settings, build: Callable[[Settings], Service]) -> None:
    """Serve what `build` makes until SIGINT or SIGTERM; blocks, and returns after a stop.

    `build` gets the settings with the issuer completed. Prints one line and writes `ready.json`
    in the data directory when requests are answered. Raises ExitError when the operator must
    mend something, and whatever `build` or the app's lifespan raises.
    """
    with prepared(settings) as place, place.announced() as announce:
        service = build(place.settings)
        life = Life(settings.drain_seconds)
        asgi_server.run(
            service.app,
            accept_from(place.listener),
            terms_of(place.settings, place.transport.context),
            life,
            announce,
            place.managed(OneProcess(service, life)),
        )


@contextlib.contextmanager
def prepared(settings: Settings) -> Iterator[Place]:
    """Take the data directory and the ports, and see that clients can be spoken with.

    Raises ExitError.
    """
    check_transport(settings)
    check_workers(settings)
    with contextlib.ExitStack() as held:
        held.enter_context(locked(settings.data_dir))
        listener = held.enter_context(bound(Address(settings.host, settings.port)))
        management = None
        if settings.management_port is not None:
            management = held.enter_context(bound(_management_address(settings)))
        transport = choose_transport(settings, SYSTEM.now())
        yield Place(_with_issuer(settings, listener), transport, listener, management)


def terms_of(settings: Settings, context: ssl.SSLContext | None) -> Terms:
    """On what terms clients are served."""
    return Terms(
        context,
        settings.database_wait_seconds + ANSWER_MARGIN_SECONDS,
        Bounds(settings.head_bytes, settings.head_seconds, settings.body_seconds),
    )


def _management_address(settings: Settings) -> Address:
    return Address(
        settings.management_host,
        settings.management_port or 0,
        "FLEXTELL_MANAGEMENT_HOST",
        "--management-port",
    )


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


def check_workers(settings: Settings) -> None:
    """Refuse several workers where only one can be: ExitError (USAGE)."""
    if settings.workers > 1 and not settings.database.startswith("postgresql"):
        _usage(
            "Several workers need PostgreSQL, for SQLite has one writer: set FLEXTELL_DATABASE,"
            " or leave FLEXTELL_WORKERS at 1."
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


def _announce(ready_file: Path, place: Place) -> None:
    issuer, ca_file = place.settings.issuer, place.transport.ca_file
    path = str(ca_file) if ca_file else None
    content = {
        "issuer": issuer,
        "ca_file": path,
        "pid": os.getpid(),
        "management": _management_url(place.management),
    }
    with data_dir_errors(ready_file.parent):
        write_atomically(ready_file, json.dumps(content).encode() + b"\n", PUBLIC)
    suffix = f" (CA file: {path})" if path else ""
    # The file has told it already: a reader who has left is no reason to stop.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"Flextell is ready at {issuer}{suffix}\n")
        sys.stdout.flush()


def _management_url(listener: socket.socket | None) -> str | None:
    if listener is None:
        return None
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
