"""`flextell demo`: what it makes, keeps, prints, and leaves behind."""

import inspect
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import httpx2
import pytest

from flextell.accounts import passwords
from flextell.cli import sample, terminal, welcome
from flextell.cli.answers import answer
from flextell.cli.demo import demo as demo_command
from flextell.exits import ExitCode
from flextell.oauth.model import digest_of
from flextell.settings import Settings
from flextell.store.opening import open_store
from flextell.store.port import Store, Unit
from flextell.tenants.customers import CustomerQuery
from flextell_sdk import App
from tests.cli.conftest import Run
from tests.peers.visitor import Visitor

PROGRAM = str(Path(sys.executable).with_name("flextell"))
MAKEFILE = Path(__file__).parents[2] / "Makefile"
ISSUER = "https://localhost:8443"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def kept(folder: Path) -> Iterator[Store]:
    store = open_store(Settings(data_dir=folder))
    yield store
    store.close()


def test_there_is_a_person_with_a_business_and_customers(folder: Path, kept: Store) -> None:
    made = sample.prepare(folder, kept)

    def look(unit: Unit) -> tuple[bool, list[str]]:
        person = unit.people.by_email(made.email)
        assert person is not None
        [membership] = unit.tenants.memberships(person.subject) or ()
        found = unit.customers.find(membership.tenant_id, CustomerQuery())
        assert found.total == 25
        right = passwords.check(made.password, person.password_hash).right
        return right, [customer.details.first_name for customer in found.rows]

    assert made.email == "alice@example.com"
    assert kept.at_once(look)[0]
    assert "Yusuf" in kept.at_once(look)[1]


def test_a_second_run_keeps_everything(folder: Path, kept: Store) -> None:
    first = sample.prepare(folder, kept)
    before = kept.at_once(lambda unit: unit.clients.all())
    second = sample.prepare(folder, kept)

    assert second == first
    assert kept.at_once(lambda unit: unit.clients.all()) == before
    assert sorted(client.name for client in before) == ["Photos", "Terminal"]


@pytest.mark.parametrize("lost", ["demo.json", "photos-secret"])
def test_what_was_lost_is_made_again_and_fits(folder: Path, kept: Store, lost: str) -> None:
    sample.prepare(folder, kept)
    (folder / lost).unlink()
    made = sample.prepare(folder, kept)
    person = kept.at_once(lambda unit: unit.people.by_email(made.email))
    photos = kept.at_once(lambda unit: unit.clients.get(made.photos_client_id))

    assert person is not None
    assert passwords.check(made.password, person.password_hash).right
    assert photos is not None
    assert photos.secret_digest == digest_of(sample.photos_secret_file(folder).read_text())


def test_secrets_lie_in_files_for_their_owner_alone(folder: Path, kept: Store) -> None:
    made = sample.prepare(folder, kept)
    sample.write_terminal_app(folder, kept, made, ISSUER, folder / "ca.pem")
    terminal.prepare_files(a_terminal(folder))

    for name in ("demo.json", "photos-secret", "terminal-secret", "terminal-app.json",
                 "terminal-code", "terminal-verifier", "terminal-tokens.json"):  # fmt: skip
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_the_sdk_reads_all_that_terminal_knows_of_itself(folder: Path, kept: Store) -> None:
    made = sample.prepare(folder, kept)
    sample.write_terminal_app(folder, kept, made, "https://localhost:1", folder / "ca.pem")
    sample.write_terminal_app(folder, kept, made, ISSUER, folder / "ca.pem")

    assert App.from_file(sample.terminal_app_file(folder)) == App(
        issuer=ISSUER,
        client_id=made.terminal_client_id,
        client_secret=sample.terminal_secret_file(folder).read_text(),
        redirect_uri="http://127.0.0.1/callback",
        scope="account:read customers:read openid",
        ca_file=folder / "ca.pem",
    )


