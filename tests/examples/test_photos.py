"""The sample app keeps the security practices that we ask of every app that connects."""

import ast
import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
from starlette.testclient import TestClient

import photos
from app import settings
from photos.attempts import Attempts
from photos.connection import Connections
from photos.https import over_https
from photos.oauth import OAuthClient, Registration, Tokens, new_attempt
from photos.problems import Problem
from photos.token_store import TokenStore
from photos.web import build_app
from tests.examples.fake_flextell import (
    CLIENT_ID,
    CLIENT_SECRET,
    INVALID_TOKEN,
    ISSUER,
    REDIRECT_URI,
    REFUSED_GRANT,
    FakeFlextell,
    callback_path,
    says,
)

PHOTOS = Registration(CLIENT_ID, CLIENT_SECRET, REDIRECT_URI)
NOW = 1_800_000_000
BUTTONS = ["/connect", "/call", "/refresh", "/disconnect"]


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    time: int = NOW

    def __call__(self) -> int:
        return self.time


@dataclass
class World:
    """Alice's browser, Photos, and the Flextell that Photos talks to."""

    alice: TestClient
    flextell: FakeFlextell
    folder: Path
    clock: Clock

    def press(self, path: str, browser: TestClient | None = None) -> tuple[int, str]:
        """Press a button of the page: the status and the page (or where it leads)."""
        browser = browser or self.alice
        number = re.search(r'name="form_number" value="(\w+)"', browser.get("/").text)
        assert number
        answer = browser.post(path, data={"form_number": number[1]})
        return answer.status_code, answer.headers.get("location", answer.text)

    def asked_to_allow(self) -> dict[str, str]:
        """Press Connect and Allow: the parameters that Flextell sends back."""
        status, location = self.press("/connect")
        assert status == 303
        return self.flextell.authorize(location)

    def connect(self) -> None:
        """Go through the whole flow."""
        answer = self.alice.get(callback_path(self.asked_to_allow()))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")

    def on_disk(self) -> list[Tokens]:
        """What another process would find in the store."""
        return list(TokenStore(self.folder)._tokens.values())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    flextell, clock, folder = FakeFlextell(), Clock(), tmp_path / "photos"
    app = build_app(ISSUER, PHOTOS, folder, flextell, clock)
    with TestClient(app, base_url="https://localhost:9443", follow_redirects=False) as alice:
        yield World(alice, flextell, folder, clock)


# Connect


def test_alice_connects_and_sees_her_customers(world: World) -> None:
    """The fake server checks Basic, PKCE and the redirect URI (RFC 6749 section 4.1.3)."""
    assert "Connect to Flextell" in world.alice.get("/").text

    world.connect()
    page = world.alice.get("/").text

    assert "Bright Clinic" in page
    assert "carol@example.com" in page
    assert "1 of 41 shown" in page
    assert "expires in 60 minutes" in page


def test_what_a_customer_is_called_cannot_become_markup(world: World) -> None:
    world.connect()

    page = world.alice.get("/").text

    assert "&lt;b&gt;Öz&lt;/b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize("state", [None, "", "another"])
def test_an_answer_with_a_missing_or_wrong_state_is_not_used(
    world: World, state: str | None
) -> None:
    """RFC 6749 section 10.12."""
    said = world.asked_to_allow()
    said.pop("state") if state is None else said.update(state=state)

    answer = world.alice.get(callback_path(said))

    assert answer.status_code == 400
    assert "does not belong to a question we asked" in answer.text
    assert world.flextell.times("/oauth/token") == 0


def test_an_answer_is_not_used_in_another_browser(world: World) -> None:
    """RFC 6749 section 10.12: Mallory cannot sign Alice in to Mallory's account."""
    said = world.asked_to_allow()
    mallory = TestClient(world.alice.app, base_url="https://localhost:9443")

    answer = mallory.get(callback_path(said))

    assert answer.status_code == 400
    assert world.flextell.times("/oauth/token") == 0


def test_an_answer_is_used_once(world: World) -> None:
    said = world.asked_to_allow()
    world.flextell.instead["/oauth/token"] = REFUSED_GRANT
    first = world.alice.get(callback_path(said))
    second = world.alice.get(callback_path(said))

    assert (first.status_code, second.status_code) == (502, 400)
    assert world.flextell.times("/oauth/token") == 1


