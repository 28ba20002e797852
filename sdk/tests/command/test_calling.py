"""`token` and `call`: what goes to the API, and what is printed."""

import json
from pathlib import Path

import pytest

from flextell_sdk.command.exits import ExitCode
from sdk.tests.command.shell import Shell
from sdk.tests.fake_server import CUSTOMERS, TOKEN
from sdk.tests.faults import says
from sdk.tests.world import DEAD, STALE, World


def test_a_token_is_all_that_is_printed(signed_in: Shell) -> None:
    ran = signed_in.run("token")

    assert (ran.out, ran.err) == (f"{signed_in.kept().access_token}\n", "")


@pytest.mark.parametrize("passed", [STALE, DEAD])
def test_a_token_that_is_printed_is_a_fresh_one(
    signed_in: Shell, world: World, passed: float
) -> None:
    first = signed_in.run("token").out
    world.clock.move(passed)
    second = signed_in.run("token").out

    assert second != first
    assert second == f"{signed_in.kept().access_token}\n"
    assert world.server.times(TOKEN) == 1


def test_a_call_prints_the_answer_as_one_line_for_scripts(signed_in: Shell) -> None:
    ran = signed_in.run("call", "GET", f"{CUSTOMERS.removeprefix('/api')}/0")

    assert ran.out.count("\n") == 1
    assert ran.json["data"]["first_name"] == "Bob"


def test_a_call_prints_the_answer_for_reading_at_a_terminal(
    signed_in: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it steers the terminal (ECMA-48 §5.4: also U+009B begins a command)."""
    world.server.instead("/api/v1/x", says(200, {"name": "Zoë", "evil": "\x1b[2J\x9b2J\u202e"}))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ran = signed_in.run("call", "GET", "/v1/x")

    assert ran.out == ('{\n  "name": "Zoë",\n  "evil": "\\u001b[2J\\x9b2J\\u202e"\n}\n')


def test_a_call_sends_all_that_it_is_given(signed_in: Shell, world: World) -> None:
    ran = signed_in.run(
        *("call", "post", "v1/notes", "--query", "a=1", "--query", "b=x=y&z"),
        *("--data", '{"text": "Zoë"}', "--tenant", "7", "--idempotency-key", "k-1"),
    )
    [seen] = world.server.at("/api/v1/notes")

    assert ran.code == ExitCode.OK
    assert (seen.method, seen.query) == ("POST", {"a": "1", "b": "x=y&z"})
    assert json.loads(seen.body) == {"text": "Zoë"}
    assert (seen.headers["x-tenant"], seen.headers["idempotency-key"]) == ("7", "k-1")
    assert seen.bearer == signed_in.kept().access_token


def test_a_query_may_stand_in_the_path(signed_in: Shell, world: World) -> None:
    signed_in.run("call", "GET", "/v1/customers?limit=2&cursor=2")

    assert world.server.at(CUSTOMERS)[0].query == {"limit": "2", "cursor": "2"}


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_a_body_comes_from_a_file_or_from_standard_input(
    signed_in: Shell,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    file = tmp_path / "body.json"
    file.write_text("[1]")
    with file.open() as text:
        monkeypatch.setattr("sys.stdin", text)
        signed_in.run("call", "POST", "/v1/x", "--data", "-" if source == "stdin" else f"@{file}")

    assert json.loads(world.server.at("/api/v1/x")[0].body) == [1]


def test_an_answer_without_a_body_prints_nothing(signed_in: Shell, world: World) -> None:
    world.server.instead("/api/v1/x", says(204, b""))
    ran = signed_in.run("call", "DELETE", "/v1/x")

    assert (ran.code, ran.out, ran.err) == (ExitCode.OK, "", "")