def test_a_terminal_of_a_demo_begun_long_ago_asks_for_no_more_than_it_may(
    folder: Path, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as long_ago:
        long_ago.setattr(sample, "TERMINAL_SCOPE", sample.SCOPE)
        sample.prepare(folder, kept)
    made = sample.prepare(folder, kept)
    sample.write_terminal_app(folder, kept, made, ISSUER, folder / "ca.pem")

    assert App.from_file(sample.terminal_app_file(folder)).scope == sample.SCOPE


def a_terminal(folder: Path, port: int = 9080) -> terminal.Terminal:
    return terminal.Terminal(ISSUER, "terminal-id", port, folder, "the state", "v" * 43)


def test_terminal_takes_the_code_that_it_asked_for(folder: Path) -> None:
    app, said = a_terminal(folder), list[str]()
    target = "/callback?code=c0de&state=the+state&iss=https%3A%2F%2Flocalhost%3A8443"

    assert terminal.judge(app, target, said.append)[0] == 200
    assert app.code_file.read_text() == "c0de"
    assert len(said) == 1
    assert "c0de" not in said[0]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/", 404),
        ("/callback", 400),
        ("/callback?code=c0de&state=another&iss=https%3A%2F%2Flocalhost%3A8443", 400),
        ("/callback?code=c0de&state=the+state&iss=https%3A%2F%2Fevil.example", 400),
        ("/callback?code=c0de&state=the+state", 400),
        ("/callback?code=a&code=b&state=the+state&iss=https%3A%2F%2Flocalhost%3A8443", 200),
        ("/callback?error=access_denied&state=the+state&iss=https%3A%2F%2Flocalhost%3A8443", 200),
    ],
)
def test_terminal_takes_no_other_answer(folder: Path, target: str, status: int) -> None:
    """RFC 9207 §2.4 (iss), RFC 6749 §10.12 (state)."""
    app = a_terminal(folder)

    assert terminal.judge(app, target, lambda line: None)[0] == status
    assert not app.code_file.exists()