def test_an_answer_that_took_more_than_ten_minutes_is_not_used(world: World) -> None:
    said = world.asked_to_allow()
    world.clock.time += 601

    answer = world.alice.get(callback_path(said))

    assert answer.status_code == 400
    assert world.flextell.times("/oauth/token") == 0


def test_open_attempts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photos.attempts.MOST_AT_ONCE", 2)
    attempts = Attempts(Clock())
    oldest, older, newest = new_attempt(), new_attempt(), new_attempt()
    for attempt in (oldest, older, newest):
        attempts.add("Alice", attempt)

    assert attempts.claim("Alice", newest.state) == newest
    assert attempts.claim("Alice", older.state) == older
    with pytest.raises(Problem, match="state"):
        attempts.claim("Alice", oldest.state)


@pytest.mark.parametrize("iss", [None, "https://mallory.example", f"{ISSUER}/"])
def test_an_answer_that_does_not_name_our_server_is_not_used(world: World, iss: str | None) -> None:
    """RFC 9207 section 2.4."""
    said = world.asked_to_allow()
    said.pop("iss") if iss is None else said.update(iss=iss)

    answer = world.alice.get(callback_path(said))

    assert answer.status_code == 400
    assert "comes from someone else" in answer.text
    assert world.flextell.times("/oauth/token") == 0


def test_deny_is_respected(world: World) -> None:
    """RFC 6749 section 4.1.2.1."""
    said = world.asked_to_allow()
    denied = {"error": "access_denied", "state": said["state"], "iss": ISSUER}

    answer = world.alice.get(callback_path(denied))

    assert answer.status_code == 200
    assert "You said no; nothing was shared" in answer.text
    assert "Connect to Flextell" in answer.text
    assert world.flextell.times("/oauth/token") == 0


def test_another_error_is_shown_as_text(world: World) -> None:
    """RFC 6749 section 4.1.2.1: the description is for developers, and never trusted."""
    said = world.asked_to_allow()
    error = {
        "error": "invalid_scope",
        "error_description": "The scope <script> is not allowed.",
        "state": said["state"],
        "iss": ISSUER,
    }

    answer = world.alice.get(callback_path(error))

    assert answer.status_code == 400
    assert "invalid_scope: The scope &lt;script&gt; is not allowed." in answer.text


@pytest.mark.parametrize("more", ["&code=second", "&iss=again", "&state=again"])
def test_an_answer_that_repeats_a_parameter_is_not_used(world: World, more: str) -> None:
    """RFC 6749 section 3.1."""
    answer = world.alice.get(callback_path(world.asked_to_allow()) + more)

    assert answer.status_code == 400
    assert world.flextell.times("/oauth/token") == 0


def test_an_answer_without_code_or_error_is_explained(world: World) -> None:
    said = world.asked_to_allow()
    del said["code"]

    answer = world.alice.get(callback_path(said))

    assert answer.status_code == 400
    assert "not complete" in answer.text


def test_a_refused_code_is_explained_with_the_servers_words(world: World) -> None:
    """RFC 6749 section 5.2."""
    said = world.asked_to_allow()
    world.flextell.instead["/oauth/token"] = says(
        400, {"error": "invalid_grant", "error_description": "The code was used before."}
    )

    answer = world.alice.get(callback_path(said))

    assert answer.status_code == 502
    assert "invalid_grant: The code was used before." in answer.text
    assert world.on_disk() == []


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "token_type", "expires_in"])
def test_an_incomplete_token_answer_is_refused(world: World, missing: str) -> None:
    """RFC 6749 section 5.1."""
    complete = {
        "access_token": "a",
        "refresh_token": "r",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    said = world.asked_to_allow()
    del complete[missing]
    world.flextell.instead["/oauth/token"] = says(200, complete)

    answer = world.alice.get(callback_path(said))

    assert answer.status_code == 502
    assert world.on_disk() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://mallory.example"},
        {"token_endpoint": "http://flextell.example/oauth/token"},
        {"revocation_endpoint": None},
    ],
)
def test_metadata_of_another_server_is_not_trusted(world: World, wrong: dict[str, str]) -> None:
    """RFC 8414 section 3.3."""
    world.flextell.metadata |= wrong

    status, page = world.press("/connect")

    assert status == 502
    assert "do not trust" in page


