"""What this server says about itself is true (RFC 8414, OpenID Connect Discovery)."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest

from flextell.oauth import authorize, client_auth, discovery, parameters, pkce, scopes
from flextell.oauth.errors import OAuthError
from flextell.oauth.parameters import Form
from tests.oauth.asked import CHALLENGE, authorization, form
from tests.world import ISSUER

SAYS: dict[str, Any] = discovery.metadata(ISSUER, ["RS256"])


def test_the_required_members_are_there() -> None:
    """RFC 8414 §2, OpenID Connect Discovery §3 (REQUIRED); the mobile app B needs them all."""
    assert SAYS["issuer"] == ISSUER
    for member in (
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ):
        assert SAYS[member]


def test_the_issuer_is_an_https_url_without_query_or_fragment() -> None:
    """RFC 8414 §2."""
    parts = urlsplit(SAYS["issuer"])
    assert parts.scheme == "https"
    assert not parts.query
    assert not parts.fragment


@pytest.mark.parametrize("member", discovery.PATHS)
def test_every_endpoint_is_below_the_issuer_and_has_no_fragment(member: str) -> None:
    """RFC 6749 §3.1, §3.2: the endpoint URI MUST NOT include a fragment component."""
    assert SAYS[member] == ISSUER + discovery.PATHS[member]
    assert "#" not in SAYS[member]


def test_members_without_a_value_are_left_out() -> None:
    """RFC 8414 §3.2: claims with zero elements MUST be omitted."""
    assert all(value not in ([], None, "", {}) for value in SAYS.values())


def test_no_grant_or_response_type_is_announced_that_needs_no_code() -> None:
    """RFC 9700 §2.1.2, §2.4: no implicit grant, no password grant."""
    assert SAYS["response_types_supported"] == ["code"]
    assert SAYS["grant_types_supported"] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize("prompt", SAYS["prompt_values_supported"])
@pytest.mark.parametrize("mode", SAYS["response_modes_supported"])
@pytest.mark.parametrize("response_type", SAYS["response_types_supported"])
def test_every_announced_way_to_ask_is_accepted(prompt: str, mode: str, response_type: str) -> None:
    """RFC 8414 §2: what is announced is supported."""
    asked = authorization(prompt=prompt, response_mode=mode, response_type=response_type)
    assert asked.prompt == {prompt}


@pytest.mark.parametrize("scope", SAYS["scopes_supported"])
def test_every_announced_scope_is_known(scope: str) -> None:
    """RFC 8414 §2 scopes_supported; OpenID Connect Discovery §3: MUST support openid."""
    assert scopes.parse(scope) == {scope}
    assert "openid" in SAYS["scopes_supported"]


@pytest.mark.parametrize("method", ["S256", "plain", "S512"])
def test_every_announced_challenge_method_is_accepted_and_no_other(method: str) -> None:
    """RFC 8414 §2, RFC 9700 §2.1.1: MUST publish PKCE support."""
    if method in SAYS["code_challenge_methods_supported"]:
        assert pkce.check_challenge(CHALLENGE, method, required=True)
    else:
        with pytest.raises(OAuthError):
            pkce.check_challenge(CHALLENGE, method, required=True)


def test_every_announced_client_authentication_is_read() -> None:
    """RFC 8414 §2 token_endpoint_auth_methods_supported and its siblings."""
    basic = "Basic " + b64encode(b"photos:secret").decode()
    read = {
        client_auth.read_credentials(basic, Form({})).method,
        client_auth.read_credentials(None, form(client_id="a", client_secret="b")).method,
        client_auth.read_credentials(None, form(client_id="a")).method,
    }
    assert read == set(SAYS["token_endpoint_auth_methods_supported"])
    assert read == set(SAYS["revocation_endpoint_auth_methods_supported"])
    for proving in ("introspection_endpoint", "revocation_feed_endpoint"):
        assert read - {"none"} == set(SAYS[f"{proving}_auth_methods_supported"])


def test_what_is_not_supported_is_refused_and_said() -> None:
    """OpenID Connect Discovery §3: request_uri is thought supported unless denied."""
    assert SAYS["request_parameter_supported"] is False
    assert SAYS["request_uri_parameter_supported"] is False
    with pytest.raises(authorize.RequestNotSupported):
        authorization(request="x")
    with pytest.raises(authorize.RequestUriNotSupported):
        authorization(request_uri="https://photos.example/r")


def test_the_issuer_comes_with_every_authorization_response() -> None:
    """RFC 9207 §3: a server that sends iss MUST say so."""
    assert SAYS["authorization_response_iss_parameter_supported"] is True


def test_the_algorithms_of_id_tokens_are_those_of_the_keys() -> None:
    """OpenID Connect Discovery §3."""
    assert SAYS["id_token_signing_alg_values_supported"] == ["RS256"]
    two = discovery.metadata(ISSUER, ["ES256", "RS256"])
    assert two["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]


def test_the_limits_of_parameters_leave_room_for_what_is_announced() -> None:
    assert len(" ".join(SAYS["scopes_supported"])) <= parameters.LIMITS["scope"]
