"""`flextell demo`: a server with sample data and a sample app, which `make run` starts."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from flextell.cli.opened import opened, sentences
from flextell.cli.options import Json, settings_from
from flextell.cli.serve import open_log
from flextell.exits import ExitCode, ExitError, data_dir_errors
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.cli.sample import Sample
    from flextell.cli.terminal import Terminal
    from flextell.settings import Settings
    from flextell.tls import LocalCertificate

HOST = "127.0.0.1"
PORTS = 10
TERMINAL_PORTS = range(9080, 9090)
STOP_SECONDS = 2
# This file is src/flextell/cli/demo.py; an installed wheel has no examples beside it.
PHOTOS = Path(__file__).parents[3] / "examples" / "photos" / "app.py"

# Whatever the environment says of a real server, the demo is a small one of its own.
OWN = {
    "database": "",
    "issuer": "",
    "audience": "",
    "key_file": None,
    "tls_certificate_file": None,
    "tls_key_file": None,
    "trusted_proxies": (),
    "development_plain_http_on_loopback": False,
    "workers": 1,
}


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command("demo")(demo)


def demo(
    data_dir: Annotated[
        Path, typer.Option(help="Folder of the sample data.", metavar="DIR")
    ] = Path(".flextell-demo"),
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="First port to try for the server; 0: a free one."),
    ] = 8443,
    app_port: Annotated[
        int, typer.Option(help="First port to try for the sample app: 9443 to 9452.")
    ] = 9443,
    as_json: Json = False,
) -> None:
    """Run a server with sample data and a sample app.

    The first run makes a person, a business and its customers; later runs keep them. Remove
    the folder to start over.

    \b
    Examples:
      flextell demo
      flextell demo --data-dir /tmp/demo --port 10443
    """
    from flextell.app import build_service
    from flextell.cli import sample
    from flextell.cli.reference_app import reference_app_of
    from flextell.cli.welcome import Welcome, said_when_ready
    from flextell.serving import serve
    from flextell.tls import local_certificate

    folder = data_dir.absolute()
    _refuse_a_second(folder)
    port = _free_port(range(port, min(port + PORTS, 65536)), "Flextell")
    settings = _settings(folder, port)
    open_log(settings.log_level)
    with opened(settings, make=True) as store, data_dir_errors(folder):
        people = sample.prepare(folder, store)
        app = store.at_once(lambda unit: reference_app_of(unit, _issuer(port)))
        settings = settings.model_copy(update={"docs_client_id": app.client_id})
        files = local_certificate(folder, SYSTEM.now())
        sample.write_terminal_app(folder, store, people, _issuer(port), files.ca_file)
    with _ended_like_ctrl_c(), contextlib.ExitStack() as running:
        photos_port = None
        if PHOTOS.exists():
            photos_port = _free_port((p for p in sample.PHOTOS_PORTS if p >= app_port), "Photos")
            running.enter_context(_photos(people, folder, port, photos_port, files))
        terminal = running.enter_context(_terminal(people, folder, port))
        welcome = Welcome(people, folder, files.ca_file, terminal, photos_port)
        running.enter_context(said_when_ready(welcome, as_json))
        with sentences(settings):
            serve(settings, build_service)


def _issuer(port: int) -> str:
    return f"https://localhost:{port}"


def _settings(folder: Path, port: int) -> "Settings":
    settings = settings_from(data_dir=folder, host=HOST, port=port)
    quiet = {} if "log_level" in settings.model_fields_set else {"log_level": "warning"}
    return settings.model_copy(update=OWN | quiet)


def _refuse_a_second(folder: Path) -> None:
    """Raises ExitError (ALREADY_RUNNING) before files of the running demo are replaced."""
    from flextell.cli.examination import running

    ready = running(folder)
    if ready is not None:
        raise ExitError(
            f"It runs already, at {ready['issuer']}; stop it (process {ready['pid']}) or name "
            "another folder with --data-dir.",
            ExitCode.ALREADY_RUNNING,
        )


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the body as Ctrl-C does, so that no child of ours is left behind."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _free_port(ports: Iterable[int], whose: str) -> int:
    """The first port that nobody listens on. Raises ExitError (PORT_IN_USE)."""
    taken = []
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                probe.listen()
            except OSError:
                taken.append(port)
                continue
            # Not `port`, which may be 0.
            found: int = probe.getsockname()[1]
        if taken:
            _say(f"Port {taken[0]} is taken; {whose} uses {found}.")
        return found
    raise ExitError(
        f"No port that {whose} may use is free; stop what uses them or name others "
        "(flextell demo --help).",
        ExitCode.PORT_IN_USE,
    )


def _say(line: str) -> None:
    typer.echo(line, err=True)


@contextlib.contextmanager
def _photos(
    people: "Sample", folder: Path, port: int, own_port: int, files: "LocalCertificate"
) -> Iterator[None]:
    """The sample app as a process of its own, gone when the body ends."""
    from flextell.cli.sample import photos_secret_file

    options = {
        "issuer": _issuer(port),
        "ca-file": files.ca_file,
        "client-id": people.photos_client_id,
        "client-secret-file": photos_secret_file(folder),
        "port": own_port,
        "certificate": files.certificate_file,
        "certificate-key": files.key_file,
        "data-dir": folder / "photos",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    child = subprocess.Popen(
        [sys.executable, str(PHOTOS), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def _terminal(people: "Sample", folder: Path, port: int) -> Iterator["Terminal"]:
    from flextell.cli.terminal import Terminal, listening, prepare_files

    app = Terminal(
        issuer=_issuer(port),
        client_id=people.terminal_client_id,
        port=_free_port(TERMINAL_PORTS, "Terminal"),
        folder=folder,
        state=SYSTEM.random(16).hex(),
        verifier=SYSTEM.random(32).hex(),
    )
    with data_dir_errors(folder):
        prepare_files(app)
    with listening(app, _say):
        yield app
