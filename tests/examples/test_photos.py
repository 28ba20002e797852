"""The sample app keeps the security practices that we ask of every app that connects."""

import ast
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import fields
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import flextell_sdk
import photos
from app import main, settings
from flextell_sdk import App, Remembered
from flextell_sdk.errors import SignInMismatch
from photos.attempts import Attempts
from photos.session import COOKIE
from sdk.tests.clock import Clock
from sdk.tests.fake_server import (
    CLIENT_SECRET,
    CUSTOMERS,
    ISSUER,
    REVOKE,
    TENANTS,
    TOKEN,
)
from sdk.tests.faults import is_lost, never_arrives, says
from sdk.tests.world import some_trust
from tests.examples.world import PHOTOS, REDIRECT_URI, World, browser, changed

README = Path(photos.__path__[0]).parent / "README.md"
BUTTONS = ["/connect", "/call", "/refresh", "/disconnect", "/forget"]
# Tokens of an hour are refreshed before use when they are as old as this.
DEAD = 3598.0


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice's world, with Photos running."""
    monkeypatch.setattr(App, "trust", some_trust)
    world = World(tmp_path / "photos")
    with world.alice:
        yield world


# Connect


def test_alice_connects_and_sees_her_customers(world: World) -> None:
    """The fake server checks the secret, PKCE and the redirect URI (RFC 6749 §4.1.3)."""
    assert "Connect to Flextell" in world.alice.get("/").text

    world.connect()
    page = world.alice.get("/").text

    assert "Bright Clinic" in page
    assert "Carol Clerk" in page
    assert "5 of 5 shown" in page
    assert "expires in 60 minutes" in page
    assert "account:read customers:read" in page


def test_connect_asks_for_no_more_than_photos_needs(world: World) -> None:
    """RFC 6749 §4.1.1, RFC 7636 §4.3."""
    status, location = world.press("/connect")

    asked = dict(parse_qsl(urlsplit(location).query))
    assert status == 303
    assert location.startswith(f"{ISSUER}/oauth/authorize?")
    assert asked["scope"] == "account:read customers:read"
    assert asked["redirect_uri"] == REDIRECT_URI
    assert asked["code_challenge_method"] == "S256"


def test_what_a_customer_is_called_cannot_become_markup(world: World) -> None:
    ozge = {"id": 1, "first_name": "<b>Özge</b>", "last_name": "Öz"}
    world.connect()
    world.flextell.instead(CUSTOMERS, says(200, {"data": [ozge], "meta": {"total": 1}}))

    page = world.alice.get("/").text

    assert "&lt;b&gt;Özge&lt;/b&gt; Öz" in page
    assert "<b>" not in page


@pytest.mark.parametrize("state", [None, "", "another"])
def test_an_answer_with_a_missing_or_wrong_state_is_not_used(
    world: World, state: str | None
) -> None:
    """RFC 6749 §10.12."""
    answer = world.alice.get(changed(world.comes_back(), state=state))

    assert answer.status_code == 400
    assert "does not belong to a question we asked" in answer.text
    assert world.flextell.times(TOKEN) == 0


def test_an_answer_is_not_used_in_another_browser(world: World) -> None:
    """RFC 6749 §10.12: Mallory cannot sign Alice in to Mallory's account."""
    address = world.comes_back()
    mallory = browser(world.photos).get(address)
    alice = world.alice.get(address)

    assert (mallory.status_code, alice.status_code) == (400, 303)
    assert world.flextell.times(TOKEN) == 1


def test_an_answer_is_used_once(world: World) -> None:
    """RFC 6749 §4.1.2."""
    address = world.comes_back()
    world.flextell.instead(TOKEN, says(400, {"error": "invalid_grant"}))
    first, second = world.alice.get(address), world.alice.get(address)

    assert (first.status_code, second.status_code) == (502, 400)
    assert world.flextell.times(TOKEN) == 1


