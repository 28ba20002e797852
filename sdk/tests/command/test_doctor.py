"""`doctor`: each check by itself finds what is wrong, names the remedy, and spares the rest."""

import ssl
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest

from flextell_sdk.command.doctor import CHECKS
from flextell_sdk.command.exits import ExitCode
from flextell_sdk.stores.keys import IN_KEYRING, VARIABLE, new_key
from sdk.tests.command.shell import Ran, Shell
from sdk.tests.fake_server import ABOUT, ISSUER, METADATA
from sdk.tests.faults import Answer, never_arrives, says
from sdk.tests.world import DEAD, World

TITLES = [check.title for check in CHECKS]


def marks(ran: Ran) -> dict[str, str]:
    """What became of each check."""
    lines = [line.split() for line in ran.out.splitlines() if not line.startswith(" ")]
    return {line[1]: line[0] for line in lines}


def line_of(ran: Ran, title: str) -> str:
    """What a check found."""
    [line] = [line for line in ran.out.splitlines() if line[8:].startswith(f"{title} ")]
    return line[18:]


def failed(ran: Ran) -> list[str]:
    assert ran.code == ExitCode.REFUSED
    assert ran.out.count("Remedy: ") == list(marks(ran).values()).count("FAILED")
    return [title for title, mark in marks(ran).items() if mark == "FAILED"]


def untried(ran: Ran) -> list[str]:
    return [title for title, mark in marks(ran).items() if mark == "-"]


def test_a_person_who_is_well_is_told_so(signed_in: Shell) -> None:
    ran = signed_in.run("doctor")

    assert ran.code == ExitCode.OK
    assert marks(ran) == dict.fromkeys(TITLES, "ok")
    assert line_of(ran, "Folder") == f"{signed_in.folder} is yours alone"
    assert line_of(ran, "App") == f"photos app at {ISSUER}"
    assert line_of(ran, "Clock") == "as the server's"
    assert line_of(ran, "Tokens") == "good until 2025-06-15T16:06:40Z"


def test_it_makes_nothing(shell: Shell) -> None:
    ran = shell.run("doctor")

    assert (failed(ran), untried(ran)) == (["Folder"], TITLES[1:])
    assert f"sign-in --folder {shell.folder}" in ran.out
    assert not shell.folder.exists()


def test_a_folder_that_others_can_read(signed_in: Shell) -> None:
    signed_in.folder.chmod(0o750)
    ran = signed_in.run("doctor")

    assert (failed(ran), untried(ran)) == (["Folder"], TITLES[1:])
    assert "chmod 700" in line_of(ran, "Folder")


