"""How commands end: one sentence that says what to do, a code for scripts, never a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flextell_sdk.command.exits import ExitCode
from flextell_sdk.command.main import Patient
from flextell_sdk.stores.keys import VARIABLE, new_key
from sdk.tests.browsers import Browser, asked
from sdk.tests.command.shell import Shell, one_sentence
from sdk.tests.fake_server import ISSUER, TOKEN
from sdk.tests.faults import Fault, is_lost, never_arrives, says
from sdk.tests.world import DEAD, World

USING = (("token",), ("whoami",), ("call", "GET", "/v1/x"), ("sign-out",))


@pytest.mark.parametrize("words", USING)
def test_nobody_has_signed_in(shell: Shell, words: tuple[str, ...]) -> None:
    said = one_sentence(shell.run(*words), ExitCode.SIGN_IN)

    assert said == (
        f"Nobody has signed in yet. Sign in: python -m flextell_sdk sign-in --folder {shell.folder}"
    )
    assert not shell.folder.exists()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
def test_what_the_api_refuses_is_said_with_its_number(
    signed_in: Shell, world: World, status: int
) -> None:
    body = {"error": "not_so", "message": "Not so."}
    world.server.always["/api/v1/x"] = says(status, body, request_id="r-7")
    said = one_sentence(signed_in.run("call", "GET", "/v1/x"), ExitCode.REFUSED)

    assert said == f"{status} not_so: Not so. (request r-7)"


def test_a_scope_that_is_missing_is_one_command_away(shell: Shell, world: World) -> None:
    shell.write_app(scope="openid")
    shell.sign_in()
    said = one_sentence(shell.run("call", "GET", "/v1/customers"), ExitCode.REFUSED)

    assert said.endswith(f"sign-in --folder {shell.folder} --scope customers:read")
    shell.run("sign-in", "--scope", "customers:read")
    assert shell.run("call", "GET", "/v1/customers?limit=1").code == ExitCode.OK


def test_what_the_server_ended_is_over(signed_in: Shell, world: World) -> None:
    world.server.permissions[0].ended = True
    said = one_sentence(signed_in.run("call", "GET", "/v1/x"), ExitCode.SIGN_IN)

    assert said.startswith("The server no longer accepts what was allowed")
    assert said.endswith(f"Sign in: python -m flextell_sdk sign-in --folder {signed_in.folder}")


@pytest.mark.parametrize("fault", [never_arrives(), is_lost()])
def test_a_server_that_is_away_is_said_after_a_while(
    signed_in: Shell, world: World, fault: Fault
) -> None:
    world.server.always[TOKEN] = fault
    world.clock.move(DEAD)
    said = one_sentence(signed_in.run("token"), ExitCode.UNREACHABLE)

    assert said.startswith("No answer from auth.example")


def test_an_app_that_the_server_does_not_know_is_refused(shell: Shell) -> None:
    shell.write_app(client_secret="another")
    ran = shell.run("sign-in", "--app", shell.app_file)

    assert ran.code == ExitCode.REFUSED
    assert ran.err.splitlines()[-1] == "invalid_client: Not like that. (request r-1)"
    assert shell.files(".app") == []


def test_a_person_who_does_not_allow_it_is_not_signed_in(shell: Shell) -> None:
    """What comes by the browser may have been written by anybody: it steers no terminal."""
    evil = "%1B[2JNo.%0AYou+are+signed+in."

    def deny(url: str) -> str:
        place, state = asked(url)["redirect_uri"], asked(url)["state"]
        said = f"error=access_denied&error_description={evil}&state={state}&iss={ISSUER}"
        return f"{place}?{said}"

    shell.browser = Browser(deny)
    ran = shell.run("sign-in", "--app", shell.app_file)

    assert ran.code == ExitCode.SIGN_IN
    assert ran.err.splitlines()[-1] == "\\x1b[2JNo.\\nYou are signed in."


WRONG = {
    "Say which app": ("sign-in",),
    "--issuer URL and --client-id ID": ("sign-in", "--issuer", ISSUER),
    "must be an https address": ("sign-in", "--issuer", "http://a.example", "--client-id", "a"),
    "none.json cannot be read": ("sign-in", "--app", "none.json"),
    "none is not there": (
        *("sign-in", "--issuer", ISSUER, "--client-id", "a", "--client-secret-file", "none"),
    ),
    "write a number of seconds": ("sign-in", "--wait", "soon"),
    "COMMAND": (),
    "invalid choice": ("dance",),
    "write what follows": ("call", "GET", f"{ISSUER}/api/v1/x"),
    "METHOD": ("call", "FETCH", "/v1/x"),
    "NAME=VALUE": ("call", "GET", "/v1/x", "--query", "limit"),
    "not both": ("call", "GET", "/v1/x?a=1", "--query", "b=1"),
    "twice": ("call", "GET", "/v1/x", "--query", "a=1", "--query", "a=2"),
    "not JSON": ("call", "POST", "/v1/x", "--data", "{nonsense"),
    "No such file": ("call", "POST", "/v1/x", "--data", "@none.json"),
    "cannot be part of an address": ("call", "GET", "/v1/\x01"),
    "--tenant": ("call", "GET", "/v1/x", "--tenant", "one"),
}


@pytest.mark.parametrize(("said", "words"), WRONG.items())
def test_a_command_line_that_is_wrong_is_explained(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, words: tuple[str, ...]
) -> None:
    if words[:1] == ("call",):
        shell.sign_in()
    monkeypatch.chdir(tmp_path)
    ran = shell.run(*words) if words else shell.run_bare()

    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert said in ran.err.splitlines()[-1]


def test_a_secret_that_others_can_read_is_not_used(shell: Shell) -> None:
    shell.app_file.chmod(0o644)
    said = one_sentence(shell.run("sign-in", "--app", shell.app_file), ExitCode.STORE)

    assert said.endswith("app.json can be read by others; make it yours: chmod 600.")


def change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


SPOILS: dict[str, Callable[[Shell], object]] = {
    "can be read by others; make it yours: chmod 700.": lambda shell: shell.folder.chmod(0o755),
    "can be read by others; make it yours: chmod 600.": lambda shell: shell.files(".tokens")[
        0
    ].chmod(0o640),
    "belong to another grant. Sign in anew": lambda shell: change_a_byte(shell.files(".tokens")[0]),
    "The app that was remembered was changed or cut short.": lambda shell: change_a_byte(
        shell.files(".app")[0]
    ),
    "is sealed under another key: bring that back.": lambda shell: (
        shell.folder / "token.key"
    ).write_text(new_key()),
}


@pytest.mark.parametrize("words", USING)
@pytest.mark.parametrize(("said", "spoil"), SPOILS.items())
def test_a_store_that_was_spoilt_is_not_trusted(
    signed_in: Shell, said: str, spoil: Callable[[Shell], object], words: tuple[str, ...]
) -> None:
    spoil(signed_in)

    assert said in one_sentence(signed_in.run(*words), ExitCode.STORE)


def test_a_key_of_the_environment_that_is_none_is_said(
    signed_in: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "nonsense")
    said = one_sentence(signed_in.run("token"), ExitCode.STORE)

    assert "32 bytes" in said
    assert "nonsense" not in said


@pytest.mark.parametrize("kind", [".tokens", ".app"])
def test_whoever_signs_in_anew_gets_over_it(shell: Shell, kind: str) -> None:
    shell.sign_in()
    change_a_byte(shell.files(kind)[0])
    shell.sign_in("--anew")

    assert shell.run("whoami").code == ExitCode.OK


def test_nothing_that_is_said_holds_a_secret(signed_in: Shell, world: World) -> None:
    said = [
        signed_in.run(*words)
        for words in (("whoami",), ("call", "GET", "/v1/y"), ("doctor",), ("sign-out",))
    ]

    for secret in world.server.secrets():
        assert not any(secret in ran.out + ran.err for ran in said)


def test_ctrl_c_is_no_error_that_needs_words(signed_in: Shell, world: World) -> None:
    world.server.instead("/api/v1/x", is_lost(KeyboardInterrupt))
    ran = signed_in.run("call", "GET", "/v1/x")

    assert (ran.code, ran.out, ran.err) == (ExitCode.INTERRUPTED, "", "")


def test_whoever_waits_long_is_told_once_for_what(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("flextell_sdk.command.main.SILENT_SECONDS", 2e-6)
    patient = Patient()
    said = []
    for _ in range(5):
        patient.pause(1e-6)
        said.append("No answer so far" in capsys.readouterr().err)

    assert said == [False, True, False, False, False]