def test_an_answer_that_took_more_than_ten_minutes_is_not_used(world: World) -> None:
    address = world.comes_back()
    world.clock.move(601)

    answer = world.alice.get(address)

    assert answer.status_code == 400
    assert world.flextell.times(TOKEN) == 0


def test_open_attempts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photos.attempts.MOST_AT_ONCE", 2)
    attempts = Attempts(Clock().now)
    oldest, older, newest = (
        Remembered("", "", "", "", False, state, "", "") for state in ("oldest", "older", "newest")
    )
    for remembered in (oldest, older, newest):
        attempts.add("Alice", remembered)

    assert attempts.claim("Alice", "newest") == newest
    assert attempts.claim("Alice", "older") == older
    with pytest.raises(SignInMismatch):
        attempts.claim("Alice", "oldest")


@pytest.mark.parametrize("iss", [None, "https://mallory.example", f"{ISSUER}/"])
def test_an_answer_that_does_not_name_our_server_is_not_used(world: World, iss: str | None) -> None:
    """RFC 9207 §2.4."""
    answer = world.alice.get(changed(world.comes_back(), iss=iss))

    assert answer.status_code == 400
    assert "comes from another server" in answer.text
    assert world.flextell.times(TOKEN) == 0


def test_deny_is_respected(world: World) -> None:
    """RFC 6749 §4.1.2.1."""
    denied = changed(world.comes_back(), code=None, error="access_denied")

    answer = world.alice.get(denied)

    assert answer.status_code == 200
    assert "You said no; nothing was shared" in answer.text
    assert "Connect to Flextell" in answer.text
    assert world.flextell.times(TOKEN) == 0


def test_another_error_is_shown_as_text(world: World) -> None:
    """RFC 6749 §4.1.2.1: the description is for developers, and never trusted."""
    error = {"error": "invalid_scope", "error_description": "The scope <script> is not allowed."}

    answer = world.alice.get(changed(world.comes_back(), code=None, **error))

    assert answer.status_code == 400
    assert "invalid_scope: The scope &lt;script&gt; is not allowed." in answer.text


@pytest.mark.parametrize("more", ["&code=second", "&iss=again", "&state=again"])
def test_an_answer_that_repeats_a_parameter_is_not_used(world: World, more: str) -> None:
    """RFC 6749 §3.1."""
    answer = world.alice.get(world.comes_back() + more)

    assert answer.status_code == 400
    assert world.flextell.times(TOKEN) == 0


def test_an_answer_without_code_or_error_is_explained(world: World) -> None:
    answer = world.alice.get(changed(world.comes_back(), code=None))

    assert answer.status_code == 400
    assert "neither a code nor an error" in answer.text


def test_a_refused_code_is_explained_with_the_servers_words(world: World) -> None:
    """RFC 6749 §5.2."""
    refusal = {"error": "invalid_grant", "error_description": "The code was used before."}
    address = world.comes_back()
    world.flextell.instead(TOKEN, says(400, refusal))

    answer = world.alice.get(address)

    assert answer.status_code == 502
    assert "invalid_grant: The code was used before." in answer.text
    assert world.kept() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://mallory.example"},
        {"token_endpoint": "http://auth.example/oauth/token"},
        {"revocation_endpoint": None},
    ],
)
def test_metadata_of_another_server_is_not_trusted(world: World, wrong: dict[str, str]) -> None:
    """RFC 8414 §3.3."""
    world.flextell.metadata |= wrong

    status, page = world.press("/connect")

    assert status == 502
    assert "do not trust" in page


def test_a_connection_that_fails_leaves_the_one_before_it(world: World) -> None:
    world.connect()
    address = world.comes_back()
    world.flextell.instead(TOKEN, says(400, {"error": "invalid_grant"}))

    answer = world.alice.get(address)

    assert answer.status_code == 502
    assert "Bright Clinic" in world.alice.get("/").text


# Calls


