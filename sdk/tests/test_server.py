"""What a server says about itself (RFC 8414, OpenID Connect Discovery)."""

from dataclasses import replace
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.app import App
from flextell_sdk.errors import ServerMisconfigured
from flextell_sdk.server import metadata_urls, read_metadata
from sdk.tests.fake_server import CLIENT_ID, ISSUER
from sdk.tests.strategies import any_json
from sdk.tests.world import APP

NEEDED = ("authorization_endpoint", "token_endpoint")
OPTIONAL = ("revocation_endpoint", "introspection_endpoint", "jwks_uri")
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    **{name: f"{ISSUER}/{name}" for name in NEEDED + OPTIONAL},
}

LOCAL = "http://127.0.0.1:8000"
LOCAL_APP = App(LOCAL, CLIENT_ID, allow_plain_http_on_loopback_for_development=True)

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
PLACES = {
    "https://a.example": (f"https://a.example{OAUTH}", f"https://a.example{OPENID}"),
    "https://a.example/": (f"https://a.example{OAUTH}", f"https://a.example{OPENID}"),
    "https://a.example:8443/one": (
        f"https://a.example:8443{OAUTH}/one",
        f"https://a.example:8443/one{OPENID}",
    ),
    "https://a.example/one/two/": (
        f"https://a.example{OAUTH}/one/two",
        f"https://a.example/one/two{OPENID}",
    ),
}


@pytest.mark.parametrize(("issuer", "places"), PLACES.items(), ids=PLACES)
def test_metadata_is_looked_for_in_two_places(issuer: str, places: tuple[str, ...]) -> None:
    """RFC 8414 §3.1: inserted before the path; OpenID Connect Discovery §4.1: behind it.

    A slash at the end of the path MUST be removed.
    """
    assert metadata_urls(issuer) == places


def test_a_server_says_where_everything_is() -> None:
    server = read_metadata(APP, DOCUMENT)

    assert server.issuer == ISSUER
    assert {name: getattr(server, name) for name in NEEDED + OPTIONAL} == {
        name: f"{ISSUER}/{name}" for name in NEEDED + OPTIONAL
    }


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_a_server_does_not_have_is_empty(name: str) -> None:
    without = {other: value for other, value in DOCUMENT.items() if other != name}

    assert getattr(read_metadata(APP, without), name) == ""


@pytest.mark.parametrize("name", NEEDED)
def test_a_server_without_the_endpoints_of_a_sign_in_is_of_no_use(name: str) -> None:
    """RFC 8414 §2."""
    without = {other: value for other, value in DOCUMENT.items() if other != name}

    with pytest.raises(ServerMisconfigured, match=name):
        read_metadata(APP, without)


@pytest.mark.parametrize(
    "issuer", [f"{ISSUER}/", "https://evil.example", "HTTPS://AUTH.EXAMPLE", "", None, [ISSUER]]
)
def test_metadata_about_another_issuer_is_not_used(issuer: object) -> None:
    """RFC 8414 §3.3: unless the two are identical, it MUST NOT be used."""
    with pytest.raises(ServerMisconfigured, match="another issuer"):
        read_metadata(APP, {**DOCUMENT, "issuer": issuer})


def test_an_issuer_with_a_slash_is_another_than_without() -> None:
    """RFC 8414 §3.3: compared as they are written."""
    app = replace(APP, issuer=f"{ISSUER}/")

    assert read_metadata(app, {**DOCUMENT, "issuer": f"{ISSUER}/"}).issuer == f"{ISSUER}/"
    with pytest.raises(ServerMisconfigured, match="another issuer"):
        read_metadata(app, DOCUMENT)


