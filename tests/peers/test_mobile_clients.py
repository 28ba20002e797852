"""The two public mobile clients (wire §d), request by request, with what each needs back.

CLI-A: tenants and customers; endpoints by hand, secret optional. CLI-B: discovery, OpenID.
"""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jws
from joserfc.util import urlsafe_b64decode

from tests.peers.business import CUSTOMERS, LOGO, TENANT
from tests.peers.conftest import Register
from tests.peers.phones import (
    ANDROID,
    DART,
    FORM,
    IOS,
    Phone,
    authorization_address,
    checked_tokens,
    customers_in,
    send,
    tenants_in,
    token_request,
)
from tests.peers.visitor import Visitor, query_of
from tests.together.server import RunningServer
from tests.web.flows import VERIFIER, challenge_of

A_CALLBACK = "com.example.flextellcase://oauth-callback"
A_SCOPE = "account:read tenants:read customers:read"
B_CALLBACK = "com.example.flutter_application_flextell_case://oauth-callback"
B_SCOPE = "openid profile email offline_access customers:read"
STATE, NONCE = "Ew3dQk8z-random_state", "u7Jx-random_nonce"

PHONES = pytest.mark.parametrize("phone", [ANDROID, IOS], ids=["Android", "iOS"])
KINDS = pytest.mark.parametrize("public", [False, True], ids=["with a secret", "without"])


def sign_in(phone: Phone, alice: Visitor, answer: str = "allow") -> dict[str, str]:
    """A1 and B2: what the browser brings to the app's scheme."""
    asked = {
        "redirect_uri": phone.app.redirect_uri,
        "client_id": phone.app.client_id,
        "response_type": "code",
        "state": STATE,
        "nonce": NONCE,
        "scope": phone.app.scope,
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    endpoint = f"{phone.server.url}/oauth/authorize"
    landed = alice.visit(authorization_address(endpoint, asked), answer)
    assert landed.startswith(f"{phone.app.redirect_uri}?")
    said = query_of(landed)
    assert said["state"] == STATE  # AppAuth drops an answer with another one
    return said


def exchange(phone: Phone, alice: Visitor) -> Any:
    """A1 and A2, or B2 and B3."""
    return phone.ask_token(
        grant_type="authorization_code",
        code=sign_in(phone, alice)["code"],
        redirect_uri=phone.app.redirect_uri,
        code_verifier=VERIFIER,
    )


ALL_CUSTOMERS = {
    (f"{c.first_name} {c.last_name}", c.email or "", c.phone_number) for c in CUSTOMERS
}


def cli_a_headers(token: str) -> dict[str, str]:
    """What CLI-A sends with each call of the API."""
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


@PHONES
@KINDS
def test_cli_a_gets_all_it_needs(
    server: RunningServer,
    register: Register,
    alice: Visitor,
    phone: Mapping[str, str],
    public: bool,
) -> None:
    """A1 to A5, and the refresh again: CLI-A refreshes before every call."""
    cli_a = Phone(server, register(A_CALLBACK, A_SCOPE, public=public), phone)
    tokens = exchange(cli_a, alice)

    headers = cli_a_headers(tokens["access_token"])
    [(tenant_id, name, logo)] = tenants_in(cli_a.get("/api/v1/account/tenants", **headers))
    assert (name, logo) == (TENANT, LOGO)
    with_tenant = {**headers, "X-Tenant": tenant_id}
    assert customers_in(cli_a.get("/api/v1/customers", **with_tenant)) == ALL_CUSTOMERS

    for _ in range(2):
        before = tokens["refresh_token"]
        tokens = cli_a.ask_token(
            grant_type="refresh_token",
            refresh_token=before,
            redirect_uri=A_CALLBACK,
            scope=A_SCOPE,
        )
        assert tokens["refresh_token"] != before
        with_tenant |= cli_a_headers(tokens["access_token"])
        assert customers_in(cli_a.get("/api/v1/customers", **with_tenant)) == ALL_CUSTOMERS


def test_cli_a_shows_the_error_when_alice_says_no(
    server: RunningServer, register: Register, alice: Visitor
) -> None:
    """A1: the error stands in the query, beside the same state."""
    cli_a = Phone(server, register(A_CALLBACK, A_SCOPE), ANDROID)
    said = sign_in(cli_a, alice, answer="deny")
    assert said["error"] == "access_denied"
    assert "code" not in said


def test_cli_a_explains_each_refusal_rightly(
    server: RunningServer, register: Register, alice: Visitor
) -> None:
    """It looks for words: "tenant" and "scope" stand in an error only where they are to blame
    (wire §d.2, §d.3, §d.5 9)."""
    cli_a = Phone(server, register(A_CALLBACK, "users:read"), ANDROID)
    headers = cli_a_headers(exchange(cli_a, alice)["access_token"])
    unscoped = cli_a.get("/api/v1/account/tenants", **headers)
    assert (unscoped.status, "scope" in unscoped.text) == (403, True)
    unscoped = cli_a.get("/api/v1/customers", **headers)
    assert (unscoped.status, "tenant" in unscoped.text.lower()) == (403, False)

    wrong = cli_a_headers("not.a.token")
    for path, word in (("/api/v1/account/tenants", "scope"), ("/api/v1/customers", "tenant")):
        for given in (wrong, {"Accept": "application/json"}):
            refused = cli_a.get(path, **given)
            assert refused.status == 401
            assert word not in refused.text.lower()
            assert refused.json["message"]


def test_cli_a_is_told_when_the_tenant_is_the_problem(
    server: RunningServer, register: Register, alice: Visitor
) -> None:
    """A4 with a tenant that is not Alice's (wire §d.3)."""
    cli_a = Phone(server, register(A_CALLBACK, A_SCOPE), ANDROID)
    headers = cli_a_headers(exchange(cli_a, alice)["access_token"])
    refused = cli_a.get("/api/v1/customers", **headers, **{"X-Tenant": "987654"})
    assert (refused.status, "tenant" in refused.text) == (403, True)


@PHONES
def test_cli_b_gets_all_it_needs(
    server: RunningServer, register: Register, alice: Visitor, phone: Mapping[str, str]
) -> None:
    """B1 to B4 and B6, with an underscore in the scheme; B5 with the token it should have sent."""
    cli_b = Phone(server, register(B_CALLBACK, B_SCOPE), phone)
    check_discovery(cli_b)
    tokens = exchange(cli_b, alice)
    check_id_token(tokens["id_token"], cli_b)

    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": cli_b.app.client_id,
        "client_secret": cli_b.app.client_secret or "",
    }
    reply = send(
        "POST",
        f"{server.url}/oauth/token",
        server.trust(),
        {**DART, "content-type": FORM},
        urlencode(form),
    )
    renewed = checked_tokens(reply)
    again = cli_b.get(
        "/api/v1/customers",
        **{
            "content-type": "application/json",
            "authorization": f"Bearer {renewed['access_token']}",
        },
    )
    assert len(again.json["data"]) == len(CUSTOMERS)