def test_a_flextell_that_is_down_is_explained(world: World) -> None:
    world.connect()
    world.flextell.instead["/api/v1/account/tenants"] = Problem("unreachable", "flextell.example")

    answer = world.alice.get("/")

    assert answer.status_code == 502
    assert "cannot be reached" in answer.text
    assert "carol@example.com" in world.alice.get("/").text


def test_tokens_are_sent_over_https_only() -> None:
    with pytest.raises(Problem, match="Only https"):
        over_https(None)("http://localhost/", headers={})


# Refresh


def test_refresh_shows_that_both_tokens_changed_but_neither_token(world: World) -> None:
    world.connect()

    status, page = world.press("/refresh")

    assert status == 200
    assert page.count(" changed") == 2
    assert not [token for token in world.flextell.issued if token in page]


def test_a_new_pair_is_on_disk_before_it_is_used(world: World) -> None:
    """RFC 6749 section 6: the old refresh token is dropped with the same write."""
    world.connect()
    found = []

    def look_at_the_disk(path: str, access_token: str) -> None:
        if access_token == "access-token-1":
            found.append([(kept.access_token, kept.refresh_token) for kept in world.on_disk()])

    world.flextell.before = look_at_the_disk
    world.press("/refresh")

    assert found
    assert all(pair == [("access-token-1", "refresh-token-1")] for pair in found)


def test_a_pair_that_cannot_be_stored_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect()
    world.clock.time += 3590
    monkeypatch.setattr(os, "fsync", _full_disk)

    answer = world.alice.get("/")

    sent = {headers.get("Authorization") for _, headers in world.flextell.asked}
    assert answer.status_code == 500
    assert "could not store your tokens" in answer.text
    assert "access-token-1" in world.flextell.access_tokens
    assert "Bearer access-token-1" not in sent
    assert [kept.access_token for kept in world.on_disk()] == ["access-token-0"]


def test_the_access_token_is_refreshed_a_minute_before_it_expires(world: World) -> None:
    world.connect()

    world.clock.time = NOW + 3600 - 61
    world.alice.get("/")
    assert world.flextell.times("/oauth/token") == 1

    world.clock.time = NOW + 3600 - 60
    world.alice.get("/")
    assert world.flextell.times("/oauth/token") == 2


def test_many_callers_share_one_refresh(tmp_path: Path) -> None:
    flextell, clock = FakeFlextell(), Clock()
    flextell.refresh_tokens.add("refresh-token")
    oauth = OAuthClient(ISSUER, PHOTOS, flextell, clock)
    connections = Connections(oauth, TokenStore(tmp_path), clock)
    connections.open("Alice", Tokens("old", "refresh-token", NOW, ""), instead_of="")
    two_at_once = Barrier(2)

    def wait_for_a_second_refresh(path: str, access_token: str) -> None:
        if path == "/oauth/token":
            with suppress(BrokenBarrierError):
                two_at_once.wait(timeout=0.2)

    flextell.before = wait_for_a_second_refresh
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(connections.get, ["Alice"] * 8))

    assert flextell.times("/oauth/token") == 1
    assert {tokens.access_token for tokens in got if tokens} == {"access-token-0"}
    assert None not in got


def test_a_lost_answer_loses_nothing(world: World) -> None:
    world.connect()
    world.flextell.instead["/oauth/token"] = Problem("unreachable", "flextell.example")

    lost, _ = world.press("/refresh")
    again, page = world.press("/refresh")

    assert (lost, again) == (502, 200)
    assert page.count(" changed") == 2


def test_an_answer_without_a_new_refresh_token_keeps_the_old_one(world: World) -> None:
    """RFC 6749 section 6: a new refresh token may be issued."""
    world.connect()
    world.flextell.access_tokens.add("next")
    world.flextell.instead["/oauth/token"] = says(
        200, {"access_token": "next", "token_type": "bearer", "expires_in": 3600}
    )

    world.press("/refresh")

    [kept] = world.on_disk()
    assert (kept.access_token, kept.refresh_token) == ("next", "refresh-token-0")


