"""The SDK's command against a running server over TLS, by the hands of Alice at her browser."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.peers.visitor import Visitor
from tests.together.conftest import Start
from tests.together.server import ALICE, PASSWORD, RunningServer

SCOPE = "openid account:read customers:read"
REDIRECT_URI = "http://127.0.0.1/callback"
SECONDS = 60
# Warnings of the development mode would show in what a command says.
PYTHON = (sys.executable, "-X", "dev", "-W", "error::ResourceWarning")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left with and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON that is all of the output."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """Alice's shell, in a home of its own, with the file of an app."""

    home: Path
    server: RunningServer

    @property
    def app_file(self) -> Path:
        """What `sign-in --app` reads."""
        return self.home / "app.json"

    def describe(self, **changes: Any) -> None:
        """Register an app that Alice has never met, and write its file as a person would."""
        told = self.server.command(
            *("apps", "create", "--data-dir", self.server.data_dir, "--name", "Terminal"),
            *("--redirect-uri", REDIRECT_URI, "--scope", SCOPE),
        )
        trusted = {"issuer": self.server.url, "ca_file": str(self.server.data_dir / "ca.pem")}
        self.app_file.touch(0o600)
        self.app_file.write_text(json.dumps({**told, **trusted, "patience_seconds": 2, **changes}))

    def start(self, *words: object, browser: str = "true") -> "subprocess.Popen[str]":
        """Start a command; `browser` is what the system opens addresses with."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith("FLEXTELL_")}
        places = {"HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data")}
        return subprocess.Popen(
            [*PYTHON, "-m", "flextell_sdk", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**kept, **places, "BROWSER": browser},
        )

    def run(self, *words: object) -> Ran:
        """Run a command."""
        with self.start(*words) as process:
            return ended(process)

    def sign_in(self, *words: object, answer: str = "allow", browser: str = "true") -> Ran:
        """Sign in: Alice opens the address that is printed, and gives that answer."""
        with (
            self.start("sign-in", *words, browser=browser) as process,
            httpx2.Client(verify=self.server.trust()) as http,
        ):
            try:
                back = Visitor(http, self.server.url, ALICE, PASSWORD).visit(told(process), answer)
                assert httpx2.get(back).status_code == 200
                return ended(process)
            finally:
                # Where something failed it would wait for her for minutes.
                process.kill()


def ended(process: "subprocess.Popen[str]") -> Ran:
    """What it came to, and whatever it said that was not read yet."""
    out, err = process.communicate(timeout=SECONDS)
    return Ran(process.returncode, out, err.strip())


def told(process: "subprocess.Popen[str]") -> str:
    """The address that it tells the person to open."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "/oauth/authorize?" in line:
            return line.strip()
    raise AssertionError(f"it ended and said only {said}")


@pytest.fixture
def shell(tmp_path: Path, server: RunningServer) -> Shell:
    """At the shared server, with an app."""
    home = Shell(tmp_path, server)
    home.describe()
    return home


def test_alice_uses_the_api_from_her_shell(shell: Shell) -> None:
    signed_in = shell.sign_in("--app", shell.app_file)
    who = shell.run("whoami", "--json").json
    called = shell.run("call", "GET", "/v1/customers", "--query", "limit=1")
    doctor = shell.run("doctor")
    token = shell.run("token").out.strip()
    signed_out = shell.run("sign-out")
    afterwards = shell.run("token")
    answer = httpx2.get(
        f"{shell.server.url}/api/v1/customers",
        headers={"authorization": f"Bearer {token}"},
        verify=shell.server.trust(),
    )

    assert signed_in.code == 0
    assert who["scopes"] == sorted(SCOPE.split())
    assert len(who["person"]) == 36
    assert [tenant["name"] for tenant in who["tenants"]] == ["Alice"]
    assert called.json["success"] is True
    assert (doctor.code, doctor.out.count("ok ")) == (0, 9)
    assert (signed_out.code, signed_out.out) == (0, "You are signed out.\n")
    assert (afterwards.code, afterwards.out) == (3, "")
    assert answer.status_code == 401


def test_the_system_opens_the_address_in_its_browser(shell: Shell) -> None:
    script = shell.home / "browser"
    script.write_text('#!/bin/sh\nprintf %s "$1" >"$HOME/opened"\n')
    script.chmod(0o700)
    ran = shell.sign_in("--app", shell.app_file, browser=f"{script} %s")

    assert ran.code == 0
    assert (shell.home / "opened").read_text().startswith(f"{shell.server.url}/oauth/authorize?")


def test_alice_says_no(shell: Shell) -> None:
    ran = shell.sign_in("--app", shell.app_file, answer="deny")

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.count("\n") == 0
    assert shell.run("whoami").code == 3


def test_an_app_with_a_wrong_secret_is_not_signed_in(shell: Shell) -> None:
    shell.describe(client_secret="another")
    ran = shell.sign_in("--app", shell.app_file)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("invalid_client: ")


def test_an_authority_that_nobody_trusts_is_named_with_one_option(shell: Shell) -> None:
    shell.describe(ca_file=None)
    refused = shell.run("sign-in", "--app", shell.app_file)
    ca_file = shell.server.data_dir / "ca.pem"
    signed_in = shell.sign_in("--app", shell.app_file, "--ca-file", ca_file)

    assert (refused.code, refused.out) == (1, "")
    assert "--ca-file FILE" in refused.err
    assert signed_in.code == 0
    assert shell.run("doctor").code == 0


def test_ctrl_c_ends_the_wait_for_the_browser_without_a_word(shell: Shell) -> None:
    with shell.start("sign-in", "--app", shell.app_file) as process:
        told(process)
        process.send_signal(signal.SIGINT)
        ran = ended(process)

    assert (ran.code, ran.out, ran.err) == (130, "", "")


def test_a_server_that_is_away_costs_no_sign_in(tmp_path: Path, start: Start) -> None:
    own = Shell(tmp_path, start())
    own.describe()
    own.sign_in("--app", own.app_file)
    call, doctor, sign_out = ("call", "GET", "/v1/customers"), ("doctor",), ("sign-out",)
    own.server.kill()
    away = [own.run(*words) for words in (call, doctor, sign_out)]
    own.server.start()
    back = [own.run(*words) for words in (call, doctor, sign_out)]

    assert [ran.code for ran in away] == [4, 1, 4]
    for ran in away:
        assert "No answer from localhost" in ran.out + ran.err
        assert "Traceback" not in ran.err
    assert [ran.code for ran in back] == [0, 0, 0]