def check_discovery(phone: Phone) -> None:
    """B1: one member missing stops the login."""
    address = f"{phone.server.url}/.well-known/openid-configuration"
    reply = send("GET", address, phone.server.trust(), {})
    assert reply.status == 200
    found = reply.json
    assert found["issuer"] == phone.server.url
    for member in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert found[member].startswith(f"{phone.server.url}/")
    assert found["authorization_endpoint"] == f"{phone.server.url}/oauth/authorize"
    assert found["token_endpoint"] == f"{phone.server.url}/oauth/token"
    assert "code" in found["response_types_supported"]
    assert "public" in found["subject_types_supported"]
    assert "RS256" in found["id_token_signing_alg_values_supported"]
    keys = send("GET", found["jwks_uri"], phone.server.trust(), {})
    assert (keys.status, bool(keys.json["keys"])) == (200, True)


def check_id_token(text: str, phone: Phone) -> None:
    """B3: what AppAuth looks at; the signature is not of that."""
    assert jws.extract_compact(text.encode()).headers()["alg"] == "RS256"
    claims = json.loads(urlsafe_b64decode(text.split(".")[1].encode()))
    assert claims["iss"] == phone.server.url
    assert claims["iss"].startswith("https://")
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    assert phone.app.client_id in audience or claims.get("azp") == phone.app.client_id
    now = time.time()
    assert claims["exp"] > now
    assert abs(now - claims["iat"]) < 10 * 60
    assert claims["nonce"] == NONCE


def test_cli_b_as_committed_is_refused(server: RunningServer, register: Register) -> None:
    """B5: it sends no token, and a content type without content: 401, not 415 (wire §e 16)."""
    cli_b = Phone(server, register(B_CALLBACK, B_SCOPE), ANDROID)
    refused = cli_b.get("/api/v1/customers", **{"content-type": "application/json"})
    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert refused.json["error"] == "unauthorized"
    assert "tenant" not in refused.text.lower()


@pytest.mark.parametrize("redirect_uri", [A_CALLBACK, B_CALLBACK])
def test_a_page_on_the_way_to_an_app_lets_its_form_end_there(
    server: RunningServer, register: Register, alice: Visitor, redirect_uri: str
) -> None:
    """A browser applies `form-action` to the redirect after a form; where no source expression
    can name the scheme (CSP 3 §2.3.1 knows no underscore) the page must not have the directive."""
    cli = Phone(server, register(redirect_uri, "customers:read"), ANDROID)
    sign_in(cli, alice)
    scheme = redirect_uri.partition(":")[0]
    consent = alice.seen[-1]
    assert 'value="allow"' in consent.text
    policy = consent.headers["content-security-policy"]
    directives = dict(
        part.strip().split(" ", 1) for part in policy.split(";") if " " in part.strip()
    )
    sources = directives.get("form-action", f"{scheme}:").split()
    assert f"{scheme}:" in sources


def test_a_challenge_that_was_sent_is_enforced(
    server: RunningServer, register: Register, alice: Visitor
) -> None:
    """Also for a client that proves itself by its secret (wire §d.5 3, RFC 7636 §4.6)."""
    app = register(A_CALLBACK, A_SCOPE)
    cli_a = Phone(server, app, ANDROID)
    form = {
        "grant_type": "authorization_code",
        "code": sign_in(cli_a, alice)["code"],
        "redirect_uri": A_CALLBACK,
    }
    headers, body = token_request(form, app.client_id, app.client_secret, ANDROID)
    refused = send("POST", f"{server.url}/oauth/token", server.trust(), headers, body)
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/oauth/token"),
        ("POST", "/oauth/revoke"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/api/v1/account/tenants"),
        ("GET", "/api/v1/customers"),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_no_endpoint_for_machines_redirects(
    server: RunningServer, method: str, path: str, slash: str
) -> None:
    """AppAuth on Android follows none (wire §d.5 1); a stray slash is told, not corrected."""
    body = "grant_type=refresh_token" if method == "POST" else ""
    headers = ANDROID if method == "POST" else DART
    reply = send(method, f"{server.url}{path}{slash}", server.trust(), headers, body)
    assert not 300 <= reply.status < 400
    assert "location" not in reply.headers
    if slash:
        assert reply.status in (401, 404)
