"""Requests to the token endpoint and its neighbours: who asks, and for what."""

import base64
from dataclasses import replace
from urllib.parse import parse_qsl

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell_sdk.app import App
from flextell_sdk.errors import (
    ServerMisconfigured,
)
from flextell_sdk.server import Server
from flextell_sdk.sign_in import finish_sign_in
from flextell_sdk.token_endpoint import (
    exchange_request,
    refresh_request,
    revoke_request,
)
from sdk.tests.fake_server import CLIENT_ID, CLIENT_SECRET, ISSUER, REDIRECT_URI, REVOKE, TOKEN
from sdk.tests.world import APP, ASKED, PUBLIC_APP

SERVER = Server(ISSUER, f"{ISSUER}/oauth/authorize", ISSUER + TOKEN, ISSUER + REVOKE)
# The pair of the app, encoded by hand so that a wrong encoding shows (RFC 6749 §2.3.1).
PAIR = "photos+app:a+secret%3A+with+signs+%26+letters%2B"
BASIC = "Basic " + base64.b64encode(PAIR.encode()).decode()


def form_of(request: httpx2.Request) -> dict[str, str]:
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    pairs = parse_qsl(request.content.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


# Who asks.


def test_an_app_with_a_secret_proves_itself_in_a_header_whose_parts_are_encoded() -> None:
    """RFC 6749 §2.3.1: both MUST be form-encoded before they are joined."""
    request = refresh_request(APP, SERVER, "rt")

    assert request.headers["authorization"] == BASIC
    assert form_of(request) == {"grant_type": "refresh_token", "refresh_token": "rt"}


def test_it_proves_itself_in_the_body_where_the_server_knows_no_header() -> None:
    """RFC 6749 §2.3.1."""
    server = replace(SERVER, authentication_methods=("client_secret_post", "private_key_jwt"))
    request = refresh_request(APP, server, "rt")

    assert "authorization" not in request.headers
    assert form_of(request) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }


def test_it_never_does_both() -> None:
    """RFC 6749 §2.3: MUST NOT use more than one method in a request."""
    server = replace(
        SERVER, authentication_methods=("client_secret_post", "client_secret_basic", "none")
    )
    request = refresh_request(APP, server, "rt")

    assert "authorization" in request.headers
    assert not {"client_id", "client_secret"} & form_of(request).keys()


@pytest.mark.parametrize("methods", [(), ("none",), ("client_secret_basic",)])
def test_an_app_without_a_secret_says_its_name(methods: tuple[str, ...]) -> None:
    """RFC 6749 §3.2.1."""
    request = refresh_request(PUBLIC_APP, replace(SERVER, authentication_methods=methods), "rt")

    assert "authorization" not in request.headers
    assert form_of(request)["client_id"] == CLIENT_ID


@given(st.text(), st.text(min_size=1))
def test_any_name_and_secret_survive_the_header(client_id: str, secret: str) -> None:
    request = refresh_request(App(ISSUER, client_id, secret), SERVER, "rt")
    pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    name, _, password = pair.partition(":")

    decoded = dict(parse_qsl(f"name={name}&password={password}", keep_blank_values=True))
    assert decoded == {"name": client_id, "password": secret}


# What is asked.


def test_a_code_is_exchanged_with_its_verifier_and_where_it_came_to() -> None:
    """RFC 6749 §4.1.3, RFC 7636 §4.5."""
    code = finish_sign_in(f"?code=c&state=the+state&iss={ISSUER}", ASKED)
    request = exchange_request(replace(APP, resource="https://api.example"), SERVER, code)

    assert (request.method, str(request.url)) == ("POST", ISSUER + TOKEN)
    assert form_of(request) == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": ASKED.verifier,
        "resource": "https://api.example",
    }


def test_a_refresh_names_the_resource_where_the_server_wants_it() -> None:
    """RFC 8707 §2.2."""
    app = replace(APP, resource="https://api.example")

    assert form_of(refresh_request(app, SERVER, "rt"))["resource"] == "https://api.example"


def test_a_revocation_says_which_kind_of_token_it_is() -> None:
    """RFC 7009 §2.1."""
    request = revoke_request(APP, SERVER, "rt", "refresh_token")

    assert (request.method, str(request.url)) == ("POST", ISSUER + REVOKE)
    assert form_of(request) == {"token": "rt", "token_type_hint": "refresh_token"}


def test_nothing_is_revoked_where_nothing_can_be() -> None:
    with pytest.raises(ServerMisconfigured, match="no revocation endpoint"):
        revoke_request(APP, replace(SERVER, revocation_endpoint=""), "rt", "refresh_token")


def test_no_repr_tells_a_secret() -> None:
    in_body = replace(SERVER, authentication_methods=("client_secret_post",))
    shown = [repr(refresh_request(APP, server, "rt")) for server in (SERVER, in_body)]

    assert shown == ["<Request('POST', 'https://auth.example/oauth/token')>"] * 2