def test_terminal_answers_browsers_on_loopback(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    app = a_terminal(folder, port)
    target = "/callback?code=c0de&state=the+state&iss=https%3A%2F%2Flocalhost%3A8443"

    with (
        terminal.listening(app, lambda line: None),
        urlopen(f"http://127.0.0.1:{port}{target}", timeout=10) as answer,
    ):
        body, policy = answer.read(), answer.headers["Content-Security-Policy"]

    assert b"Terminal has its code" in body
    assert policy.startswith("default-src 'none'")


def test_the_address_to_open_asks_with_state_and_pkce(folder: Path) -> None:
    asked = parse_qs(urlsplit(terminal.authorize_url(a_terminal(folder), sample.SCOPE)).query)

    assert asked["state"] == ["the state"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["http://127.0.0.1:9080/callback"]


def test_the_curl_lines_hold_no_secret(folder: Path, kept: Store) -> None:
    sample.prepare(folder, kept)
    lines = " ".join(terminal.curl_lines(a_terminal(folder), folder / "ca.pem"))

    assert sample.terminal_secret_file(folder).read_text() not in lines
    assert "v" * 43 not in lines


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo, and what it printed."""

    process: subprocess.Popen[str]
    printed: dict[str, Any]

    def listens(self, url: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[Demo]:
    """Ports are shared with whatever else runs: the demo moves on to the next free ones."""
    with subprocess.Popen(
        [PROGRAM, "demo", "--data-dir", folder / "demo", "--json", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        env=os.environ | {"FLEXTELL_ISSUER": "https://id.example.com"},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        try:
            child.stdout.readline()
            yield Demo(child, json.loads(child.stdout.readline()))
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda pid: os.killpg(pid, signal.SIGINT), id="Ctrl-C"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGTERM), id="SIGTERM"),
    ],
)
def test_demo_runs_both_programs_and_leaves_nothing_running(
    folder: Path, stop: Callable[[int], None]
) -> None:
    with demo(folder) as running:
        issuer, address = running.printed["issuer"], running.printed["address"]
        assert running.listens(issuer)
        assert running.listens(address)

        began = time.monotonic()
        stop(running.process.pid)
        code = running.process.wait(30)
        taken = time.monotonic() - began

        assert code == ExitCode.OK
        assert taken < 5  # a second or two, on a machine that does nothing else
        assert not running.listens(issuer)
        assert not running.listens(address)
        assert stat.S_IMODE((folder / "demo").stat().st_mode) == 0o700


def test_demo_on_any_free_port_says_which(folder: Path) -> None:
    with demo(folder, "--port", "0") as running:
        told = running.printed
        assert urlsplit(told["issuer"]).port
        assert running.listens(told["issuer"])
        for line in (told["authorize_url"], *told["curl"]):
            assert f" {told['issuer']}/" in f" {line}"


def test_the_printed_lines_of_the_sdk_sign_in_and_call_the_api(folder: Path) -> None:
    """As pasted, in their order; the person opens the address that the first one shows."""
    environment = os.environ | {"BROWSER": "true", "XDG_DATA_HOME": str(folder / "home")}
    with demo(folder, "--port", "0") as running:
        told = running.printed
        sign_in, call = told["sdk"]
        trusted = ssl.create_default_context(cafile=told["ca_file"])
        with (
            subprocess.Popen(
                ["bash", "-c", sign_in], stderr=subprocess.PIPE, text=True, env=environment
            ) as started,
            httpx2.Client(verify=trusted) as browser,
        ):
            assert started.stderr is not None
            [address] = [line for line in _until_address(started.stderr) if "authorize?" in line]
            alice = Visitor(browser, told["issuer"], told["email"], told["password"])
            httpx2.get(alice.visit(address.strip()))
            code = started.wait(30)
        called = subprocess.run(
            ["bash", "-c", call], capture_output=True, text=True, env=environment, check=True
        )

    assert code == 0
    assert "Yusuf" in {each["first_name"] for each in json.loads(called.stdout)["data"]}


def _until_address(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if "authorize?" in line:
            return


@pytest.mark.parametrize("here", [True, False])
def test_the_lines_of_the_sdk_are_as_short_as_they_can_be(
    folder: Path, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    monkeypatch.setattr("sys.executable", str(folder / ".venv" / "bin" / "python"))
    monkeypatch.chdir(folder if here else folder.parent)
    sign_in, call = welcome.sdk_lines(folder / ".flextell-demo")
    before = "" if here else f"{folder.name}/"

    python = f"{before}.venv/bin/python -m flextell_sdk"
    assert sign_in == f"{python} sign-in --app {before}.flextell-demo/terminal-app.json"
    assert call == f"{python} call GET /v1/customers"


def test_without_the_sdk_nothing_is_said_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert welcome.sdk_lines(folder) == ()


def test_make_clean_data_removes_what_the_demo_makes() -> None:
    [removed] = re.findall(r"^clean-data:.*\n\trm -rf (\S+)$", MAKEFILE.read_text(), re.MULTILINE)

    assert Path(removed) == inspect.signature(demo_command).parameters["data_dir"].default


def test_demo_without_the_examples_says_so_and_runs(
    flextell: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    welcomed = Event()

    def answer_and_tell(value: object, text: str, as_json: bool) -> None:
        answer(value, text, as_json)
        welcomed.set()

    def serve(settings: Settings, build: object) -> None:
        (settings.data_dir / "ready.json").write_text("{}")
        assert welcomed.wait(30)

    monkeypatch.setattr("flextell.cli.demo.PHOTOS", folder / "not-here" / "app.py")
    monkeypatch.setattr("flextell.cli.welcome.answer", answer_and_tell)
    monkeypatch.setattr("flextell.serving.serve", serve)
    ran = flextell("demo", "--data-dir", str(folder / "demo"))

    assert ran.code == ExitCode.OK
    assert "The sample app is not here" in ran.out
    assert ran.out.count("curl -sS --cacert") == 3
    assert ran.out.count("-m flextell_sdk") == 2
