"""A checkout in which `make run` runs, and the shell of somebody who reads the guides there."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

import flextell_sdk
from tests.peers.visitor import Visitor
from tests.together.sdk import free_port
from tests.together.server import FLEXTELL

ROOT = Path(__file__).parents[2]
DEMO = ".flextell-demo"
BROWSER = "alices-browser"
# Where the guides take it that the demo and the reader's own program listen.
DEMO_ADDRESS, OWN_PORT = "https://localhost:8443", "8000"
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder with the examples and a running demo, which has told what it is."""

    folder: Path
    told: dict[str, Any]

    @property
    def issuer(self) -> str:
        """Where the demo listens."""
        return str(self.told["issuer"])

    def here(self, text: str) -> str:
        """The text of a guide or an example, with the demo where it really is."""
        return text.replace(DEMO_ADDRESS, self.issuer)

    def app(self, **changes: Any) -> flextell_sdk.App:
        """The app that the examples of one person and one machine are."""
        return flextell_sdk.App.from_file(self.folder / DEMO / "terminal-app.json", **changes)

    def browser(self) -> httpx2.Client:
        """A browser that goes nowhere by itself."""
        return httpx2.Client(verify=self.app().trust())

    def alice(self, browser: httpx2.Client) -> Visitor:
        """The person of the demo, at that browser."""
        return Visitor(browser, self.issuer, self.told["email"], self.told["password"])


@contextmanager
def checkout(folder: Path) -> Iterator[Checkout]:
    """The demo, on any port that is free, until the context ends."""
    (folder / ".venv").symlink_to(sys.prefix)
    with subprocess.Popen(
        [FLEXTELL, "demo", "--port", "0", "--json"],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        try:
            demo.stdout.readline()
            found = Checkout(folder, json.loads(demo.stdout.readline()))
            for example in (ROOT / "sdk" / "examples").glob("*.py"):
                copy = folder / "sdk" / "examples" / example.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(found.here(example.read_text()))
            _install_browser(found)
            yield found
        finally:
            _end(demo)


@dataclass(frozen=True, slots=True)
class Shell:
    """Somebody's shell in the checkout; `home` is where this user's programs keep things."""

    checkout: Checkout
    home: Path

    def run(self, script: str, stdin: str = "", **variables: str) -> str:
        """What a script that succeeds prints."""
        done = self.tried(script, stdin, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tried(
        self, script: str, stdin: str = "", **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """What a script comes to; Alice sits at the browser."""
        with self.start(script, **variables) as process:
            try:
                out, err = process.communicate(stdin, timeout=SECONDS)
            finally:
                _end(process)
            return subprocess.CompletedProcess(script, process.returncode, out, err)

    def start(self, script: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a script, as it stands in a guide."""
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", self.checkout.here(script)],
            cwd=self.checkout.folder,
            env={**_environment(), **self._places(), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @contextmanager
    def serving(self, script: str, **variables: str) -> Iterator[httpx2.Client]:
        """A program of the guides that serves, on a free port; a browser at its address."""
        port = str(free_port())
        with self.start(script.replace(OWN_PORT, port), **variables) as process:
            assert process.stderr is not None
            try:
                said = "".join(_until("unning on", process.stderr))
                assert "unning on" in said, said
                with self.checkout.browser() as browser:
                    browser.base_url = httpx2.URL(f"https://localhost:{port}")
                    yield browser
            finally:
                _end(process)

    def _places(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "BROWSER": f"{self.checkout.folder / BROWSER} %s",
        }


def _install_browser(of: Checkout) -> None:
    """A program for the variable BROWSER, whose words may hold no colon."""
    words = [sys.executable, "-m", "tests.together.browsing", of.issuer, of.told["ca_file"]]
    line = shlex.join([*words, of.told["email"], of.told["password"]])
    program = of.folder / BROWSER
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {line} "$1"\n')
    program.chmod(0o700)


def _until(what: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if what in line:
            return


def _environment() -> dict[str, str]:
    """That of whoever runs the tests, without what would lead elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FLEXTELL_") and not name.lower().endswith("_proxy")
    }
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


def _end(process: "subprocess.Popen[str]") -> None:
    """It and its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