def test_it_says_where_the_key_is(signed_in: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    in_file = line_of(signed_in.run("doctor"), "Key")
    key_file = signed_in.folder / "token.key"
    key = key_file.read_text()
    monkeypatch.setattr("flextell_sdk.stores.system_keyring.get", lambda name: key)
    key_file.write_text(f"{IN_KEYRING}entry")
    in_keyring = line_of(signed_in.run("doctor"), "Key")
    monkeypatch.setenv(VARIABLE, key)
    in_environment = line_of(signed_in.run("doctor"), "Key")

    assert in_file.startswith("in the file token.key")
    assert in_keyring == "in the keyring of this system"
    assert in_environment == f"in the environment variable {VARIABLE}"


@pytest.mark.parametrize(
    ("spoil", "title"),
    [
        (lambda shell: (shell.folder / "token.key").unlink(), "Key"),
        (lambda shell: (shell.folder / "token.key").write_text("nonsense"), "Key"),
        (lambda shell: (shell.folder / "token.key").chmod(0o644), "Key"),
        (lambda shell: (shell.folder / "token.key").write_text(new_key()), "App"),
        (lambda shell: shell.place().forget(), "App"),
        (lambda shell: shell.files(".app")[0].chmod(0o644), "App"),
    ],
)
def test_what_cannot_be_opened(
    signed_in: Shell, spoil: Callable[[Shell], object], title: str
) -> None:
    spoil(signed_in)
    ran = signed_in.run("doctor")

    assert failed(ran) == [title]
    assert untried(ran) == TITLES[TITLES.index(title) + 1 :]


def test_a_server_that_is_away(signed_in: Shell, world: World) -> None:
    """Tried once: a doctor is not asked to wait for it."""
    world.server.always[METADATA] = never_arrives()
    ran = signed_in.run("doctor")

    assert (failed(ran), untried(ran)) == (["Server"], ["TLS", "Metadata", "Clock", "API"])
    assert marks(ran)["Tokens"] == "ok"
    assert world.server.times(METADATA) == 1


def not_trusted(_: Answer) -> httpx2.Response:
    """What httpx2 makes of a certificate of a strange authority."""
    problem = ssl.SSLCertVerificationError(1, "certificate verify failed")
    problem.verify_message = "self-signed certificate"
    raise httpx2.ConnectError("certificate verify failed") from problem


def test_a_certificate_that_is_not_trusted(signed_in: Shell, world: World) -> None:
    world.server.always[METADATA] = not_trusted
    ran = signed_in.run("doctor")

    assert (failed(ran), untried(ran)) == (["TLS"], ["Metadata", "Clock", "API"])
    assert "--ca-file" in ran.out


@pytest.mark.parametrize("changed", [{"issuer": "https://evil.example"}, {"token_endpoint": None}])
def test_metadata_that_is_not_sound(
    signed_in: Shell, world: World, changed: dict[str, str | None]
) -> None:
    world.server.metadata |= changed
    ran = signed_in.run("doctor")

    assert (failed(ran), untried(ran)) == (["Metadata"], ["API"])


@pytest.mark.parametrize(
    ("wrong_by", "found"),
    [(600.0, "600 s ahead of"), (-600.0, "600 s behind"), (-30.0, None)],
)
def test_a_clock_that_is_wrong(
    signed_in: Shell, world: World, wrong_by: float, found: str | None
) -> None:
    signed_in.sources = replace(signed_in.sources, now=world.clock.sources(wrong_by=wrong_by).now)
    ran = signed_in.run("doctor")

    if found is None:
        assert ran.code == ExitCode.OK
        assert line_of(ran, "Clock").endswith("s behind the server's")
    else:
        assert (failed(ran), untried(ran)) == (["Clock"], [])
        assert line_of(ran, "Clock") == f"The clock of this machine is {found} the server's."


def test_tokens_that_are_over_and_can_be_renewed(signed_in: Shell, world: World) -> None:
    world.clock.move(2 * DEAD)
    ran = signed_in.run("doctor")

    assert ran.code == ExitCode.OK
    assert line_of(ran, "Tokens").startswith("over since 2025-06-15T16:06:40Z, renewed")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"ended": "Alice took it back."}, "There are none: Alice took it back."),
        ({"refresh_token": None, "expires_at": 1.0}, "They are over"),
    ],
)
def test_tokens_that_are_of_no_use(
    signed_in: Shell, changed: dict[str, object], found: str
) -> None:
    signed_in.change(**changed)
    ran = signed_in.run("doctor")

    assert (failed(ran), untried(ran)) == (["Tokens"], ["API"])
    assert line_of(ran, "Tokens").startswith(found)


@pytest.mark.parametrize("status", [401, 500, 503])
def test_an_api_that_does_not_take_the_token(signed_in: Shell, world: World, status: int) -> None:
    world.server.always[ABOUT] = says(status, {"error": "broken", "message": "Not now."})
    ran = signed_in.run("doctor")

    assert failed(ran) == ["API"]
    assert line_of(ran, "API") == f"{status} broken: Not now."


def test_an_api_of_another_kind_is_well_that_has_nothing_at_its_root(
    signed_in: Shell, world: World
) -> None:
    world.server.always[ABOUT] = says(404)

    assert signed_in.run("doctor").code == ExitCode.OK


def test_an_api_that_is_away(signed_in: Shell, world: World) -> None:
    world.server.always[ABOUT] = never_arrives()

    assert failed(signed_in.run("doctor")) == ["API"]