@pytest.mark.parametrize("name", NEEDED + OPTIONAL)
@pytest.mark.parametrize(
    "address", ["http://auth.example/x", "ftp://auth.example", "//auth.example", "https://", "x", 7]
)
def test_no_secret_goes_to_an_address_without_tls(name: str, address: object) -> None:
    """RFC 6749 §3.1, §3.2: TLS MUST be used."""
    with pytest.raises(ServerMisconfigured, match=name):
        read_metadata(APP, {**DOCUMENT, name: address})


def test_plain_http_is_for_loopback_and_must_be_allowed() -> None:
    local = {name: f"{LOCAL}/{name}" for name in NEEDED}

    assert read_metadata(LOCAL_APP, {"issuer": LOCAL, **local}).token_endpoint == (
        f"{LOCAL}/token_endpoint"
    )
    with pytest.raises(ServerMisconfigured):
        read_metadata(APP, {"issuer": ISSUER, **local})


def test_even_then_plain_http_leaves_the_machine_for_nobody() -> None:
    away = {name: f"http://auth.example/{name}" for name in NEEDED}

    with pytest.raises(ServerMisconfigured):
        read_metadata(LOCAL_APP, {"issuer": LOCAL, **away})


def test_a_server_that_names_itself_says_so() -> None:
    """RFC 9207 §3: false if it is left out."""
    name = "authorization_response_iss_parameter_supported"

    assert read_metadata(APP, {**DOCUMENT, name: True}).names_itself
    assert not read_metadata(APP, DOCUMENT).names_itself
    assert not read_metadata(APP, {**DOCUMENT, name: False}).names_itself


def test_a_server_that_does_not_say_how_an_app_proves_itself_takes_basic() -> None:
    """RFC 8414 §2: the default of token_endpoint_auth_methods_supported."""
    name = "token_endpoint_auth_methods_supported"

    assert read_metadata(APP, DOCUMENT).authentication_methods == ("client_secret_basic",)
    assert read_metadata(APP, {**DOCUMENT, name: ["client_secret_post", 7]}) == (
        replace(read_metadata(APP, DOCUMENT), authentication_methods=("client_secret_post",))
    )


addresses = st.text(st.characters()).map(lambda text: f"https://{text}") | st.text()


@given(
    st.fixed_dictionaries(
        {"issuer": st.just(ISSUER)},
        optional=dict.fromkeys(
            (*NEEDED, *OPTIONAL, "token_endpoint_auth_methods_supported"), any_json | addresses
        ),
    )
)
@example({**DOCUMENT, "token_endpoint": "https://["})
@example({**DOCUMENT, "token_endpoint": "https://auth.example:99999999/"})
@example({**DOCUMENT, "token_endpoint": "https://auth.example:https/"})
@example({**DOCUMENT, "jwks_uri": "https://auth.example\uff03/"})
def test_any_document_is_metadata_or_a_mistake_of_the_server(document: dict[str, Any]) -> None:
    try:
        server = read_metadata(APP, document)
    except ServerMisconfigured:
        return
    addresses = [httpx2.URL(getattr(server, name)) for name in NEEDED + OPTIONAL]
    assert {address.scheme for address in addresses if address.host} == {"https"}


ADDRESSES = {
    "plain http": ("http://auth.example", ""),
    "plain http on this machine": (LOCAL, ""),
    "no address": ("auth.example", ""),
    "an API without TLS": (ISSUER, "http://api.example"),
}


@pytest.mark.parametrize(("issuer", "api"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_app_is_not_made_for_an_address_without_tls(issuer: str, api: str) -> None:
    """RFC 6749 §3.1: TLS MUST be used; RFC 6750 §5.2."""
    with pytest.raises(ServerMisconfigured, match="https"):
        App(issuer, CLIENT_ID, api=api)


def test_the_api_begins_behind_the_issuer_unless_it_is_said() -> None:
    assert App(ISSUER, CLIENT_ID).api_url == App(f"{ISSUER}/", CLIENT_ID).api_url == f"{ISSUER}/api"
    assert App(ISSUER, CLIENT_ID, api="https://api.example/").api_url == "https://api.example"
