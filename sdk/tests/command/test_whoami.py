"""`whoami`: the person, the app, the server, and until when."""

from sdk.tests.command.shell import Shell
from sdk.tests.fake_server import TENANTS
from sdk.tests.faults import says
from sdk.tests.world import World


def test_whoami_tells_people_everything(signed_in: Shell) -> None:
    lines = signed_in.run("whoami").out.splitlines()

    assert lines == [
        "Person:   alice",
        "App:      photos app",
        "Server:   https://auth.example",
        "API:      https://auth.example/api",
        "Scopes:   openid",
        "          account:read",
        "          customers:read",
        "Until:    2025-06-15T16:06:40Z, then renewed by itself",
        "Tenants:  Bright Clinic (7)",
    ]


def test_whoami_tells_scripts_everything(signed_in: Shell) -> None:
    assert signed_in.run("whoami", "--json").json == {
        "person": "alice",
        "app": "photos app",
        "server": "https://auth.example",
        "api": "https://auth.example/api",
        "scopes": ["openid", "account:read", "customers:read"],
        "expires_at": "2025-06-15T16:06:40Z",
        "renewable": True,
        "tenants": [{"id": 7, "name": "Bright Clinic"}],
    }


def test_whoami_says_what_it_was_not_told(shell: Shell, world: World) -> None:
    world.server.lifetime = None
    world.server.gives_refresh_tokens = False
    shell.write_app(scope="customers:read")
    shell.sign_in()
    lines = shell.run("whoami").out.splitlines()

    assert lines[0] == "Person:   unknown: the scope openid was not allowed"
    assert lines[-2:] == [
        "Until:    the server did not say, then sign in again",
        "Tenants:  unknown",
    ]
    assert world.server.times(TENANTS) == 0


def test_whoami_answers_also_when_the_api_does_not(signed_in: Shell, world: World) -> None:
    world.server.always[TENANTS] = says(500)

    assert signed_in.run("whoami", "--json").json["tenants"] is None
