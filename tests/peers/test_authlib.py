"""Authlib, unchanged, goes the whole way: discovery, code, API, refresh, revocation."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.peers.business import FIRST_NAMES, TENANT
from tests.peers.conftest import Register
from tests.peers.visitor import Visitor, query_of
from tests.together.server import App, RunningServer

SCOPE = "openid account:read customers:read"


def fetched(address: str) -> Any:
    """A JSON document that anybody may read."""
    with OAuth2Session() as anybody:
        return anybody.get(address, withhold_token=True).json()


@pytest.fixture
def metadata(server: RunningServer) -> Any:
    """The metadata, if Authlib finds nothing wrong with it (OpenID Connect Discovery §3)."""
    address = get_well_known_url(server.url, external=True, suffix="openid-configuration")
    found = OpenIDProviderMetadata(fetched(address))
    found.validate()
    assert found["issuer"] == server.url
    return found


@pytest.fixture
def session_of(metadata: Any) -> Iterator[Callable[..., Any]]:
    """Make a session of an app, set up from the metadata; takes Authlib's own options."""
    endpoints = {name: metadata[name] for name in metadata if name.endswith("_endpoint")}
    with ExitStack() as opened:

        def session_of(app: App, **options: Any) -> Any:
            session = OAuth2Session(
                app.client_id,
                app.client_secret,
                scope=app.scope,
                redirect_uri=app.redirect_uri,
                **endpoints,
                **options,
            )
            return opened.enter_context(session)

        yield session_of


def check_id_token(token: Any, app: App, nonce: str, metadata: Any) -> None:
    """Authlib trusts the id_token, at_hash included (OpenID Connect Core §3.1.3.7)."""
    keys = KeySet.import_key_set(fetched(metadata["jwks_uri"]))
    algorithms = metadata["id_token_signing_alg_values_supported"]
    found = jwt.decode(token["id_token"], keys, algorithms=algorithms)
    expected = {"iss": {"value": metadata["issuer"]}, "aud": {"value": app.client_id}}
    known = {"nonce": nonce, "client_id": app.client_id, "access_token": token["access_token"]}
    assert {"nonce", "at_hash", "auth_time"} <= found.claims.keys()
    CodeIDToken(found.claims, found.header, expected, known).validate()


@pytest.mark.parametrize(
    ("auth_method", "kind"),
    [
        ("client_secret_basic", {}),
        ("client_secret_post", {"require_pkce": True}),
        ("none", {"public": True}),
    ],
)
def test_authlib_goes_the_whole_way(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    metadata: Any,
    session_of: Callable[..., Any],
    auth_method: str,
    kind: dict[str, bool],
) -> None:
    """RFC 6749 §4.1 and §6, RFC 7636, RFC 7009; each way in which a client may prove itself."""
    app = register(scope=SCOPE, **kind)
    kept: list[tuple[Any, str]] = []
    session = session_of(
        app,
        token_endpoint_auth_method=auth_method,
        revocation_endpoint_auth_method=auth_method,
        code_challenge_method="S256",
        update_token=lambda token, refresh_token: kept.append((dict(token), refresh_token)),
    )
    verifier, nonce = generate_token(48), generate_token()
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    landed = alice.visit(url)
    first = dict(
        session.fetch_token(authorization_response=landed, state=state, code_verifier=verifier)
    )
    assert first["scope"].split() == sorted(SCOPE.split())
    check_id_token(first, app, nonce, metadata)

    [tenant] = session.get(f"{server.url}/api/v1/account/tenants").json()["data"]
    assert tenant["name"] == TENANT

    session.token["expires_at"] = int(time.time()) - 1
    customers = session.get(
        f"{server.url}/api/v1/customers", headers={"X-Tenant": str(tenant["id"])}
    )
    assert {each["first_name"] for each in customers.json()["data"]} == FIRST_NAMES
    [(second, replaced)] = kept
    assert replaced == first["refresh_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]

    revoked = session.revoke_token(metadata["revocation_endpoint"])
    assert revoked.status_code == 200
    for token in (first, second):
        session.token = token
        refused = session.get(f"{server.url}/api/v1/customers")
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.refresh_token()


def test_authlib_introspects_the_tokens_of_its_own_app(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    metadata: Any,
    session_of: Callable[..., Any],
) -> None:
    """RFC 7662 §2.2: active with its facts, and inactive as soon as it is revoked."""
    app = register()
    session = session_of(app)
    url, _ = session.create_authorization_url(metadata["authorization_endpoint"])
    token = session.fetch_token(authorization_response=alice.visit(url))

    def told(kind: str) -> Any:
        return session.introspect_token(
            metadata["introspection_endpoint"], token=token[kind], token_type_hint=kind
        ).json()

    said = told("access_token")
    assert said["active"] is True
    assert said["client_id"] == app.client_id
    assert said["iss"] == server.url
    assert said["scope"] == token["scope"]
    assert told("refresh_token")["active"] is True

    session.revoke_token(metadata["revocation_endpoint"], token=token["access_token"])
    assert told("access_token") == {"active": False}
    assert told("refresh_token")["active"] is True


def test_authlib_hears_that_alice_said_no(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    metadata: Any,
    session_of: Callable[..., Any],
) -> None:
    """RFC 6749 §4.1.2.1, RFC 9207 §2: error, state and issuer come back, and no code."""
    app = register()
    session = session_of(app)
    url, state = session.create_authorization_url(metadata["authorization_endpoint"])
    said = query_of(alice.visit(url, answer="deny"))
    assert said["error"] == "access_denied"
    assert (said["state"], said["iss"]) == (state, server.url)
    assert "code" not in said


def test_authlib_finds_the_same_metadata_at_both_addresses(
    server: RunningServer, metadata: Any
) -> None:
    """RFC 8414 §3.1 and §2: it is valid as OAuth metadata too."""
    found = AuthorizationServerMetadata(fetched(get_well_known_url(server.url, external=True)))
    found.validate()
    assert found == metadata
