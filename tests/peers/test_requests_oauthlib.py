"""requests-oauthlib, unchanged, goes the whole way; as documented, it uses no PKCE."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from oauthlib.oauth2 import AccessDeniedError, InvalidGrantError, WebApplicationClient
from requests_oauthlib import OAuth2Session

from tests.peers.business import FIRST_NAMES, TENANT
from tests.peers.conftest import Register
from tests.peers.visitor import Visitor, query_of
from tests.together.server import App, RunningServer


@pytest.fixture
def metadata(server: RunningServer) -> Any:
    """The library does no discovery; its user reads the metadata (RFC 8414 §3)."""
    return requests.get(f"{server.url}/.well-known/oauth-authorization-server", timeout=10).json()


@pytest.fixture
def session_of() -> Iterator[Callable[..., Any]]:
    """Make a session of an app; takes the library's own options."""
    with ExitStack() as opened:

        def session_of(app: App, **options: Any) -> Any:
            session = OAuth2Session(
                app.client_id, redirect_uri=app.redirect_uri, scope=app.scope.split(), **options
            )
            return opened.enter_context(session)

        yield session_of


def check_api(server: RunningServer, session: Any) -> None:
    """Alice's data can be read with the session's token."""
    tenants = session.get(f"{server.url}/api/v1/account/tenants")
    assert [each["name"] for each in tenants.json()["data"]] == [TENANT]
    customers = session.get(f"{server.url}/api/v1/customers")
    assert {each["first_name"] for each in customers.json()["data"]} == FIRST_NAMES


def check_revocation(
    server: RunningServer, session: Any, metadata: Any, **credentials: str | None
) -> None:
    """Given back as oauthlib prepares it (RFC 7009 §2.1), no token works any more."""
    client = WebApplicationClient(session.client_id)
    url, headers, body = client.prepare_token_revocation_request(
        metadata["revocation_endpoint"], session.token["refresh_token"], "refresh_token"
    )
    form = {**query_of(f"?{body}"), **credentials}
    assert session.post(url, form, headers=headers, withhold_token=True).status_code == 200
    refused = session.get(f"{server.url}/api/v1/customers")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    with pytest.raises(InvalidGrantError):
        session.refresh_token(metadata["token_endpoint"], **credentials)


@pytest.mark.parametrize("in_body", [True, False], ids=["secret in the body", "HTTP Basic"])
def test_requests_oauthlib_goes_the_documented_way(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    metadata: Any,
    session_of: Callable[..., Any],
    in_body: bool,
) -> None:
    """RFC 6749 §4.1 without PKCE, and §6 by itself when the token's hour is over."""
    app = register()
    credentials = {"client_id": app.client_id, "client_secret": app.client_secret}
    kept: list[Any] = []
    session = session_of(
        app,
        auto_refresh_url=metadata["token_endpoint"],
        auto_refresh_kwargs=credentials,
        token_updater=lambda token: kept.append(dict(token)),
    )
    url, _ = session.authorization_url(metadata["authorization_endpoint"])
    first = dict(
        session.fetch_token(
            metadata["token_endpoint"],
            authorization_response=alice.visit(url),
            client_secret=app.client_secret,
            include_client_id=in_body,
        )
    )
    check_api(server, session)

    session.token = {**first, "expires_at": time.time() - 1}
    check_api(server, session)
    [second] = kept
    assert second["refresh_token"] != first["refresh_token"]
    assert session.token["access_token"] == second["access_token"] != first["access_token"]
    check_revocation(server, session, metadata, **credentials)


def test_requests_oauthlib_needs_no_state(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    metadata: Any,
    session_of: Callable[..., Any],
) -> None:
    """RFC 6749 §4.1.1: state is recommended, not required; none comes back then."""
    app = register()
    url = WebApplicationClient(app.client_id).prepare_request_uri(
        metadata["authorization_endpoint"], redirect_uri=app.redirect_uri, scope=app.scope
    )
    landed = alice.visit(url)
    assert query_of(landed).keys() == {"code", "iss"}
    session = session_of(app)
    session.fetch_token(
        metadata["token_endpoint"], authorization_response=landed, client_secret=app.client_secret
    )
    check_api(server, session)


def test_requests_oauthlib_goes_the_way_of_a_public_client(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    metadata: Any,
    session_of: Callable[..., Any],
) -> None:
    """RFC 7636 §4: its own challenge and verifier stand in for the secret."""
    app = register(public=True)
    session = session_of(app, pkce="S256")
    url, _ = session.authorization_url(metadata["authorization_endpoint"])
    session.fetch_token(
        metadata["token_endpoint"],
        authorization_response=alice.visit(url),
        include_client_id=True,
    )
    check_api(server, session)
    session.refresh_token(metadata["token_endpoint"], client_id=app.client_id)
    check_api(server, session)
    check_revocation(server, session, metadata, client_id=app.client_id)


def test_requests_oauthlib_hears_that_alice_said_no(
    register: Register,
    alice: Visitor,
    metadata: Any,
    session_of: Callable[..., Any],
) -> None:
    """RFC 6749 §4.1.2.1: the refusal is an error that the library knows."""
    app = register()
    session = session_of(app)
    url, _ = session.authorization_url(metadata["authorization_endpoint"])
    landed = alice.visit(url, answer="deny")
    with pytest.raises(AccessDeniedError):
        session.fetch_token(metadata["token_endpoint"], authorization_response=landed)
