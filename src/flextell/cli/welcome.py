"""What `flextell demo` says once everything answers: where to begin, as whom, and with what."""

import importlib.util
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from threading import Event, Thread
from typing import Any

from flextell.cli.answers import answer
from flextell.cli.sample import SCOPE, Sample, terminal_app_file
from flextell.cli.terminal import Terminal, authorize_url, curl_lines
from flextell.serving import READY_FILE

HOST = "127.0.0.1"
START_SECONDS = 30
POLL_SECONDS = 0.05

WELCOME = """
Flextell runs with sample data.

  {begin}
  Reference   {docs}  (every operation, to read and to try)
  Sign in as  {email}
  Password    {password}

  Your browser will warn, for it does not know the authority of this folder. Go past the warning,
  or import {ca_file}
  as an authority for websites (Firefox: Settings, Certificates, Authorities; Chrome:
  chrome://certificate-manager). It is good for localhost only.

By hand, with curl: open this address, sign in and allow,

  {authorize_url}

then paste these lines into another terminal, the first within a minute. They exchange the code,
call the API, and refresh:

{curl}
{sdk}
Press Ctrl-C to stop. The data stays in {folder}.
"""

WITH_SDK = """
Or with the SDK's command: sign in once, and it refreshes by itself:

{lines}
"""
OPEN = "Open        {address}  (Photos, a sample app: connect it to Flextell)"
NO_EXAMPLES = "The sample app is not here: it comes with the source code, in examples/photos."
NOT_STARTED = "The sample app did not start; what it said stands above."


@dataclass(frozen=True, slots=True)
class Welcome:
    """All there is to say. `photos_port`: None when the sample app is not there."""

    people: Sample
    folder: Path
    ca_file: Path
    terminal: Terminal
    photos_port: int | None


@contextmanager
def said_when_ready(welcome: Welcome, as_json: bool) -> Iterator[None]:
    """Say it as soon as everything answers, while the body runs the server."""
    stopping = Event()
    thread = Thread(target=_say, args=(welcome, as_json, stopping), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def described(welcome: Welcome) -> dict[str, Any]:
    """The welcome as JSON."""
    port = welcome.photos_port
    return {
        "address": f"https://localhost:{port}/" if port else None,
        "issuer": welcome.terminal.issuer,
        "docs": f"{welcome.terminal.issuer}/docs",
        "ca_file": str(welcome.ca_file),
        "email": welcome.people.email,
        "password": welcome.people.password,
        "authorize_url": authorize_url(welcome.terminal, SCOPE),
        "curl": list(curl_lines(welcome.terminal, welcome.ca_file)),
        "sdk": list(sdk_lines(welcome.folder)),
        "folder": str(welcome.folder),
    }


def sdk_lines(folder: Path) -> tuple[str, ...]:
    """Sign in and call the API; no lines where the SDK is not installed beside the server."""
    if importlib.util.find_spec("flextell_sdk") is None:
        return ()
    command = f"{_typed(Path(sys.executable))} -m flextell_sdk"
    return (
        f"{command} sign-in --app {_typed(terminal_app_file(folder))}",
        f"{command} call GET /v1/customers",
    )


def _typed(path: Path) -> str:
    """As somebody in this folder would type it."""
    here = Path.cwd()
    return quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _say(welcome: Welcome, as_json: bool, stopping: Event) -> None:
    ready = welcome.folder / READY_FILE
    for _ in range(int(START_SECONDS / POLL_SECONDS)):
        if ready.exists() and _photos_answers(welcome):
            break
        if stopping.wait(POLL_SECONDS):
            return
    value = described(welcome)
    curl = "\n\n".join(f"  {line}" for line in value["curl"])
    sdk = WITH_SDK.format(lines="\n".join(f"  {line}" for line in value["sdk"]))
    shown = {"curl": curl, "sdk": sdk if value["sdk"] else "", "begin": _begin(welcome, value)}
    text = WELCOME.format(**value | shown)
    answer(value, text, as_json)


def _begin(welcome: Welcome, value: dict[str, Any]) -> str:
    if welcome.photos_port is None:
        return NO_EXAMPLES
    return OPEN.format(**value) if _photos_answers(welcome) else NOT_STARTED


def _photos_answers(welcome: Welcome) -> bool:
    if welcome.photos_port is None:
        return True
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, welcome.photos_port)) == 0