def test_a_connection_that_flextell_ended_is_forgotten_and_offered_anew(world: World) -> None:
    """RFC 6749 section 5.2: invalid_grant."""
    world.connect()
    world.flextell.instead["/oauth/token"] = REFUSED_GRANT

    status, page = world.press("/refresh")

    assert status == 401
    assert "Your connection to Flextell has ended" in page
    assert "The refresh token was revoked." in page
    assert "Connect to Flextell" in page
    assert world.on_disk() == []


# Call and disconnect


def test_call_the_api_shows_the_answer(world: World) -> None:
    world.connect()

    status, page = world.press("/call")

    assert status == 200
    assert "GET /api/v1/customers" in page
    assert "carol@example.com" in page


@pytest.mark.parametrize("button", ["/call", "/refresh"])
def test_a_token_that_was_revoked_elsewhere_is_explained(world: World, button: str) -> None:
    """RFC 6750 section 3.1."""
    world.connect()
    world.flextell.before = lambda path, token: world.flextell.access_tokens.clear()

    _, page = world.press(button)

    assert "invalid_token" in page
    assert "The access token was revoked. Connect again." in page
    assert "Bearer error=&#34;invalid_token&#34;" in page
    assert "Connect again</button>" in page


def test_disconnect_revokes_both_tokens_and_shows_the_refusal(world: World) -> None:
    """RFC 7009 section 2.1."""
    world.connect()

    status, page = world.press("/disconnect")

    revoked = [form["token"] for path, form in world.flextell.asked if path == "/oauth/revoke"]
    assert status == 200
    assert revoked == ["refresh-token-0", "access-token-0"]
    assert '<strong class="bad">401</strong>' in page
    assert "invalid_token" in page
    assert world.on_disk() == []
    assert "Connect to Flextell" in world.alice.get("/").text


def test_a_failed_disconnection_can_be_tried_again(world: World) -> None:
    world.connect()
    world.flextell.instead["/oauth/revoke"] = says(503, {"error": "temporarily_unavailable"})

    first, page = world.press("/disconnect")
    second, _ = world.press("/disconnect")

    assert (first, second) == (502, 200)
    assert "temporarily_unavailable" in page
    assert world.flextell.access_tokens == set()


# Session


def test_the_cookie_is_a_name_that_scripts_and_http_never_see(world: World) -> None:
    """RFC 6265 section 4.1.2, and the __Host- prefix."""
    cookie = world.alice.get("/").headers["set-cookie"]

    name, value = cookie.split(";")[0].split("=")
    flags = {flag.strip().lower() for flag in cookie.split(";")[1:]}
    assert name == "__Host-photos"
    assert len(value) == 43
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags
    assert not [flag for flag in flags if flag.startswith("domain")]


def test_a_cookie_from_before_the_connection_does_not_open_it(world: World) -> None:
    """OWASP session fixation: the name is renewed when it begins to matter."""
    world.alice.get("/")
    before = dict(world.alice.cookies)
    world.connect()

    stranger = TestClient(world.alice.app, base_url="https://localhost:9443", cookies=before)

    assert "Connect to Flextell" in stranger.get("/").text
    assert "Bright Clinic" in world.alice.get("/").text


@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize("number", ["", "0" * 64, "é", "x" * 5000])
def test_a_button_of_a_foreign_page_does_nothing(world: World, button: str, number: str) -> None:
    world.connect()
    asked = len(world.flextell.asked)

    answer = world.alice.post(button, data={"form_number": number})

    assert answer.status_code == 403
    assert len(world.flextell.asked) == asked


def test_pages_allow_no_script_no_frame_and_no_cache(world: World) -> None:
    headers = world.alice.get("/").headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert f"form-action 'self' {ISSUER}" in policy
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("button", BUTTONS)
def test_buttons_change_things_and_so_cannot_be_links(world: World, button: str) -> None:
    assert world.alice.get(button).status_code == 405


