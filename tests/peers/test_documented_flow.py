"""An app that knows nothing but the published documentation (wire §b): no PKCE, no state."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx2 import Client, Response

from tests.peers.business import FIRST_NAMES
from tests.peers.conftest import Register
from tests.peers.visitor import Visitor, query_of
from tests.together.server import App, RunningServer


def authorize(server: RunningServer, app: App, **more: str) -> str:
    """Where the documentation sends the person (wire §b.3)."""
    asked = {"response_type": "code", "client_id": app.client_id, "redirect_uri": app.redirect_uri}
    return f"{server.url}/oauth/authorize?{urlencode({**asked, **more})}"


def post_token(client: Client, app: App, **form: str) -> Response:
    """A form with the app's id and secret in it (wire §b.4)."""
    proof = {"client_id": app.client_id, "client_secret": app.client_secret or ""}
    return client.post("/oauth/token", data={**form, **proof})


def exchange(client: Client, app: App, code: str) -> dict[str, Any]:
    """Tokens for a code, with the documented fields (wire §b.5)."""
    answer = post_token(
        client, app, grant_type="authorization_code", code=code, redirect_uri=app.redirect_uri
    )
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["access_token"].count(".") == 2
    assert tokens["refresh_token"]
    return tokens


def customers(client: Client, access_token: str) -> Response:
    """The API call of the documentation (wire §c.2)."""
    return client.get("/api/v1/customers", headers={"Authorization": f"Bearer {access_token}"})


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """The app's own connection; it knows no cookie of Alice's."""
    with Client(base_url=server.url, verify=server.trust()) as opened:
        yield opened


def test_an_app_that_follows_the_documentation_to_the_letter_works(
    server: RunningServer, alice: Visitor, client: Client
) -> None:
    """Registered by command; authorize, exchange, call, refresh (wire §b.2 to §b.7)."""
    app = server.create_app()
    landed = alice.visit(authorize(server, app, scope=app.scope))
    assert landed.startswith(f"{app.redirect_uri}?")
    assert query_of(landed).keys() == {"code", "iss"}
    assert [page.url.path for page in alice.seen] == ["/sign-in", "/consent"]

    first = exchange(client, app, query_of(landed)["code"])
    called = customers(client, first["access_token"])
    assert {each["first_name"] for each in called.json()["data"]} == FIRST_NAMES

    answer = post_token(
        client, app, grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert answer.status_code == 200, answer.text
    second = answer.json()
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert customers(client, second["access_token"]).status_code == 200


def test_the_default_scopes_are_given_where_none_is_asked_for(
    server: RunningServer, register: Register, alice: Visitor, client: Client
) -> None:
    """`scope` is optional (wire §b.3, §e 13)."""
    app = register()
    landed = alice.visit(authorize(server, app))
    tokens = exchange(client, app, query_of(landed)["code"])
    assert tokens["scope"] == app.scope
    assert customers(client, tokens["access_token"]).status_code == 200


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("read write", "account:read customers:read customers:write"),
        ("read:contacts write:contacts", "customers:read customers:write"),
    ],
)
def test_the_documented_words_for_scopes_are_understood(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    client: Client,
    asked: str,
    given: str,
) -> None:
    """Both older styles (wire §b.9, §e 14); what they came to mean is told (RFC 6749 §5.1)."""
    app = register(scope="account:read customers:read customers:write")
    landed = alice.visit(authorize(server, app, scope=asked))
    tokens = exchange(client, app, query_of(landed)["code"])
    assert tokens["scope"] == given
    assert customers(client, tokens["access_token"]).status_code == 200


def test_a_person_who_says_no_is_sent_back_with_an_error_and_no_code(
    server: RunningServer, register: Register, alice: Visitor
) -> None:
    """FLOW: denied, with an `error` and the `state` unchanged (wire §b.3)."""
    app = register()
    landed = alice.visit(authorize(server, app, state="a b&c=d"), answer="deny")
    said = query_of(landed)
    assert said["error"] == "access_denied"
    assert said["state"] == "a b&c=d"
    assert "code" not in said