def test_a_flextell_that_is_down_is_explained(world: World) -> None:
    world.connect()
    world.flextell.always[TENANTS] = never_arrives()

    answer = world.alice.get("/")
    world.flextell.always.clear()

    assert answer.status_code == 502
    assert "cannot be reached" in answer.text
    assert "Disconnect" in answer.text
    assert "Carol Clerk" in world.alice.get("/").text


@pytest.mark.parametrize("status", [429, 503])
def test_a_flextell_that_wants_us_to_wait_is_explained(world: World, status: int) -> None:
    """RFC 9110 §10.2.3: longer than a page may take is not waited for."""
    world.connect()
    world.flextell.always[CUSTOMERS] = says(status, {"error": "later"}, retry_after="60")

    answer = world.alice.get("/")

    assert answer.status_code == 502
    assert "cannot answer now" in answer.text
    assert world.flextell.times(CUSTOMERS) == 1


def test_a_page_does_not_wait_for_as_long_as_the_sdk_would(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect()
    world.flextell.always[TENANTS] = says(503, {"error": "later"})
    monkeypatch.setattr("photos.web.PATIENCE_SECONDS", 0)

    answer = world.alice.get("/")

    assert answer.status_code == 502
    assert "cannot be reached" in answer.text
    assert world.flextell.times(TENANTS) == 1


def test_call_the_api_shows_the_answer(world: World) -> None:
    world.connect()
    world.flextell.always[CUSTOMERS] = says(200, {"data": [{"first_name": "Carol"}]})

    status, page = world.press("/call")

    assert status == 200
    assert "GET /api/v1/customers" in page
    assert "for tenant <code>7</code>" in page
    assert "Carol" in page


def test_an_access_token_that_stays_refused_is_explained(world: World) -> None:
    """RFC 6750 §3.1."""
    world.connect()
    challenge = 'Bearer error="invalid_token"'
    refusal = {"error": "invalid_token", "message": "The access token was revoked."}
    world.flextell.always[TENANTS] = says(401, refusal, www_authenticate=challenge)

    status, page = world.press("/call")
    start = world.alice.get("/")

    assert status == 200
    assert "Bearer error=&#34;invalid_token&#34;" in page
    assert "The access token was revoked." in page
    assert "Connect again</button>" in page
    assert start.status_code == 401
    assert "does not accept our access token" in start.text
    assert "Connect to Flextell</button>" in start.text


def test_what_alice_did_not_allow_can_be_allowed_later(world: World) -> None:
    """RFC 6750 §3.1: insufficient_scope, and the sign-in that asks for what is missing."""
    world.connect(scope="account:read")

    answer = world.alice.get("/")
    link = unescape(_found(r'href="([^"]+)">Allow it at Flextell', answer.text))
    back = world.alice.get(world.flextell.allow(link))

    assert answer.status_code == 403
    assert "Disconnect" in answer.text
    assert dict(parse_qsl(urlsplit(link).query))["scope"] == "account:read customers:read"
    assert back.status_code == 303
    assert "Carol Clerk" in world.alice.get("/").text


# Refresh


def test_refresh_shows_that_both_tokens_changed_but_neither_token(world: World) -> None:
    world.connect()

    status, page = world.press("/refresh")

    assert status == 200
    assert page.count(" changed") == 2
    assert not [secret for secret in world.flextell.secrets() if secret in page]


def test_an_access_token_is_refreshed_before_it_expires(world: World) -> None:
    world.connect()
    world.clock.move(DEAD)

    page = world.alice.get("/").text

    assert "Carol Clerk" in page
    assert "expires in 60 minutes" in page
    assert world.flextell.times(TOKEN) == 2


def test_a_lost_answer_loses_nothing(world: World) -> None:
    world.connect()
    world.flextell.instead(TOKEN, is_lost())

    status, page = world.press("/refresh")

    assert status == 200
    assert page.count(" changed") == 2


def test_tokens_that_cannot_be_stored_are_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect()
    world.clock.move(DEAD)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", _full_disk)
        answer = world.alice.get("/")

    sent = {seen.bearer for seen in world.flextell.at(TENANTS)}
    assert answer.status_code == 500
    assert "could not store your tokens" in answer.text
    assert str(world.folder) not in answer.text
    assert "access-token-1" not in sent
    assert "Carol Clerk" in world.alice.get("/").text


@pytest.mark.parametrize("button", ["/call", "/refresh"])
def test_a_connection_that_flextell_ended_is_explained_and_offered_anew(
    world: World, button: str
) -> None:
    """RFC 6749 §5.2: invalid_grant."""
    world.connect()
    number = _found(r'name="form_number" value="(\w+)"', world.alice.get("/").text)
    for permission in world.flextell.permissions:
        permission.ended = True

    answer = world.alice.post(button, data={"form_number": number})

    assert answer.status_code == 401
    assert "Your connection to Flextell has ended" in answer.text
    assert "invalid_grant: Not like that." in answer.text
    assert "Connect to Flextell</button>" in answer.text
    assert "Connect to Flextell</button>" in world.alice.get("/").text
    world.connect()
    assert "Carol Clerk" in world.alice.get("/").text


# Disconnect


def test_disconnect_revokes_the_tokens_and_shows_the_refusal(world: World) -> None:
    """RFC 7009 §2.1."""
    world.connect()
    cookie = world.alice.cookies[COOKIE]

    status, page = world.press("/disconnect")

    revoked = [seen.form["token"] for seen in world.flextell.at(REVOKE)]
    assert status == 200
    assert revoked == ["refresh-token-0"]
    assert '<strong class="bad">401</strong>' in page
    assert "invalid_token" in page
    assert world.secrets_kept(cookie) == []
    assert "Connect to Flextell" in world.alice.get("/").text


def test_a_failed_disconnection_can_be_tried_again(world: World) -> None:
    world.connect()
    world.flextell.always[REVOKE] = says(503, {"error": "temporarily_unavailable"})

    first, page = world.press("/disconnect")
    world.flextell.always.clear()
    second, _ = world.press("/disconnect")

    assert (first, second) == (502, 200)
    assert "temporarily_unavailable" in page
    assert all(permission.ended for permission in world.flextell.permissions)


def test_a_disconnection_that_flextell_cannot_hear_of_can_be_made_here(world: World) -> None:
    world.connect()
    cookie = world.alice.cookies[COOKIE]
    world.flextell.always[REVOKE] = never_arrives()

    status, page = world.press("/disconnect")
    forgotten = world.press("/forget")

    assert status == 502
    assert "Forget the tokens here</button>" in page
    assert forgotten == (303, "/")
    assert world.secrets_kept(cookie) == []
    assert "Connect to Flextell" in world.alice.get("/").text


# Session


def test_the_cookie_is_a_name_that_scripts_and_http_never_see(world: World) -> None:
    """RFC 6265 §4.1.2, and the __Host- prefix."""
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

    stranger = browser(world.photos, before)

    assert "Connect to Flextell" in stranger.get("/").text
    assert "Bright Clinic" in world.alice.get("/").text


@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize("number", ["", "0" * 64, "é", "x" * 5000])
def test_a_button_of_a_foreign_page_does_nothing(world: World, button: str, number: str) -> None:
    world.connect()
    asked = len(world.flextell.seen)

    answer = world.alice.post(button, data={"form_number": number})

    assert answer.status_code == 403
    assert len(world.flextell.seen) == asked
    assert "Bright Clinic" in world.alice.get("/").text


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

    kept = world.kept()
    names = sorted(file.suffix for file in world.folder.iterdir())
    modes = {stat.S_IMODE(file.stat().st_mode) for file in world.folder.iterdir()}
    content = b"".join(file.read_bytes() for file in world.folder.iterdir())
    assert kept is not None
    assert kept.access_token == "access-token-0"
    assert names == [".key", ".tokens"]
    assert modes == {0o600}
    assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700
    assert b"token-0" not in content
    assert world.alice.cookies[COOKIE].encode() not in content


def test_a_connection_survives_a_restart(world: World) -> None:
    world.connect()

    with browser(world.start(), dict(world.alice.cookies)) as alice:
        assert "Bright Clinic" in alice.get("/").text


def test_a_changed_store_is_explained_and_connecting_again_helps(world: World) -> None:
    world.connect()
    [file] = world.folder.glob("*.tokens")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with browser(world.start(), dict(world.alice.cookies)) as world.alice:
        answer = world.alice.get("/")
        world.connect()

        assert answer.status_code == 500
        assert "cannot read your tokens any more" in answer.text
        assert "Bright Clinic" in world.alice.get("/").text


def test_what_an_older_photos_left_is_not_touched(world: World) -> None:
    left = {"tokens.encrypted": b"sealed by an older version", "tokens.key": b"k" * 32}
    for name, content in left.items():
        (world.folder / name).write_bytes(content)

    with browser(world.start()) as world.alice:
        world.connect()
        page = world.alice.get("/").text

    assert "Bright Clinic" in page
    assert {name: (world.folder / name).read_bytes() for name in left} == left


def test_no_secret_is_printed_or_logged(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    world.connect()
    print(world.grants.app, world.kept())  # what a careless log line would do
    world.press("/refresh")
    world.flextell.always[REVOKE] = never_arrives()
    world.press("/disconnect")

    # The browser is a program too, and logs where it goes.
    logged = [line for line in caplog.messages if REDIRECT_URI not in line]
    printed = "\n".join([*capfd.readouterr(), *logged])
    assert "App(" in printed
    assert "StillConnected(" in printed
    assert not [secret for secret in world.flextell.secrets() if secret in printed]
    assert world.alice.cookies[COOKIE] not in printed


# The program


SETTINGS = ["app.py", "--issuer", ISSUER, "--client-id", "i", "--certificate", "c"]


@pytest.fixture
def secret_file(tmp_path: Path) -> list[str]:
    (tmp_path / "secret").write_text(f"{CLIENT_SECRET}\n")
    return ["--client-secret-file", str(tmp_path / "secret")]


def test_the_client_secret_is_read_from_a_file(
    secret_file: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_folder_that_others_can_read_is_refused(
    tmp_path: Path, secret_file: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o750)
    more = ["--certificate-key", "k", "--data-dir", str(tmp_path), *secret_file]
    monkeypatch.setattr("sys.argv", [*SETTINGS, *more])

    with pytest.raises(SystemExit, match=r"Photos cannot start: .* chmod 700"):
        main()


def test_the_sample_app_knows_the_sdk_and_shares_nothing_else_with_the_server() -> None:
    files = list(Path(photos.__path__[0]).parent.rglob("*.py"))

    imported = {
        name.split(".")[0]
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in _imports(node)
    }
    assert "flextell_sdk" in imported
    assert "flextell" not in imported


@pytest.mark.anyio
async def test_the_lines_in_the_readme_run(world: World) -> None:
    [block] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    lines = block.replace("(address,", "(allow(begun.url),")
    names: dict[str, Any] = {
        **vars(flextell_sdk),
        **{field.name: getattr(PHOTOS, field.name) for field in fields(PHOTOS)},
        "Grants": world.program,
        "folder": world.folder,
        "allow": world.flextell.allow,
        "name": "alice",
    }

    await eval(compile(lines, str(README), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)

    assert [tenant.name for tenant in names["tenants"]] == ["Bright Clinic"]
    assert [permission.ended for permission in world.flextell.permissions] == [True]


def _imports(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [one.name for one in node.names]
        case ast.ImportFrom(level=0, module=str(module)):
            return [module]
        case _:
            return []


def _found(pattern: str, text: str) -> str:
    """What the group of the pattern matches."""
    found = re.search(pattern, text)
    assert found
    return found[1]


def _full_disk(descriptor: int) -> None:
    raise OSError("The disk is full.")