# Keeping


def test_tokens_on_disk_are_encrypted_and_the_owners_alone(world: World) -> None:
    world.connect()

    names = sorted(file.name for file in world.folder.iterdir())
    modes = {stat.S_IMODE(file.stat().st_mode) for file in world.folder.iterdir()}
    content = b"".join(file.read_bytes() for file in world.folder.iterdir())
    assert [kept.access_token for kept in world.on_disk()] == ["access-token-0"]
    assert names == ["tokens.encrypted", "tokens.key"]
    assert modes == {0o600}
    assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700
    assert b"token-0" not in content
    assert world.alice.cookies["__Host-photos"].encode() not in content


def test_a_connection_survives_a_restart(world: World) -> None:
    world.connect()
    restarted = build_app(ISSUER, PHOTOS, world.folder, world.flextell, world.clock)

    alice = TestClient(
        restarted, base_url="https://localhost:9443", cookies=dict(world.alice.cookies)
    )

    assert "Bright Clinic" in alice.get("/").text


def test_a_changed_store_is_refused(world: World) -> None:
    world.connect()
    file = world.folder / "tokens.encrypted"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(ValueError, match="was changed"):
        TokenStore(world.folder)


def test_a_key_that_others_can_read_is_refused(world: World) -> None:
    (world.folder / "tokens.key").chmod(0o640)

    with pytest.raises(ValueError, match="chmod 600"):
        TokenStore(world.folder)


def test_a_lost_key_is_not_silently_replaced(world: World) -> None:
    world.connect()
    (world.folder / "tokens.key").unlink()

    with pytest.raises(ValueError, match="is missing"):
        TokenStore(world.folder)


def test_tokens_that_nobody_came_back_for_are_forgotten(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.put("Alice", Tokens("a", "r", NOW, ""))
    store.put("Bob", Tokens("a", "r", NOW + 30 * 24 * 3600, ""))

    assert store.get("Alice") is None
    assert store.get("Bob")


def test_no_secret_is_printed_or_logged(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    world.connect()
    [tokens] = world.on_disk()
    print(PHOTOS, tokens, new_attempt())  # what a careless log line would do
    world.press("/refresh")
    world.press("/disconnect")

    printed = "".join(capfd.readouterr()) + caplog.text
    assert "Registration(" in printed
    assert not [token for token in [*world.flextell.issued, CLIENT_SECRET] if token in printed]


SETTINGS = ["app.py", "--issuer", ISSUER, "--client-id", "i", "--certificate", "c"]


def test_the_client_secret_is_read_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{CLIENT_SECRET}\n")
    secret_file = ["--client-secret-file", str(tmp_path / "secret")]
    monkeypatch.setattr("sys.argv", [*SETTINGS, "--certificate-key", "k", *secret_file])

    assert settings().client_secret == CLIENT_SECRET


def test_the_client_secret_is_not_taken_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other users of the machine can read a command line."""
    monkeypatch.setenv("PHOTOS_CLIENT_SECRET", "from the environment")
    monkeypatch.setattr("sys.argv", [*SETTINGS, "--certificate-key", "k", "--client-secret", "s"])

    with pytest.raises(SystemExit):
        settings()

    assert "unrecognized arguments: --client-secret" in capsys.readouterr().err


def test_the_sample_app_shares_nothing_with_the_server_but_the_wire() -> None:
    files = list(Path(photos.__path__[0]).parent.rglob("*.py"))

    imported = {
        name.split(".")[0]
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in _imports(node)
    }
    assert "cryptography" in imported
    assert not imported & {"flextell", "flextell_sdk"}


def _imports(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [one.name for one in node.names]
        case ast.ImportFrom(level=0, module=str(module)):
            return [module]
        case _:
            return []


def _full_disk(descriptor: int) -> None:
    raise OSError("The disk is full.")


def test_the_fake_refuses_what_flextell_refuses() -> None:
    """Keeps the other tests honest."""
    answer = FakeFlextell()(
        f"{ISSUER}/api/v1/account/tenants", headers={"Authorization": "Bearer made-up"}
    )

    assert answer == INVALID_TOKEN
