"""`sign-in` and `sign-out`: which app, which person, and what stays on the machine."""

import stat
from pathlib import Path

from flextell_sdk.command.exits import ExitCode
from sdk.tests.browsers import Browser, asked, no_browser
from sdk.tests.command.shell import Shell, one_sentence
from sdk.tests.fake_server import CLIENT_SECRET, ISSUER, REVOKE
from sdk.tests.faults import never_arrives
from sdk.tests.world import World


def test_signing_in_says_where_and_for_what(shell: Shell) -> None:
    ran = shell.sign_in()

    assert ran.out == (f"You are signed in at {ISSUER}, for: openid account:read customers:read\n")
    assert f"{ISSUER}/oauth/authorize?" in ran.err


def test_the_app_is_remembered_sealed_and_for_its_owner_alone(signed_in: Shell) -> None:
    [file] = signed_in.files(".app")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(signed_in.folder.stat().st_mode) == 0o700
    assert CLIENT_SECRET.encode() not in file.read_bytes()
    assert CLIENT_SECRET not in repr(signed_in.place().recall())
    signed_in.app_file.unlink()
    assert signed_in.run("whoami").code == ExitCode.OK


def test_a_second_sign_in_needs_neither_options_nor_a_browser(signed_in: Shell) -> None:
    assert signed_in.run("sign-in").code == ExitCode.OK


def test_anew_another_person_signs_in(signed_in: Shell, world: World) -> None:
    signed_in.browser = Browser(lambda url: world.server.allow(url, person="bob"))
    signed_in.run("sign-in", "--anew")

    assert signed_in.run("whoami", "--json").json["person"] == "bob"


def test_a_scope_that_is_asked_for_later_is_remembered_with_the_rest(
    shell: Shell, world: World
) -> None:
    shell.sign_in()
    shell.browser = later = Browser(world.server.allow)
    shell.run("sign-in", "--scope", "customers:write")
    shell.run("sign-out")
    shell.run("sign-in")

    assert [set(asked(url)["scope"].split()) for url in later.opened] == [
        {"openid", "account:read", "customers:read", "customers:write"}
    ] * 2


def test_the_app_can_be_described_by_options(shell: Shell, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(CLIENT_SECRET + "\n")
    ran = shell.run(
        *("sign-in", "--issuer", ISSUER, "--client-id", "photos app"),
        *("--client-secret-file", secret, "--scope", "account:read"),
        *("--redirect-uri", "http://127.0.0.1/other", "--ca-file", "ca.pem"),
    )
    app = shell.place().recall()

    assert ran.code == ExitCode.OK
    assert app is not None
    assert app.redirect_uri == "http://127.0.0.1/other"
    assert app.ca_file == Path.cwd() / "ca.pem"


def test_names_keep_people_and_apps_apart(shell: Shell, world: World) -> None:
    shell.sign_in("--name", "work")
    shell.browser = Browser(lambda url: world.server.allow(url, person="bob"))
    shell.sign_in("--name", "private/../Zoë")
    people = [
        shell.run("whoami", "--json", "--name", name).json["person"]
        for name in ("work", "private/../Zoë")
    ]

    assert people == ["alice", "bob"]
    assert "yet" in one_sentence(shell.run("token"), ExitCode.SIGN_IN)


def test_another_server_is_not_told_the_remembered_secret(signed_in: Shell) -> None:
    for option in (("--issuer", "https://evil.example"), ("--client-id", "other")):
        ran = signed_in.run("sign-in", *option)

        assert "Say which app" in one_sentence(ran, ExitCode.USAGE)


def test_without_a_browser_only_the_address_is_told(shell: Shell) -> None:
    shell.browser = no_browser
    ran = shell.run("sign-in", "--app", shell.app_file, "--no-browser", "--wait", "0.1")

    assert ran.code == ExitCode.SIGN_IN
    assert ran.err.endswith("Nobody came back from the browser within 0.1 seconds.\n")
    assert shell.files(".app") == []


def test_signing_out_ends_it_at_the_server_and_here(signed_in: Shell, world: World) -> None:
    ran = signed_in.run("sign-out")

    assert (ran.code, ran.out) == (ExitCode.OK, "You are signed out.\n")
    assert world.server.permissions[0].ended
    assert "Sign in: " in one_sentence(signed_in.run("token"), ExitCode.SIGN_IN)
    assert signed_in.run("sign-out").out == "Nobody was signed in.\n"


def test_signing_out_while_the_server_is_away_can_be_tried_again(
    signed_in: Shell, world: World
) -> None:
    world.server.always[REVOKE] = never_arrives()
    first = signed_in.run("sign-out")
    world.server.calm()
    second = signed_in.run("sign-out")

    assert first.code == ExitCode.UNREACHABLE
    assert second.out == "You are signed out.\n"


def test_what_is_forgotten_leaves_nothing_and_asks_nobody(signed_in: Shell, world: World) -> None:
    world.server.always[REVOKE] = never_arrives()
    ran = signed_in.run("sign-out", "--forget")

    assert ran.code == ExitCode.OK
    assert signed_in.files(".app") == []
    assert "yet" in one_sentence(signed_in.run("token"), ExitCode.SIGN_IN)
    assert world.server.seen == []
