"""What `flextell doctor` looks at: one function a question, none of which changes anything."""

import json
import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from cryptography import x509

from flextell import masterkey
from flextell.cli.opened import ready_folder, sentences
from flextell.cli.serve import IGNORED
from flextell.exits import ExitCode, ExitError
from flextell.node.keyring import KeyMaker
from flextell.oauth.keys import KeyRecord
from flextell.serving import LOCAL_ISSUER, READY_FILE, check_transport, check_workers
from flextell.settings import DAY, MINUTE, Settings, unknown_variables, variables
from flextell.sources import SYSTEM
from flextell.store.opening import database_url, open_store, passes_walls, standing
from flextell.tls import RENEW_BEFORE_SECONDS, server_context
from flextell.transport import is_loopback

State = Literal["ok", "warn", "fail"]
Answer = tuple[State, str]

MEBIBYTE = 1024 * 1024
LITTLE_SPACE = 500 * MEBIBYTE
NO_SPACE = 20 * MEBIBYTE
ANSWER_SECONDS = 5
CLOCK_TOLERANCE = 5 * MINUTE
# No clock is right that shows a time before this program was written: 1 November 2026.
WRITTEN = 1_793_491_200
READY = "/health/ready"
PASSES_WALLS = (
    "Its user is a superuser or has BYPASSRLS, whom no wall between tenants stops; let an ordinary "
    "role own the database, and connect as that."
)
METADATA = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question; `code` is what a failure makes the process leave with."""

    check: str
    state: State
    message: str
    code: ExitCode = ExitCode.OK


def examine(settings: Settings) -> Iterator[Finding]:
    """Every question in turn; a failure of one does not hide the others."""
    now = SYSTEM.now()
    records: list[KeyRecord] = []
    yield from _asked("settings", lambda: _settings(settings))
    yield from _asked("data dir", lambda: _data_dir(settings.data_dir))
    yield from _asked("database", lambda: _database(settings, records))
    yield from _asked("key file", lambda: _key_file(settings, records))
    yield from _asked("certificate", lambda: _certificate(settings, now))
    yield from _asked("address", lambda: _address(settings))
    yield from _asked("health", lambda: _health(settings))
    yield from _asked("issuer", lambda: _issuer(settings))
    yield from _asked("clock", lambda: _clock(records, now))


def _asked(check: str, question: Callable[[], Answer]) -> Iterator[Finding]:
    try:
        state, message = question()
    except ExitError as error:
        yield Finding(check, "fail", error.sentence, error.code)
    else:
        yield Finding(check, state, message)


def _settings(settings: Settings) -> Answer:
    check_transport(settings)
    check_workers(settings)
    if unknown := unknown_variables(variables()):
        return "warn", IGNORED.format(", ".join(unknown))
    return "ok", "The settings do not contradict each other."


def _data_dir(data_dir: Path) -> Answer:
    ready_folder(data_dir, make=False)
    free = shutil.disk_usage(data_dir).free
    room = f"{free // MEBIBYTE} MiB are free"
    if free < NO_SPACE:
        raise ExitError(f"Only {room} on the disk of {data_dir}; make room.", ExitCode.DATA_DIR)
    if free < LITTLE_SPACE:
        return "warn", f"Only {room} on the disk of {data_dir}; make room soon."
    if data_dir.stat().st_mode & 0o077:
        return "warn", f"Others may look into {data_dir}; run chmod 700 on it."
    return "ok", f"{data_dir} is there and private; {room}."


def _database(settings: Settings, records: list[KeyRecord]) -> Answer:
    """Also reads the signing keys, which later questions are about."""
    with sentences(settings):
        url = database_url(settings)
        embedded = url.get_backend_name() == "sqlite"
        if embedded and not Path(url.database or "").exists():
            return "warn", "There is no database yet; the first command or server makes it."
        found = standing(url)
        if found.ready:
            store = open_store(settings)
            try:
                records += store.at_once(lambda unit: unit.signing_keys.all())
            finally:
                store.close()
            if passes_walls(url):
                return "warn", PASSES_WALLS
            return "ok", f"It answers and is at version {found.version}."
        found.refuse_newer()
    if embedded:
        return "warn", "It is at an older version; the next command or server migrates it."
    raise ExitError("The database must be migrated: run flextell migrate.", ExitCode.DATABASE)


def _key_file(settings: Settings, records: list[KeyRecord]) -> Answer:
    path = settings.master_key_file
    if not path.exists() and not records:
        return "warn", "There is no master key yet; the first server makes it."
    with sentences(settings):
        maker = KeyMaker(masterkey.load(path), settings, SYSTEM)
        for record in records:
            maker.open(record)
    return "ok", f"{path} opens every signing key; keep a copy of it elsewhere."


def _certificate(settings: Settings, now: int) -> Answer:
    file, key = settings.tls_certificate_file, settings.tls_key_file
    if file is None or key is None:
        if settings.trusted_proxies or settings.development_plain_http_on_loopback:
            return "ok", "None is needed: the settings say that others speak TLS, or nobody."
        local = settings.data_dir / "leaf.pem"
        if not local.exists():
            return "warn", "There is no certificate yet; the first server makes one for localhost."
        left = _seconds_left(local, settings.data_dir / "leaf-key.pem", now)
        return "ok", f"The local one lasts {left // DAY} days and is renewed by itself."
    left = _seconds_left(file, key, now)
    if left <= 0:
        raise ExitError(f"The certificate {file} has expired; renew it.", ExitCode.KEY_FILE)
    if left < RENEW_BEFORE_SECONDS:
        return "warn", f"The certificate {file} lasts {left // DAY} more days; renew it."
    return "ok", f"The certificate {file} lasts {left // DAY} days."


def _seconds_left(certificate_file: Path, key_file: Path, now: int) -> int:
    server_context(certificate_file, key_file)
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    if certificate.not_valid_before_utc.timestamp() > now:
        raise ExitError(
            f"The certificate {certificate_file} is not valid yet; check the clock.",
            ExitCode.KEY_FILE,
        )
    return int(certificate.not_valid_after_utc.timestamp()) - now


def _address(settings: Settings) -> Answer:
    ready = running(settings.data_dir)
    if ready is not None:
        return _asked_over_tls(ready)
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(found[0], found[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[4])
            probe.listen()
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ExitError(
            f"Port {settings.port} on {settings.host} cannot be used ({reason}), and no server of "
            "this data directory runs; stop what uses it, or choose another.",
            ExitCode.PORT_IN_USE,
        ) from None
    return "ok", f"Port {settings.port} on {settings.host} is free; no server runs."


def running(data_dir: Path) -> dict[str, Any] | None:
    """What a running server said of itself, or None if none runs."""
    try:
        ready: dict[str, Any] = json.loads((data_dir / READY_FILE).read_text())
        alive = _is_alive(int(ready["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return ready if alive else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it runs as somebody else
    return True


def _asked_over_tls(ready: dict[str, Any]) -> Answer:
    issuer = str(ready["issuer"])
    url = urlsplit(issuer)
    host = url.hostname or ""
    try:
        if url.scheme == "https":
            trust = ssl.create_default_context(cafile=ready["ca_file"])
            connection: HTTPConnection = HTTPSConnection(
                host, url.port, timeout=ANSWER_SECONDS, context=trust
            )
        else:
            connection = HTTPConnection(host, url.port, timeout=ANSWER_SECONDS)
        connection.request("GET", METADATA)
        named = json.loads(connection.getresponse().read()).get("issuer")
        connection.close()
    except (OSError, HTTPException, ValueError, AttributeError) as error:
        raise ExitError(
            f"A server runs (process {ready['pid']}) but does not answer at {issuer} "
            f"({type(error).__name__}); see its log.",
            ExitCode.PORT_IN_USE,
        ) from None
    if named != issuer:
        raise ExitError(
            f"What answers at {issuer} calls itself something else; check proxy and issuer.",
            ExitCode.PORT_IN_USE,
        )
    return "ok", f"A server runs (process {ready['pid']}) and answers at {issuer}."


def _health(settings: Settings) -> Answer:
    """What a running server says of itself on its management port."""
    ready = running(settings.data_dir)
    url = ready.get("management") if ready else None
    if url is None:
        return "ok", "No server runs here that has a management port."
    try:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)
        connection.request("GET", READY)
        failed = json.loads(connection.getresponse().read())["failed"]
        connection.close()
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise ExitError(
            f"The management port {url} does not answer ({type(error).__name__}); see the log.",
            ExitCode.PORT_IN_USE,
        ) from None
    if failed:
        return "warn", f"The server at {url} is not ready: {', '.join(failed)}."
    return "ok", f"The server says at {url} that it is ready."


def _issuer(settings: Settings) -> Answer:
    issuer = settings.issuer
    if not issuer:
        return _issuer_unset(settings)
    if not issuer.startswith("https:"):
        return "warn", "It is plain http: for development only."
    local = settings.tls_certificate_file is None and not settings.trusted_proxies
    if local and not is_loopback(urlsplit(issuer).hostname or ""):
        return "warn", "Clients cannot trust the local certificate: set one, or a trusted proxy."
    return "ok", f"It is {issuer}."


def _issuer_unset(settings: Settings) -> Answer:
    """Where a server runs, the issuer is what it says, whatever port we were told of."""
    ready = running(settings.data_dir)
    scheme = "http" if settings.development_plain_http_on_loopback else "https"
    issuer = ready["issuer"] if ready else f"{scheme}://localhost:{settings.port or 'PORT'}"
    if not is_loopback(settings.host) and is_loopback(urlsplit(issuer).hostname or ""):
        return "warn", LOCAL_ISSUER
    return "ok", f"Not set: it is {issuer}."


def _clock(records: list[KeyRecord], now: int) -> Answer:
    newest = max((record.created_at for record in records), default=WRITTEN)
    if now < WRITTEN or now + CLOCK_TOLERANCE < newest:
        raise ExitError(
            "The clock is behind: it shows a time before what was done here; set it.",
            ExitCode.INVALID,
        )
    return "ok", "It is not behind what was done here."
